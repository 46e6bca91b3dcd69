"""Where the files of the web UI are found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from services.errors import InvalidArgument
from services.gateway.web_ui.folders import INSTALLED, NONE, WebUi, web_ui
from tests.gateway.web_ui.site import install


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebUi:
    install(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return web_ui(INSTALLED)


def test_installed_packages_are_found_without_being_imported(installed: WebUi, tmp_path: Path) -> None:
    assert installed.front_end == tmp_path / "comfyui_frontend_package" / "static"
    assert (installed.front_end_version, installed.templates_version) == ("1.58.1", "0.1.123")
    assert not [name for name in sys.modules if name.startswith("comfyui_")]


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/index.html", "comfyui_frontend_package/static/index.html"),
        ("/scripts/app.js", "comfyui_frontend_package/static/scripts/app.js"),
        ("/templates/default.json", "comfyui_workflow_templates_json/templates/default.json"),
        ("/templates/default-1.webp", "comfyui_workflow_templates_media_image/templates/default-1.webp"),
        ("/docs/KSampler/en.md", "comfyui_embedded_docs/docs/KSampler/en.md"),
        ("/assets/../index.html", "comfyui_frontend_package/static/index.html"),
    ],
)
def test_a_path_names_a_file(installed: WebUi, tmp_path: Path, path: str, file: str) -> None:
    assert installed.locate(path) == tmp_path / file


def test_the_scripts_of_the_front_end_itself_are_listed(installed: WebUi) -> None:
    assert installed.scripts() == ["/extensions/core/clipspace.js"]


@pytest.mark.parametrize("choice", [NONE, INSTALLED])
def test_where_nothing_is_installed_or_wanted_there_is_nothing(monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    monkeypatch.setattr(sys, "path", [])
    nothing = web_ui(choice)
    assert nothing == WebUi()
    assert nothing.locate("/index.html") is None
    assert nothing.scripts() == []


def test_a_build_of_ones_own_is_served_with_the_installed_templates(
    installed: WebUi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "my build"
    own.mkdir()
    (own / "index.html").write_text("mine")
    chosen = web_ui(str(own))
    assert chosen.locate("/index.html") == own / "index.html"
    assert chosen.locate("/templates/default.json") == installed.locate("/templates/default.json")
    assert chosen.front_end_version == ""


def test_a_folder_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"front-end: .* has no index\.html"):
        web_ui(str(tmp_path))
