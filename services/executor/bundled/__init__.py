"""What comes with the executor: a small checkpoint and an upscaler, so that a first picture needs no download, and a
pack of nodes that widely shared workflows use.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parents[2]

#: A root of model folders.
MODELS = _HERE


def node_packs() -> Path:
    """The folder of packs: in this package where it was installed, at the top of the repository where it was cloned."""
    installed = _HERE / "custom_nodes"
    return installed if installed.is_dir() else _REPOSITORY / "custom_nodes"
