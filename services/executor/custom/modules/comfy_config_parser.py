"""`comfy_config.config_parser`: what a pack says of itself in its `pyproject.toml`.

The fields are those of the registry's specification, https://docs.comfy.org/registry/specifications.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class URLs:
    """Where to find more."""

    homepage: str = ""
    documentation: str = ""
    repository: str = ""
    issues: str = ""


@dataclass(frozen=True)
class ProjectConfig:
    """The section `project`."""

    name: str = ""
    description: str = ""
    version: str = "1.0.0"
    requires_python: str = ">= 3.9"
    dependencies: list[str] = field(default_factory=list)
    #: the licence's name, or its text or file
    license: str = ""
    urls: URLs = field(default_factory=URLs)
    classifiers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ComfyConfig:
    """The section `tool.comfy`."""

    publisher_id: str = ""
    display_name: str = ""
    icon: str = ""
    banner_url: str = ""
    requires_comfyui: str = ""
    models: list[Any] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    #: the folder of scripts for browsers
    web: str | None = None


@dataclass(frozen=True)
class PyProjectConfig:
    """Both sections."""

    project: ProjectConfig = field(default_factory=ProjectConfig)
    tool_comfy: ComfyConfig = field(default_factory=ComfyConfig)


def extract_node_configuration(path: Any) -> PyProjectConfig | None:
    """What the pack in a folder says of itself; None when it says nothing, or nothing that can be read."""
    file = Path(path) / "pyproject.toml"
    try:
        parsed = tomllib.loads(file.read_text(encoding="utf-8"))
        return PyProjectConfig(_project(parsed.get("project", {})), _comfy(parsed.get("tool", {}).get("comfy", {})))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.warning("%s cannot be read: %s", file, error)
        return None


def _project(section: Mapping[str, Any]) -> ProjectConfig:
    urls = {name.lower(): str(url) for name, url in section.get("urls", {}).items()}
    known = {name: urls.get(name, "") for name in ("homepage", "documentation", "repository", "issues")}
    named = section.get("license", "")
    return ProjectConfig(
        name=str(section.get("name", "")),
        description=str(section.get("description", "")),
        version=str(section.get("version", "1.0.0")),
        requires_python=str(section.get("requires-python", ">= 3.9")),
        dependencies=[str(name) for name in section.get("dependencies", [])],
        license=str(named.get("text") or named.get("file") or "") if isinstance(named, Mapping) else str(named),
        urls=URLs(**known),
        classifiers=[str(name) for name in section.get("classifiers", [])],
    )


def _comfy(section: Mapping[str, Any]) -> ComfyConfig:
    return ComfyConfig(
        publisher_id=str(section.get("PublisherId", "")),
        display_name=str(section.get("DisplayName", "")),
        icon=str(section.get("Icon", "")),
        banner_url=str(section.get("Banner", "")),
        requires_comfyui=str(section.get("requires-comfyui", "")),
        models=list(section.get("Models", [])),
        includes=[str(name) for name in section.get("includes", [])],
        web=section.get("web"),
    )
