"""Shipped tables: what is written is read back, and a changed number is noticed."""

import hashlib
import json

import numpy as np
import pytest

from qtwin import shipped

RECIPE = {"command": "python -m benchmarks.nothing", "seed": 3}


def written(folder, **arrays):
    return shipped.write_results("table", RECIPE, arrays, {"numpy": "2"}, 12.34, folder=folder)


def test_what_is_written_is_read_back(tmp_path):
    mse = np.array([[1.23456789e-5, np.nan], [0.1, 2.0]])
    written(tmp_path, mse=mse, sizes=np.array([3, 4]), family=["chain", "all_to_all"])
    table = shipped.results("table", folder=tmp_path)
    assert np.allclose(table.arrays["mse"], mse, rtol=1e-7, atol=0, equal_nan=True)
    assert table.arrays["mse"].dtype == float and table.arrays["sizes"].dtype.kind == "i"
    assert table.arrays["sizes"].tolist() == [3, 4] and table.arrays["family"].tolist() == ["chain", "all_to_all"]
    assert (table.name, table.recipe, table.made_with, table.seconds) == ("table", RECIPE, {"numpy": "2"}, 12.3)
    assert not table.arrays["mse"].flags.writeable and "mse (2, 2)" in repr(table)


def test_hash_is_sha256_of_the_stored_numbers(tmp_path):
    written(tmp_path, a=np.array([1 / 3, np.nan]))
    text = '{"arrays":{"a":[0.3333333,null]},"recipe":{"command":"python -m benchmarks.nothing","seed":3}}'
    assert shipped.results("table", folder=tmp_path).sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("place", ["arrays", "recipe"])
def test_altered_file_is_refused(tmp_path, place):
    path = written(tmp_path, a=np.array([0.5, 0.25]))
    data = json.loads(path.read_text())
    data[place]["seed" if place == "recipe" else "a"] = 4 if place == "recipe" else [0.5, 0.26]
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="table: the hash.*python -m benchmarks.nothing"):
        shipped.results("table", folder=tmp_path)


def test_one_clear_error_for_missing_things(tmp_path):
    with pytest.raises(ValueError, match="no shipped results 'other'; there are: none yet"):
        shipped.results("other", folder=tmp_path / "nowhere")
    written(tmp_path, a=[1.0])
    with pytest.raises(ValueError, match="there are: table"):
        shipped.results("other", folder=tmp_path)
    with pytest.raises(ValueError, match="missing: .*sha256"):
        shipped.parse_results('{"name": "x", "arrays": {}}')
    with pytest.raises(ValueError, match="command"):
        shipped.write_results("x", {}, {}, {}, 0, folder=tmp_path)


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="'a' holds infinity"):
        written(tmp_path, a=[np.inf])
    with pytest.raises(ValueError, match="'a' must hold numbers or text"):
        written(tmp_path, a=np.array([1j]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", shipped.result_names())
def test_every_shipped_table_is_whole(name):
    table = shipped.results(name)
    assert table.name == name and table.arrays and table.seconds >= 0 and "numpy" in table.made_with


def test_versions_name_the_packages():
    assert shipped.versions("scipy").keys() == {"python", "qtwin", "numpy", "scipy"}
    assert shipped.versions()["numpy"] == np.__version__
