"""The doctor says what is here and what is missing, and never prints a token."""

import pytest

from qtwin._cli import doctor


def test_doctor_says_what_is_here_and_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "MAC_CHROME", doctor.Path("nowhere"))
    lines = ["numpy>=2", "nonesuch>=1; extra == 'lab'", "pytest; extra == 'dev'", "nonesuch>=1; extra == 'dev'"]
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: lines)
    doctor.doctor()
    out = capsys.readouterr().out
    rows = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert "numpy 2" in rows["core"] and "missing" not in rows["core"]
    assert "missing: nonesuch: pip install 'qtwin[lab]'" in rows["lab"]
    assert "pytest" in rows["dev"] and "missing" not in rows["dev"]  # said once, under lab
    assert "apt install chromium" in rows["browser"]
    assert "GB free" in rows["memory"] and "usable" in rows["cores"]


@pytest.mark.parametrize("name, value", [("DWAVE_CONFIG_FILE", "missing.conf"), ("DWAVE_PROFILE", "nope")])
def test_doctor_says_that_the_configuration_is_broken(monkeypatch, capsys, tmp_path, name, value):
    monkeypatch.setenv(name, str(tmp_path / value) if name.endswith("FILE") else value)
    doctor.doctor()
    assert "configuration cannot be read" in capsys.readouterr().out


def test_doctor_never_prints_the_token(monkeypatch, capsys):
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-secret")
    doctor.doctor()
    out = capsys.readouterr().out
    assert "secret" not in out and "found" in out


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_browser_is_looked_for_on_the_path(monkeypatch, tmp_path, name):
    (tmp_path / name).write_text("")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.find_browser() == str(tmp_path / name)


def test_browser_on_a_mac(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    monkeypatch.setattr(doctor, "MAC_CHROME", tmp_path / "Google Chrome")
    assert doctor.find_browser() is None
    (tmp_path / "Google Chrome").write_text("")
    assert doctor.find_browser() == str(tmp_path / "Google Chrome")
