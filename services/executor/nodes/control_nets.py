"""Nodes that have control networks steer the sampling by a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.conditioning_regions import CONDITIONING, with_options
from services.executor.nodes.control_net_loaders import CONTROL_NET, checked
from services.executor.nodes.declarations import number
from services.executor.nodes.scaling import scaled
from services.executor.nodes.schema_node import SchemaNode
from services.executor.patching.control import ControlBase

STRENGTH = number(1.0, 0.0, 10.0, 0.01)
SHARES = {"start_percent": number(0.0, 0.0, 1.0, 0.001), "end_percent": number(1.0, 0.0, 1.0, 0.001)}

Sides = tuple[Conditioning, Conditioning]


class ControlNetApply:
    """A conditioning that a control network steers, and with it whatever it is contrasted with."""

    DISPLAY_NAME = "Apply ControlNet (OLD)"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "apply_controlnet"
    CATEGORY = "conditioning/controlnet"
    DEPRECATED = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the network, the picture, and how strongly it steers."""
        return {
            "required": {
                "conditioning": CONDITIONING,
                "control_net": CONTROL_NET,
                "image": ("IMAGE",),
                "strength": STRENGTH,
            }
        }

    def apply_controlnet(
        self, conditioning: Conditioning, control_net: ControlBase, image: Tensor, strength: float
    ) -> tuple[Conditioning]:
        """Return the conditioning with the control; as it is at strength 0."""
        if strength == 0:
            return (conditioning,)
        return (_steered([conditioning], control_net, image, strength, control_apply_to_uncond=True)[0],)


class ControlNetApplyAdvanced:
    """Two conditionings that a control network steers for a share of the sampling."""

    DISPLAY_NAME = "Apply ControlNet"
    RETURN_TYPES = ("CONDITIONING", "CONDITIONING")
    RETURN_NAMES = ("positive", "negative")
    FUNCTION = "apply_controlnet"
    CATEGORY = "conditioning/controlnet"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings, the network, the picture, how strongly and when it steers."""
        return {
            "required": {
                "positive": CONDITIONING,
                "negative": CONDITIONING,
                "control_net": CONTROL_NET,
                "image": ("IMAGE",),
                "strength": STRENGTH,
                **SHARES,
            },
            "optional": {"vae": ("VAE",)},
        }

    def apply_controlnet(
        self,
        positive: Conditioning,
        negative: Conditioning,
        control_net: ControlBase,
        image: Tensor,
        strength: float,
        start_percent: float,
        end_percent: float,
        vae: Any = None,
    ) -> Sides:
        """Return both with the control; as they are at strength 0."""
        share = start_percent, end_percent
        return _both_steered(positive, negative, control_net, image, strength, share, vae)


class ControlNetApplySD3(ControlNetApplyAdvanced, SchemaNode):
    """The same for networks that are shown latents, whose pictures an autoencoder encodes."""

    DISPLAY_NAME = "Apply Controlnet with VAE"
    OUTPUT_TOOLTIPS = (None, None)
    DEPRECATED = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_sd3"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings, the network, the autoencoder, the picture, how strongly and when it steers."""
        return {
            "required": {
                "positive": ("CONDITIONING", {}),
                "negative": ("CONDITIONING", {}),
                "control_net": ("CONTROL_NET", {}),
                "vae": ("VAE", {}),
                "image": ("IMAGE", {}),
                "strength": STRENGTH,
                **SHARES,
            }
        }


class ControlNetInpaintingAliMamaApply:
    """Two conditionings that a control network for inpainting steers."""

    RETURN_TYPES = ("CONDITIONING", "CONDITIONING")
    RETURN_NAMES = ("positive", "negative")
    FUNCTION = "apply_inpaint_controlnet"
    CATEGORY = "conditioning/controlnet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_controlnet"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """As `ControlNetApplySD3`, with the mask of what is made new."""
        return {
            "required": {
                "positive": CONDITIONING,
                "negative": CONDITIONING,
                "control_net": CONTROL_NET,
                "vae": ("VAE",),
                "image": ("IMAGE",),
                "mask": ("MASK",),
                "strength": STRENGTH,
                **SHARES,
            }
        }

    def apply_inpaint_controlnet(
        self,
        positive: Conditioning,
        negative: Conditioning,
        control_net: ControlBase,
        vae: Any,
        image: Tensor,
        mask: Tensor,
        strength: float,
        start_percent: float,
        end_percent: float,
    ) -> Sides:
        """Return both with the control; the network does not see what is under the mask.

        Raises:
            ValueError: the network takes no mask.
        """
        if not checked(control_net).concat_mask:
            raise ValueError("control_net: it takes no mask, so it is none of those that this node is for")
        kept = 1.0 - mask.reshape(-1, 1, *mask.shape[-2:])
        seen = scaled(kept.movedim(1, -1), image.shape[2], image.shape[1], "bilinear", "center").round()
        share = start_percent, end_percent
        return _both_steered(positive, negative, control_net, image * seen, strength, share, vae, [kept])


class CLIPTextEncodeControlnet(SchemaNode):
    """A conditioning whose control networks read another prompt."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "execute"
    CATEGORY = "_for_testing/conditioning"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_cond"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text encoder, the conditioning, and the prompt."""
        return {
            "required": {
                "clip": ("CLIP", {}),
                "conditioning": ("CONDITIONING", {}),
                "text": ("STRING", {"multiline": True, "dynamicPrompts": True}),
            }
        }

    def execute(self, clip: Any, conditioning: Conditioning, text: str) -> tuple[Conditioning]:
        """Return the conditioning with the prompt.

        Raises:
            ValueError: there is no text encoder.
        """
        if clip is None:
            raise ValueError("clip: there is none")
        embedding, pooled = clip.encode_from_tokens(clip.tokenize(text), return_pooled=True)
        read = {"cross_attn_controlnet": embedding, "pooled_output_controlnet": pooled}
        return (with_options(conditioning, **read),)


def _both_steered(
    positive: Conditioning, negative: Conditioning, control_net: Any, image: Tensor, strength: float, *how: Any
) -> Sides:
    if strength == 0:
        return positive, negative
    both = [positive, negative]
    steered = _steered(both, control_net, image, strength, *how, control_apply_to_uncond=False)
    return steered[0], steered[1]


def _steered(
    conditionings: list[Conditioning],
    control_net: Any,
    image: Any,
    strength: float,
    share: tuple[float, float] = (0.0, 1.0),
    vae: Any = None,
    extra_concat: Sequence[Tensor] = (),
    **options: Any,
) -> list[Conditioning]:
    """Conditionings with one more link at the end of their control chains, the same where the chains were the same.

    Raises:
        ValueError: there is no network or no picture.
    """
    given = checked(control_net)
    if not isinstance(image, Tensor) or image.ndim != 4:
        raise ValueError("image: these are no pictures (batch, height, width, channels)")
    links: dict[int, ControlBase] = {}
    hint = image.movedim(-1, 1)

    def link_after(before: Any) -> ControlBase:
        if id(before) not in links:
            link = given.copy().set_cond_hint(hint, strength, share, vae, extra_concat)
            links[id(before)] = link.set_previous_controlnet(before)
        return links[id(before)]

    return [
        [[embedding, {**own, **options, "control": link_after(own.get("control"))}] for embedding, own in conditioning]
        for conditioning in conditionings
    ]


NODES: tuple[type, ...] = (
    ControlNetApply,
    ControlNetApplyAdvanced,
    ControlNetApplySD3,
    ControlNetInpaintingAliMamaApply,
    CLIPTextEncodeControlnet,
)
