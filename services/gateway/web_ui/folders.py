"""Where the files of the web UI lie.

They come with `comfyui-frontend-package`, `comfyui-workflow-templates` and `comfyui-embedded-docs`, the extra `webui`.
The packages are found by the names of their folders: importing one would run its code in the gateway.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from services.errors import InvalidArgument
from services.files.names import resolve

#: `--front-end`: what is installed, or nothing.
INSTALLED = "auto"
NONE = "none"

_FRONT_END = "comfyui-frontend-package"
_TEMPLATES = ("comfyui-workflow-templates", "comfyui-workflow-templates-json")

#: Below the folders of installed packages: workflows and their pictures are spread over several packages.
_FRONT_END_FILES = "comfyui_frontend_package/static"
_TEMPLATE_FILES = "comfyui_workflow_templates*/templates"
_DOCS_FILES = "comfyui_embedded_docs/docs"


@dataclass(frozen=True)
class WebUi:
    """What browsers are given."""

    #: the page and its scripts, served at `/`; None leaves `/` to the status page
    front_end: Path | None = None
    #: served below `/NAME/`: the first folder that has a file wins
    mounts: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    #: as installed, empty where nothing is
    front_end_version: str = ""
    templates_version: str = ""

    def locate(self, path: str) -> Path | None:
        """The file that an absolute URL path names, None where there is none; nothing outside the folders is named.

        This asks the file system.
        """
        first, _, rest = path.removeprefix("/").partition("/")
        if first in self.mounts:
            folders, name = self.mounts[first], rest
        else:
            folders, name = [self.front_end] if self.front_end else [], path.removeprefix("/")
        return next((found for folder in folders if (found := _file_within(folder, name))), None)

    def scripts(self) -> list[str]:
        """The URL paths of the extensions that the front end brings itself."""
        if self.front_end is None:
            return []
        found = (self.front_end / "extensions").rglob("*.js")
        return sorted(f"/{path.relative_to(self.front_end).as_posix()}" for path in found)


def web_ui(front_end: str) -> WebUi:
    """What `--front-end` asks for: `INSTALLED`, `NONE`, or a folder that holds a build of the web UI.

    Raises:
        InvalidArgument: the folder holds no web UI.
    """
    if front_end == NONE:
        return WebUi()
    if front_end == INSTALLED:
        folder = next(iter(_installed(_FRONT_END_FILES)), None)
    else:
        folder = Path(front_end)
        if not (folder / "index.html").is_file():
            raise InvalidArgument(f"front-end: {front_end} has no index.html; give a folder that holds a built web UI")
    if folder is None:
        return WebUi()
    return WebUi(
        front_end=folder.resolve(),
        mounts={"templates": _installed(_TEMPLATE_FILES), "docs": _installed(_DOCS_FILES)},
        front_end_version=_version(_FRONT_END) if front_end == INSTALLED else "",
        templates_version=next(filter(None, map(_version, _TEMPLATES)), ""),
    )


def _installed(pattern: str) -> list[Path]:
    folders = dict.fromkeys(Path(entry) for entry in sys.path if entry)
    return [found.resolve() for folder in folders for found in sorted(folder.glob(pattern)) if found.is_dir()]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _file_within(folder: Path, name: str) -> Path | None:
    try:
        path = Path(resolve(str(folder), name.lstrip("/")))
        return path if path.is_file() else None
    except (InvalidArgument, OSError, ValueError):
        return None
