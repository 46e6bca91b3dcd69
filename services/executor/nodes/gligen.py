"""Nodes that say where in the picture something is, in words."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.conditioning import Conditioning
from services.executor.environment import environment
from services.executor.nodes.conditioning_regions import CONDITIONING
from services.executor.nodes.declarations import LONGEST_SIDE, whole
from services.executor.nodes.latent import CELL
from services.executor.patching.gligen import POSITION, load_gligen

FOLDER = "gligen"


class GLIGENLoader:
    """The GLIGEN in a file."""

    RETURN_TYPES = ("GLIGEN",)
    FUNCTION = "load_gligen"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"gligen_name": (environment().model_names(FOLDER),)}}

    def load_gligen(self, gligen_name: str) -> tuple[Any]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no GLIGEN.
        """
        return (load_gligen(environment().models.path(FOLDER, gligen_name)),)


class GLIGENTextBoxApply:
    """A conditioning with one more phrase that belongs into a box."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning/gligen"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the text encoder, the GLIGEN, the phrase, and its box in pixels."""
        side, place = whole(64, CELL, LONGEST_SIDE, step=CELL), whole(0, 0, LONGEST_SIDE, step=CELL)
        return {
            "required": {
                "conditioning_to": CONDITIONING,
                "clip": ("CLIP",),
                "gligen_textbox_model": ("GLIGEN",),
                "text": ("STRING", {"multiline": True, "dynamicPrompts": True}),
                "width": side,
                "height": side,
                "x": place,
                "y": place,
            }
        }

    def append(
        self,
        conditioning_to: Conditioning,
        clip: Any,
        gligen_textbox_model: Any,
        text: str,
        width: int,
        height: int,
        x: int,
        y: int,
    ) -> tuple[Conditioning]:
        """Return the conditioning with the box.

        Raises:
            ValueError: there is no text encoder or no GLIGEN, the one was not made for the other, or there are more
                boxes than it takes.
        """
        for name, given in (("clip", clip), ("gligen_textbox_model", gligen_textbox_model)):
            if given is None:
                raise ValueError(f"{name}: there is none")
        _, pooled = clip.encode_from_tokens(clip.tokenize(text), return_pooled="unprojected")
        model = gligen_textbox_model.model
        if pooled.shape[-1] != model.text_width:
            raise ValueError(
                f"clip: this GLIGEN takes phrases of width {model.text_width}, those of the text encoder are of width"
                f" {pooled.shape[-1]}"
            )
        box = (pooled, height // CELL, width // CELL, y // CELL, x // CELL)
        placed = []
        for embedding, options in conditioning_to:
            boxes = [*(options["gligen"][2] if options.get("gligen") else ()), box]
            if len(boxes) > model.max_objs:
                raise ValueError(f"conditioning_to: it has {model.max_objs} boxes, which is as many as GLIGEN takes")
            placed.append([embedding, {**options, "gligen": (POSITION, gligen_textbox_model, boxes)}])
        return (placed,)


NODES: tuple[type, ...] = (GLIGENLoader, GLIGENTextBoxApply)
