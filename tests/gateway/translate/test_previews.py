"""What running nodes show, byte for byte."""

from __future__ import annotations

from services.gateway.translate.previews import preview_frame, text_frame
from services.graph.events import NodePreview, NodeRef, NodeText

NODE = NodeRef.of_workflow("12")


def test_a_text_carries_the_nodes_id_and_utf_8() -> None:
    assert text_frame(NodeText(NODE, "héllo")) == b"\0\0\0\3" + b"\0\0\0\2" + b"12" + "héllo".encode()


def test_a_plain_picture_carries_its_format() -> None:
    assert (
        preview_frame(NodePreview(NODE, "image/png", b"PNG"), "p", metadata=False) == b"\0\0\0\1" + b"\0\0\0\2" + b"PNG"
    )


def test_a_picture_with_metadata_says_whose_it_is() -> None:
    frame = preview_frame(NodePreview(NODE, "image/jpeg", b"JPEG"), "p", metadata=True)
    length = int.from_bytes(frame[4:8], "big")
    assert frame[:4] == b"\0\0\0\4"
    assert frame[8 + length :] == b"JPEG"
    assert b'"prompt_id":"p"' in frame[8 : 8 + length]
