"""What makes pictures of unfinished latents, for a family and on a device."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.taesd import taesd_decoder
from services.executor.diffusion.checkpoints.weights_file import load_weights_file
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.models.taesd import TaesdDecoder
from services.executor.diffusion.preview import decoded_preview, latent_preview
from services.executor.model_folders import ModelFolders
from services.executor.previews.choice import PreviewMethod, PreviewSettings, chosen_method

log = logging.getLogger(__name__)

FOLDER = "vae_approx"

Previewer = Callable[[Tensor], Image.Image]
"""Returns a picture of the first of a batch of latents (batch, channels, ..., height, width) in the model's space."""

#: path, time of the latest change, size
_Version = tuple[str, int, int]


class Previewers:
    """Makes them as the worker was started, or as the prompt asks; tiny autoencoders stay loaded."""

    def __init__(self, models: ModelFolders, settings: PreviewSettings) -> None:
        self.settings = settings
        self._models = models
        self._decoders: dict[_Version, TaesdDecoder | None] = {}
        self._missing: set[str] = set()

    def of(self, latent_format: LatentFormat, device: torch.device) -> Previewer | None:
        """What shows latents of a family, None where none are to be shown."""
        method = chosen_method(self.settings)
        if method is PreviewMethod.NONE:
            return None
        by_cells = partial(latent_preview, latent_format=latent_format)
        if method is PreviewMethod.LATENT2RGB:
            return by_cells
        decoder = self._decoder(latent_format, expected=method is PreviewMethod.TAESD)
        return by_cells if decoder is None else _decoding(decoder.to(device), by_cells)

    def unload(self) -> None:
        """Let go of all tiny autoencoders."""
        self._decoders.clear()

    def _decoder(self, latent_format: LatentFormat, *, expected: bool) -> TaesdDecoder | None:
        name = latent_format.taesd_decoder
        path = self._path(name) if name else None
        if path is None:
            if expected and (name or "") not in self._missing:
                self._missing.add(name or "")
                wanted = f"there is no {name} in models/{FOLDER}" if name else "there is none for this kind of latent"
                log.warning("previews by TAESD: %s, latents are shown cell by cell", wanted)
            return None
        status = path.stat()
        version = (str(path), status.st_mtime_ns, status.st_size)
        if version not in self._decoders:
            self._decoders[version] = _loaded(path, latent_format.channels)
        return self._decoders[version]

    def _path(self, decoder_name: str) -> Path | None:
        names = self._models.names(FOLDER)
        found = next((name for name in names if name.startswith(f"{decoder_name}.")), None)
        return None if found is None else self._models.path(FOLDER, found)


def _loaded(path: Path, channels: int) -> TaesdDecoder | None:
    """The decoder in a file; None, with a warning, where it cannot be used."""
    try:
        decoder = taesd_decoder(load_weights_file(path, "a tiny autoencoder"))
        if decoder.spec.latent_channels != channels:
            raise CheckpointError(f"{path.name} is for latents of {decoder.spec.latent_channels} channels")
    except CheckpointError as error:
        log.warning("previews by TAESD: %s; latents are shown cell by cell", error.message)
        return None
    return decoder


def _decoding(decoder: TaesdDecoder, otherwise: Previewer) -> Previewer:
    def decoded(latent: Tensor) -> Image.Image:
        try:
            return decoded_preview(latent, decoder)
        except torch.OutOfMemoryError:  # a glimpse is not worth a run
            return otherwise(latent)

    return decoded
