"""What packs bring for front ends beside scripts, in folders of agreed names."""

from __future__ import annotations

from pathlib import Path

#: What it is, and the folders of a pack that may hold it: the first one that is there does.
_FOLDERS = {
    "locales": ("locales",),
    "subgraphs": ("subgraphs",),
    "workflows": ("example_workflows", "example", "examples", "workflow", "workflows"),
}


def document_folders(pack: Path) -> dict[str, Path]:
    """The folders of a pack with translations (`locales`), example workflows (`workflows`) and `subgraphs`."""
    if not pack.is_dir():
        return {}
    found = {}
    for what, names in _FOLDERS.items():
        folders = [pack / name for name in names if (pack / name).is_dir()]
        if folders:
            found[what] = folders[0]
    return found
