"""A stack that runs the nodes of the recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.stack import PACKS, Stack, running, wait_for

#: Packs of the recordings: the probing nodes, and stand-ins for those of ComfyUI's own tests.
RECORDED_PACKS = (PACKS / "probe", Path(__file__).parent / "packs" / "testing")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all recordings, with the input file that they name."""
    custom_nodes = tmp_path_factory.mktemp("custom_nodes")
    for pack in RECORDED_PACKS:
        (custom_nodes / pack.name).symlink_to(pack)
    data = tmp_path_factory.mktemp("stack")
    (data / "input").mkdir()
    Image.new("RGB", (8, 8)).save(data / "input" / "example.png")
    with running(data, custom_nodes) as stack:
        wait_for(lambda: "TestSleep" in stack.get("/object_info"), "the catalogue of nodes")
        yield stack
