"""Vector graphics, and the node that stores them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.stored_files import store, workflow_texts
from services.files.records import FileKind

#: The tag that opens a drawing; a ">" inside of quotes does not end it.
_OPENING = re.compile(rb"""<svg\b(?:[^>"']|"[^"]*"|'[^']*')*>""")


class SVG:
    """What flows between nodes as SVG: drawings, each a file's content."""

    def __init__(self, data: Sequence[io.BytesIO]) -> None:
        if not all(isinstance(drawing, io.BytesIO) for drawing in data):
            raise TypeError("an SVG is made of a list of BytesIO")
        self.data = list(data)

    def combine(self, other: SVG) -> SVG:
        """The drawings of both."""
        return SVG([*self.data, *other.data])

    @staticmethod
    def combine_all(svgs: Iterable[SVG]) -> SVG:
        """The drawings of all."""
        return SVG([drawing for svg in svgs for drawing in svg.data])


class SaveSVGNode:
    """Drawings kept in the output folder."""

    RETURN_TYPES = ()
    FUNCTION = "save_svg"
    OUTPUT_NODE = True
    CATEGORY = "image/save"
    DESCRIPTION = "Saves the drawings to the output folder, with the workflow inside."
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The drawings and what their names begin with."""
        prefix = {
            "default": "svg/ComfyUI",
            "tooltip": "What the files' names begin with. Subfolders and tokens such as %year% may be used.",
        }
        return {"required": {"svg": ("SVG",), "filename_prefix": ("STRING", prefix)}, "hidden": HIDDEN}

    def save_svg(
        self,
        svg: SVG,
        filename_prefix: str = "svg/ComfyUI",
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store the drawings, the workflow in an element `metadata`, and say under which names.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ValueError: one of them is no drawing.
        """
        place = name_to_number(FileKind.OUTPUT, filename_prefix, 0, 0, datetime.now())
        texts = workflow_texts(prompt, extra_pnginfo)
        drawings = [_with_metadata(drawing.getvalue(), texts) for drawing in svg.data]
        return {"ui": {"images": [store(place, ".svg", drawing, index) for index, drawing in enumerate(drawings)]}}


def _with_metadata(drawing: bytes, texts: Mapping[str, Any]) -> bytes:
    """The drawing with the texts as JSON after its opening tag, where clients look; an empty one stays as it is."""
    opening = _OPENING.search(drawing)
    if opening is None:
        raise ValueError("svg: there is no element svg in it")
    if not texts or opening[0].endswith(b"/>"):
        return drawing
    content = json.dumps(texts).replace("]]>", "]]\\u003e")  # which would end it
    metadata = f"<metadata><![CDATA[{content}]]></metadata>".encode()
    return drawing[: opening.end()] + metadata + drawing[opening.end() :]


NODES: tuple[type, ...] = (SaveSVGNode,)
