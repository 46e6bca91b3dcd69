"""The node that makes pictures look like frames of a video."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import IMAGE, whole
from services.executor.nodes.schema_node import SchemaNode
from services.executor.nodes.video.decoding import read_video
from services.executor.nodes.video.encoding import video_stream, write_frames, written

MOST_COMPRESSION = 51  # of H.264 with 8 bits a sample


class LTXVPreprocess(SchemaNode):
    """Pictures as a video's compression leaves them, which LTX-Video moves more readily."""

    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("output_image",)
    FUNCTION = "execute"
    CATEGORY = "image"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_lt"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures and how much to compress them."""
        _, options = whole(35, 0, 100, step=None)
        compression = {**options, "tooltip": "How much is lost, as H.264's constant rate factor."}
        return {"required": {"image": IMAGE, "img_compression": ("INT", compression)}}

    def execute(self, image: Tensor, img_compression: int) -> tuple[Tensor]:
        """Return each picture as a video of one frame holds it, without an odd last row or column; at 0 as it is.

        Raises:
            ValueError: the encoder refuses the pictures.
        """
        if img_compression == 0:
            return (image,)
        if min(image.shape[1:3]) < 2:
            raise ValueError("image: H.264 needs at least 2 pixels a side")
        crf = min(img_compression, MOST_COMPRESSION)
        return (torch.cat([_compressed(image[index : index + 1], crf) for index in range(len(image))]),)


def _compressed(picture: Tensor, crf: int) -> Tensor:
    height, width = (side // 2 * 2 for side in picture.shape[1:3])
    even = picture[:, :height, :width]
    buffer = io.BytesIO()
    with written(buffer, "mp4") as container:
        stream = video_stream(container, "libx264", even, Fraction(1), crf=str(crf), preset="veryfast")
        write_frames(container, stream, even)
    buffer.seek(0)
    return read_video(buffer, "image").images.to(picture.device)


NODES: tuple[type, ...] = (LTXVPreprocess,)
