"""Nodes that loaded models before files said by themselves what is in them, kept for old workflows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from services.errors import NotFound
from services.executor.environment import Environment, environment
from services.executor.nodes.declarations import chosen
from services.executor.nodes.patches.sampling_levels import ModelSamplingDiscreteNode

CHECKPOINTS = "checkpoints"
DIFFUSERS = "diffusers"


class Configuration(NamedTuple):
    """What a published configuration says that no file shows.

    Attributes:
        prediction: of the network; None for what the file says.
        layer: at which the text encoder stops, counted from the end; None for the last.
    """

    prediction: str | None = None
    layer: int | None = None


#: The configurations that were published with Stable Diffusion, and those that ComfyUI made of them.
CONFIGURATIONS: Mapping[str, Configuration] = {
    "anything_v3.yaml": Configuration(layer=-2),
    "v1-inference.yaml": Configuration(),
    "v1-inference_clip_skip_2.yaml": Configuration(layer=-2),
    "v1-inference_clip_skip_2_fp16.yaml": Configuration(layer=-2),
    "v1-inference_fp16.yaml": Configuration(),
    "v1-inpainting-inference.yaml": Configuration(),
    "v2-inference-v.yaml": Configuration("v_prediction"),
    "v2-inference-v_fp32.yaml": Configuration("v_prediction"),
    "v2-inference.yaml": Configuration(),
    "v2-inference_fp32.yaml": Configuration(),
    "v2-inpainting-inference.yaml": Configuration(),
}


class CheckpointLoader:
    """The models in a checkpoint, used as a configuration says."""

    DISPLAY_NAME = "Load Checkpoint With Config (DEPRECATED)"
    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "load_checkpoint"
    CATEGORY = "advanced/loaders"
    DEPRECATED = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The configuration and the file's name."""
        names = environment().model_names(CHECKPOINTS)
        return {"required": {"config_name": (list(CONFIGURATIONS),), "ckpt_name": (names,)}}

    def load_checkpoint(self, config_name: str, ckpt_name: str) -> tuple[Any, Any, Any]:
        """Return the models; None for what the file does not hold.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it cannot be used.
            ValueError: there is no such configuration.
        """
        configuration = chosen(CONFIGURATIONS, config_name, "config_name")
        here = environment()
        models = here.checkpoints.get(here.models.path(CHECKPOINTS, ckpt_name))
        model, clip = models.model, models.clip
        if model and configuration.prediction:
            (model,) = ModelSamplingDiscreteNode().patch(model, configuration.prediction, zsnr=False)
        if clip and configuration.layer is not None:
            clip.clip_layer(configuration.layer)
        return model, clip, models.vae


class DiffusersLoader:
    """The models in a folder as diffusers writes it, each in a folder of its own."""

    DISPLAY_NAME = "DiffusersLoader"
    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "load_checkpoint"
    CATEGORY = "advanced/loaders/deprecated"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The folder's name."""
        return {"required": {"model_path": (sorted({str(folder) for folder in _folders(environment())}),)}}

    def load_checkpoint(self, model_path: str) -> tuple[Any, Any, Any]:
        """Return the models.

        Raises:
            NotFound: there is no such folder, or one of the models is not in it.
            CheckpointError: a file cannot be used.
        """
        here = environment()
        part = _Parts(here, model_path)
        encoders = [part.path("text_encoder"), *([part.path("text_encoder_2")] if part.has("text_encoder_2") else [])]
        return (
            here.checkpoints.model(part.path("unet")),
            here.checkpoints.clip(encoders),
            here.checkpoints.vae(part.path("vae")),
        )


class _Parts:
    """The files in a folder of diffusers."""

    def __init__(self, here: Environment, folder: str) -> None:
        self._models = here.models
        self._folder = folder
        self._names = here.models.names(DIFFUSERS)

    def has(self, part: str) -> bool:
        """Whether there is a model of this part."""
        return self._file(part) is not None

    def path(self, part: str) -> Any:
        """Where it lies."""
        name = self._file(part)
        if name is None:
            raise NotFound(f"there is no {part} in the folder {self._folder!r} of models/{DIFFUSERS}")
        return self._models.path(DIFFUSERS, name)

    def _file(self, part: str) -> str | None:
        # Of several files the one of safetensors, and the one that is no variant (`….fp16.safetensors`), comes first.
        own = [name for name in self._names if str(PurePosixPath(name).parent) == f"{self._folder}/{part}"]
        return min(own, key=lambda name: (not name.endswith(".safetensors"), len(name)), default=None)


def _folders(here: Environment) -> Iterator[PurePosixPath]:
    for name in here.model_names(DIFFUSERS):
        path = PurePosixPath(name)
        if path.parent.name == "unet" and len(path.parts) > 2:
            yield path.parent.parent


NODES: tuple[type, ...] = (CheckpointLoader, DiffusersLoader)
