"""The node that shows masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.nodes.masks import MaskToImage
from services.executor.nodes.saving import HIDDEN, PreviewImage


class MaskPreview:
    """Masks shown as grey pictures and not kept."""

    RETURN_TYPES = ()
    FUNCTION = "execute"
    OUTPUT_NODE = True
    CATEGORY = "mask"
    DESCRIPTION = "Shows the masks as grey pictures without keeping them."
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_mask"

    def __init__(self) -> None:
        self._pictures = PreviewImage()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The masks."""
        return {"required": {"mask": ("MASK",)}, "hidden": HIDDEN}

    def execute(
        self, mask: Tensor, prompt: object = None, extra_pnginfo: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Store the masks among the temporary pictures."""
        (images,) = MaskToImage().mask_to_image(mask)
        return self._pictures.save_images(images, prompt=prompt, extra_pnginfo=extra_pnginfo)


NODES = (MaskPreview,)
