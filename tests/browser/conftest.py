"""A JupyterLab server on loopback and a headless Chromium for the browser tests.

Without a browser the tests are skipped with one line; with CI=true that is a failure.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from qtwin.course import BROWSER_HELP, find_browser

from .seen import small_notebook

KERNEL_IS_IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CELLS = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = [...panel.content.model.cells].filter((c) => c.type === "code" && c.sharedModel.source.trim());
  const idle = panel.sessionContext.session.kernel.status === "idle";
  return RULE;
}"""
NOTHING_RAN = CELLS.replace("RULE", "cells.every((c) => !c.executionCount)")
ALL_CELLS_RAN = CELLS.replace("RULE", "idle && cells.every((c) => c.executionCount > 0)")
ROOT = Path(__file__).parents[2]
MISSING = f"the browser tests did not run: {BROWSER_HELP}"
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: drives JupyterLab in a real browser")


@pytest.fixture
def missing_browser():
    """The rule for a machine without a browser, to be tested on one that has it."""
    return no_browser


def no_browser(ci):
    """Skip, or with CI=true fail, in one line."""
    if ci:
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; no browser of Playwright's own is downloaded."""
    path = find_browser()
    if path is None:
        no_browser(os.environ.get("CI") == "true")
    sync_api = pytest.importorskip("playwright.sync_api")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *root])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A running JupyterLab: {'url', 'token', 'folder'}; it is stopped by its own process id."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    if (ROOT / "notebooks").is_dir():
        shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    folder.mkdir(exist_ok=True)
    _settings(home)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    log = (home / "server.log").open("w")
    server = subprocess.Popen(_command(port, token, folder), cwd=folder, stdout=log, stderr=log, env=_environment(home))
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, token, server, home / "server.log")
        yield dict(url=url, token=token, folder=folder)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


@pytest.fixture(scope="module")
def page(browser, lab):
    """A page that notes console errors, page errors and requests to other hosts in ``page.trouble``."""
    context = browser.new_context(viewport=dict(width=1400, height=1000))
    context.set_default_timeout(180_000)  # a busy machine is slow, not wrong
    page = context.new_page()
    page.trouble = []
    page.on("console", lambda m: page.trouble.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: page.trouble.append(f"page error: {error}"))
    page.on("request", lambda request: _foreign(page, request.url, lab["url"]))
    page.on("websocket", lambda socket: _foreign(page, socket.url, lab["url"]))
    yield page
    context.close()


@pytest.fixture(scope="module")
def run_notebook(page, lab):
    """Open a notebook of the server's folder, run all its cells, wait until the kernel is idle again."""

    def run(name, seconds=240):
        page.trouble.clear()
        page.goto(f"{lab['url']}/lab/tree/{name}?token={lab['token']}&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.wait_for_function(KERNEL_IS_IDLE)
        page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        page.wait_for_function(NOTHING_RAN)
        page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(ALL_CELLS_RAN, timeout=1000 * seconds)
        return page

    yield run
    page.goto("about:blank")


@pytest.fixture(scope="module")
def open_explorer(run_notebook, lab):
    """Run a notebook of one cell that shows an explorer → the page."""

    def run(source, name):
        (lab["folder"] / f"{name}.ipynb").write_text(json.dumps(small_notebook(source)))
        return run_notebook(f"{name}.ipynb")

    return run


def _foreign(page, url, own):
    if not url.startswith((own, own.replace("http", "ws"), "data:", "blob:", "about:")):
        page.trouble.append(f"request to another host: {url}")


def _settings(home):
    """No news, no update check, no dialogs in this Lab."""
    folder = home / "settings" / "@jupyterlab"
    quiet = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "docmanager-extension/plugin": {"autosave": False},
        "notebook-extension/tracker": {"windowingMode": "none"},
    }
    for name, settings in quiet.items():
        path = folder / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))


def _command(port, token, folder):
    return [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None"),
    ]


def _environment(home):
    keep = dict(os.environ)
    keep.pop("JUPYTER_TOKEN", None)
    paths = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    keep |= {name: str(home / folder) for name, folder in paths.items()}
    keep |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    keep |= {"IPYTHONDIR": str(home / "ipython"), "TQDM_DISABLE": "1"}
    return keep | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def _wait(url, token, server, log, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"JupyterLab ended with code {server.returncode}: {log.read_text()[-2000:]}", pytrace=False)
        try:
            urllib.request.urlopen(f"{url}/api/status?token={token}", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not answer in {seconds} s: {log.read_text()[-2000:]}", pytrace=False)
