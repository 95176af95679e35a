"""A replaced file is the old one or the new one, whatever happens in between."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from qtwin._support import files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_take_the_place_of_the_old_content(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("old and longer")
    files.replace(path, "ä")
    assert path.read_bytes() == "ä".encode()
    files.replace(str(path), b"\x00\r\n")
    assert path.read_bytes() == b"\x00\r\n"
    assert names(tmp_path) == ["state.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "state.json"
    path.write_text("old")
    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(OSError, match="No space"):
        files.replace(path, "new")
    assert path.read_text() == "old" and names(tmp_path) == ["state.json"]


def test_a_kill_while_it_writes_leaves_the_old_file(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("old")
    code = "import os, sys; from qtwin._support import files; os.fsync = lambda _: os._exit(9); "
    code += "files.replace(*sys.argv[1:])"
    assert subprocess.run([sys.executable, "-c", code, str(path), "new"]).returncode == 9
    assert path.read_text() == "old"


def test_the_content_is_on_the_disk_before_the_name_and_the_name_after(tmp_path, monkeypatch):
    seen = []
    for step in ("fsync", "replace"):
        real = getattr(os, step)
        monkeypatch.setattr(files.os, step, lambda *a, step=step, real=real: (seen.append(step), real(*a))[1])
    files.replace(tmp_path / "state.json", "new")
    assert seen == ["fsync", "replace", "fsync"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_a_link_to_the_new_content(tmp_path):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "real.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    files.replace(link, "new")
    assert link.is_symlink() and target.read_text() == "new" and names(tmp_path / "disk") == ["real.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
def test_who_may_read_a_file_stays_as_it_was(tmp_path):
    path, new = tmp_path / "state.json", tmp_path / "new.json"
    for mode in (0o600, 0o640):
        path.touch()
        path.chmod(mode)
        files.replace(path, "new")
        assert path.stat().st_mode & 0o777 == mode
    (tmp_path / "usual").touch()
    files.replace(new, "new")
    assert new.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_two_threads_do_not_mix_their_contents(tmp_path):
    contents = [bytes([letter]) * 100_000 for letter in b"abcd"]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda content: files.replace(tmp_path / "state", content), contents * 5))
    assert (tmp_path / "state").read_bytes() in contents and names(tmp_path) == ["state"]


def test_it_needs_the_standard_library_only():
    code = "import sys, qtwin._support.files; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "numba", "scipy", "torch", "safetensors"}.isdisjoint(loaded)
