"""The node that stores vector graphics."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from services.errors import InvalidArgument
from services.executor.nodes.vector_graphics import SVG, SaveSVGNode
from tests.executor.nodes.conftest import Surroundings

DRAWING = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" id="a>b"><rect/></svg>'
PROMPT = {"1": {"class_type": "SaveSVGNode", "inputs": {"text": "]]>"}}}


def drawings(*contents: bytes) -> SVG:
    return SVG([io.BytesIO(content) for content in contents])


def save(svg: SVG, prefix: str = "svg/drawing", **options: Any) -> Any:
    return SaveSVGNode().save_svg(svg, prefix, **options)["ui"]["images"]


def test_every_drawing_becomes_a_file(surroundings: Surroundings) -> None:
    assert save(drawings(DRAWING, DRAWING), "svg/%batch_num%") == [
        {"filename": "0_00001_.svg", "subfolder": "svg", "type": "output"},
        {"filename": "1_00001_.svg", "subfolder": "svg", "type": "output"},
    ]
    assert (surroundings.folder / "output/svg/0_00001_.svg").read_bytes() == DRAWING


def test_the_workflow_is_where_clients_look_for_it(surroundings: Surroundings) -> None:
    save(drawings(DRAWING), prompt=PROMPT, extra_pnginfo={"workflow": {"nodes": []}})
    saved = (surroundings.folder / "output/svg/drawing_00001_.svg").read_text()
    found = re.search(r"<metadata>\s*<!\[CDATA\[([\s\S]*?)]]>\s*</metadata>", saved)
    assert found is not None
    assert json.loads(found[1]) == {"prompt": PROMPT, "workflow": {"nodes": []}}
    root = ET.fromstring(saved)
    assert [child.tag.partition("}")[2] for child in root] == ["metadata", "rect"]
    assert root.get("id") == "a>b"


def test_a_drawing_with_nothing_in_it_stays_as_it_is(surroundings: Surroundings) -> None:
    empty = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    save(drawings(empty), prompt=PROMPT)
    assert (surroundings.folder / "output/svg/drawing_00001_.svg").read_bytes() == empty


def test_drawings_are_combined() -> None:
    one, other = drawings(b"1"), drawings(b"2", b"3")
    assert [data.getvalue() for data in one.combine(other).data] == [b"1", b"2", b"3"]
    assert len(SVG.combine_all([one, other, one]).data) == 4
    assert len(one.data) == 1


def test_what_is_no_drawing_is_refused_before_anything_is_stored(surroundings: Surroundings) -> None:
    with pytest.raises(ValueError, match="^svg: there is no element svg in it"):
        save(drawings(DRAWING, b"<html></html>"))
    with pytest.raises(InvalidArgument, match="filename_prefix"):
        save(drawings(DRAWING), "../evil")
    content: Any = [DRAWING]
    with pytest.raises(TypeError, match="BytesIO"):
        SVG(content)
    assert not list(surroundings.folder.rglob("*.svg"))
