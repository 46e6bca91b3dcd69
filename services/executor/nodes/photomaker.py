"""Nodes that put a person from a picture into a prompt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion import clip_pictures
from services.executor.diffusion.checkpoints.photomaker import load_photomaker
from services.executor.diffusion.conditioning import Conditioning
from services.executor.diffusion.models.photomaker import PhotoMaker
from services.executor.diffusion.prompt_tokens import CHUNK_TOKENS
from services.executor.diffusion.tokenizer import END_TOKEN
from services.executor.environment import environment
from services.executor.memory.current import shortage
from services.executor.nodes.declarations import IMAGE
from services.executor.nodes.schema_node import SchemaNode, combo
from services.executor.patching.model_patcher import ModelPatcher

FOLDER = "photomaker"
#: Stands in a prompt after the word for the person.
TRIGGER = "photomaker"


class PhotoMakerNode(SchemaNode):
    """A node of PhotoMaker's."""

    EXPERIMENTAL = True
    CATEGORY = "_for_testing/photomaker"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_photomaker"


class PhotoMakerLoader(PhotoMakerNode):
    """PhotoMaker's encoder in a file."""

    RETURN_TYPES = ("PHOTOMAKER",)
    FUNCTION = "execute"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"photomaker_model_name": combo(*environment().model_names(FOLDER))}}

    def execute(self, photomaker_model_name: str) -> tuple[ModelPatcher]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no PhotoMaker model.
        """
        return (ModelPatcher(load_photomaker(environment().models.path(FOLDER, photomaker_model_name))),)


class PhotoMakerEncode(PhotoMakerNode):
    """A prompt in which the word before `photomaker` stands for the person in the pictures."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "execute"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The encoder, the pictures, the text encoder, and the text."""
        text = {"default": f"photograph of {TRIGGER}", "multiline": True, "dynamicPrompts": True}
        return {
            "required": {
                "photomaker": ("PHOTOMAKER", {}),
                "image": IMAGE,
                "clip": ("CLIP", {}),
                "text": ("STRING", text),
            }
        }

    @torch.inference_mode()
    def execute(self, photomaker: ModelPatcher, image: Tensor, clip: Any, text: str) -> tuple[Conditioning]:
        """Return the conditioning; that of the text alone where it does not have the trigger.

        Raises:
            ValueError: no word stands before the trigger, or the model is for another text encoder.
        """
        words = text.split(" ")
        if TRIGGER not in words:
            return (clip.encode_from_tokens_scheduled(clip.tokenize(text)),)
        at = words.index(TRIGGER)
        before, after = words[:at], words[at + 1 :]
        if not " ".join(before).strip():
            raise ValueError(f"text: the word for the person has to stand before {TRIGGER!r}")
        # The paper gives each picture a word of its own.
        more = [before[-1]] * (len(image) - 1)
        places = [_last_token(clip, " ".join(before + more[:number])) for number in range(len(image))]
        embedding, pooled = clip.encode_from_tokens(
            clip.tokenize(" ".join([*before, *more, *after])), return_pooled=True
        )
        return ([[_with_pictures(photomaker, embedding, image, places), {"pooled_output": pooled}]],)


def _last_token(clip: Any, text: str) -> int:
    """The place of a text's last token among those of its chunks."""
    *whole, last = next(iter(clip.tokenize(text).values()))
    ids = [pair[0] for pair in last]
    return CHUNK_TOKENS * len(whole) + ids.index(END_TOKEN) - 1


def _with_pictures(photomaker: ModelPatcher, embedding: Tensor, image: Tensor, places: list[int]) -> Tensor:
    network: PhotoMaker = photomaker.patched()
    if embedding.shape[-1] != network.context_dim:
        raise ValueError(
            f"clip: its tokens are {embedding.shape[-1]} wide, and the PhotoMaker model is for those of "
            f"{network.context_dim}; it belongs to another family of models"
        )
    pixels = clip_pictures.prepared(image.to(photomaker.load_device), network.spec.image_size)
    words = embedding[0, places].to(photomaker.load_device)
    fused = shortage().survived("fusing a picture", lambda: photomaker.load().fused(pixels, words), [network])
    changed = embedding.clone()
    changed[0, places] = fused.to(embedding)
    return changed


NODES: tuple[type, ...] = (PhotoMakerLoader, PhotoMakerEncode)
