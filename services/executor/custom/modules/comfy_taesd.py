"""`comfy.taesd.taesd`: the tiny autoencoder."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from services.executor.diffusion.checkpoints.filling import filled
from services.executor.diffusion.checkpoints.weights_file import load_weights_file
from services.executor.diffusion.models import taesd


class TAESD(taesd.Taesd):
    """Both halves; the weights of each are read from a file where one is given."""

    def __init__(
        self, encoder_path: str | None = None, decoder_path: str | None = None, latent_channels: int = 4
    ) -> None:
        """Read the files.

        Raises:
            CheckpointError: a file is not that half of a tiny autoencoder.
        """
        super().__init__(taesd.TaesdSpec(latent_channels))
        _read(self.taesd_encoder, encoder_path)
        _read(self.taesd_decoder, decoder_path)

    @staticmethod
    def scale_latents(x: Tensor) -> Tensor:
        """Latents as they can be kept in a picture, 0..1."""
        return ((x / (2 * taesd.CLAMP)) + 0.5).clamp(0, 1)

    @staticmethod
    def unscale_latents(x: Tensor) -> Tensor:
        """Undo `scale_latents`."""
        return (x - 0.5) * (2 * taesd.CLAMP)


def Encoder(latent_channels: int = 4) -> nn.Module:
    """Pixels in 0..1 to latents of about unit variance."""
    return taesd.TaesdEncoder(taesd.TaesdSpec(latent_channels))


def Decoder(latent_channels: int = 4) -> nn.Module:
    """Latents of about unit variance to pixels in 0..1."""
    return taesd.TaesdDecoder(taesd.TaesdSpec(latent_channels))


def _read(half: nn.Module, path: str | None) -> None:
    if path is not None:
        filled(half, load_weights_file(Path(path), "a tiny autoencoder"))
