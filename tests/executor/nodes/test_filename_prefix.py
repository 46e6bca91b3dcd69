"""What saved pictures' names begin with, as ComfyUI was seen to do it."""

from __future__ import annotations

from datetime import datetime

import pytest

from services.errors import InvalidArgument
from services.executor.nodes.filename_prefix import for_item, name_to_number
from services.files.records import FileKind, FileName

NOW = datetime(2026, 3, 7, 9, 5, 1)


@pytest.mark.parametrize(
    ("prefix", "subfolder", "filename"),
    [
        ("nm", "", "nm"),
        ("deep/er/pre", "deep/er", "pre"),
        ("%year%-%month%-%day%_%hour%%minute%%second%", "", "2026-03-07_090501"),
        ("%width%x%height%", "", "20x10"),
        ("%width%/a", "20", "a"),
        ("%date:yyyy-MM-dd%", "", "%date:yyyy-MM-dd%"),
        ("%My Title.width%", "", "%My Title.width%"),
        ("%batch_num%/%batch_num%", "%batch_num%", "%batch_num%"),
        ("a/../norm", "", "norm"),
        ("dirslash/", "", "dirslash"),
        ("", "", "."),
        ("v1.2.final", "", "v1.2.final"),
        ("é 漢 x", "", "é 漢 x"),
    ],
)
def test_a_prefix_names_a_subfolder_and_a_beginning(prefix: str, subfolder: str, filename: str) -> None:
    assert name_to_number(FileKind.OUTPUT, prefix, 20, 10, NOW) == FileName(FileKind.OUTPUT, subfolder, filename)


@pytest.mark.parametrize("prefix", ["../evil", "/elsewhere/evil", "a/../../evil", "..", "a\0b", "back\\slash"])
def test_a_prefix_that_leads_elsewhere_is_refused_by_the_name_of_the_input(prefix: str) -> None:
    with pytest.raises(InvalidArgument, match="^filename_prefix: "):
        name_to_number(FileKind.OUTPUT, prefix, 20, 10, NOW)


def test_the_place_in_the_batch_is_part_of_the_name() -> None:
    assert for_item("bn_%batch_num%", 3) == "bn_3"
    assert for_item("plain", 3) == "plain"
