"""One bar: silent where that is asked for, counting on from what is done."""

import pytest

from qtwin._support.progress import bar


def test_it_counts_on_from_what_is_done(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    with bar(10, "curves", "curve", initial=4) as shown:
        shown.update(2)
        assert (shown.n, shown.total, shown.desc, shown.unit, shown.delay) == (6, 10, "curves", "curve", 1)
        assert not shown.disable


@pytest.mark.parametrize(
    ("variable", "silent", "disabled"), [("1", False, True), ("0", False, False), ("", True, True)]
)
def test_it_is_silent_where_asked(monkeypatch, variable, silent, disabled):
    monkeypatch.setenv("TQDM_DISABLE", variable)
    assert bar(3, "curves", "curve", silent=silent).disable is disabled


def test_a_short_task_shows_nothing(monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", "0")
    with bar(2, "curves", "curve") as shown:
        shown.update(2)
    assert capsys.readouterr().err == ""
