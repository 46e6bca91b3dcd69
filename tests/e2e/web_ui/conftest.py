"""A browser, and the web UI in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from playwright.sync_api import ViewportSize, sync_playwright

from tests.e2e.stack import Stack
from tests.e2e.web_ui.ui import Ui

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

#: No name but our own address is looked up: the web UI also asks its makers for news.
ARGUMENTS = ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]

#: Small enough for a machine without a graphics card, and large enough to show texts in nodes.
SIZE = ViewportSize(width=1600, height=900)


@pytest.fixture(scope="module")
def ui(stack: Stack) -> Iterator[Ui]:
    """The web UI of a stack, opened in a browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is on the PATH (apt-get install chromium)")
    if find_spec("comfyui_frontend_package") is None:
        pytest.skip("no web UI is installed (pip install comfyui-frontend-package)")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=browser, args=ARGUMENTS) as opened:
        ui = Ui(opened.new_page(viewport=SIZE), stack.url)
        ui.open()
        ui.button("Close dialog").click()  # templates are offered at the first visit
        yield ui
