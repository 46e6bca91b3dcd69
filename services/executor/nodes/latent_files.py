"""Nodes that keep latents in files and read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from services.errors import InvalidArgument
from services.executor.engine.context import current_context
from services.executor.environment import environment
from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.latent import Latent
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.stored_files import store, workflow_texts
from services.files.names import parse_annotated
from services.files.records import FileKind
from services.graph.input_lists import InputList

SUFFIX = ".latent"
LATENTS = InputList((SUFFIX,))
TENSOR = "latent_tensor"
#: Present in files whose latents are in the autoencoder's space; older ones are in the space of Stable Diffusion 1.
VERSION = "latent_format_version_0"
OLD_SCALE = 1.0 / 0.18215

UNNAMED_SIDE = 512  # stands for the size of the picture, which a latent's name does not tell


class SaveLatent:
    """A latent kept in the output folder."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "_for_testing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latent and what its name begins with."""
        prefix = ("STRING", {"default": "latents/ComfyUI"})
        return {"required": {"samples": ("LATENT",), "filename_prefix": prefix}, "hidden": HIDDEN}

    def save(
        self,
        samples: Latent,
        filename_prefix: str = "ComfyUI",
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store the batch in one file, with the workflow inside, and say under which name.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
        """
        place = name_to_number(FileKind.OUTPUT, filename_prefix, UNNAMED_SIDE, UNNAMED_SIDE, datetime.now())
        tensors = {TENSOR: samples["samples"].cpu().contiguous(), VERSION: torch.tensor([])}
        metadata = {key: json.dumps(value) for key, value in workflow_texts(prompt, extra_pnginfo).items()}
        data = safetensors.torch.save(tensors, metadata)
        return {"ui": {"latents": [store(place, SUFFIX, data)]}}


class LoadLatent:
    """A latent from the input folder."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "load"
    CHANGES_WITH = ("latent",)
    LISTS = MappingProxyType({"latent": LATENTS})
    CATEGORY = "_for_testing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"latent": (environment().offered(LATENTS),)}}

    def load(self, latent: str) -> tuple[Latent]:
        """Return the batch as float32.

        Raises:
            NotFound: there is no such file.
            ValueError: it holds no latent.
        """
        tensors = _read(current_context().files.fetch(parse_annotated(latent)), latent)
        samples = tensors[TENSOR].float()
        return ({"samples": samples if VERSION in tensors else samples * OLD_SCALE},)

    @classmethod
    def IS_CHANGED(cls, latent: str) -> str:
        """Another content is another result."""
        return current_context().files.stat_digest(parse_annotated(latent))

    @classmethod
    def VALIDATE_INPUTS(cls, latent: str) -> bool | str:
        """Any file that exists may be named, listed or not."""
        try:
            exists = current_context().files.exists(parse_annotated(latent))
        except InvalidArgument:
            exists = False
        return exists or f"Invalid latent file: {latent}"


def _read(path: Path, name: str) -> Mapping[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise ValueError(f"latent: {name} cannot be read: {error}") from error
    if TENSOR not in tensors or tensors[TENSOR].ndim < 4:
        raise ValueError(f"latent: {name} holds no latent")
    return tensors


NODES: tuple[type, ...] = (SaveLatent, LoadLatent)
