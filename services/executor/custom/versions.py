"""Which version of a pack this is, as far as its folder tells."""

from __future__ import annotations

import tomllib
from pathlib import Path

#: Characters that a version may have; what is longer is none.
LONGEST = 100


def version_of(pack: Path) -> str:
    """The version of the pack's project, or the commit of its checkout; empty where there is neither."""
    if not pack.is_dir():
        return ""
    return (_of_project(pack) or _of_checkout(pack))[:LONGEST]


def _of_project(pack: Path) -> str:
    try:
        project = tomllib.loads((pack / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        return str(project.get("version", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _of_checkout(pack: Path) -> str:
    """The commit that HEAD names, by itself or by a branch."""
    git = pack / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        reference = head.removeprefix("ref: ")
        if ".." not in reference and (git / reference).is_file():
            return (git / reference).read_text(encoding="utf-8").strip()
        packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {reference}")), "")
    except (OSError, ValueError, IndexError):
        return ""
