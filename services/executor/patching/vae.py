"""The VAE that flows between nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints import autoencoder
from services.executor.diffusion.checkpoints.configuration import read_configuration
from services.executor.diffusion.models.autoencoder import Autoencoder, to_unit_range
from services.executor.diffusion.models.vae import Vae
from services.executor.diffusion.tiling import in_tiles_of_three_shapes
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.weights import dtype_of

DECODED_TILE = 64  # cells
ENCODED_TILE = 512  # pixels
FEATURE_MAPS = 8  # of a picture's size that are there at once
OVERLAP_SHARE = 8  # the overlap of tiles is this part of ENCODED_TILE, twice as much of DECODED_TILE


class VAE:
    """An autoencoder between pictures and latents, see `Autoencoder`.

    Attributes:
        first_stage_model: the network.
        patcher: it with changes of its weights.
        downscale_ratio, upscale_ratio: pixels along one side of a latent's cell.
        latent_channels: of a latent.
        output_channels: of a picture.
        latent_dim: dimensions of a latent that are space.
    """

    latent_dim = 2
    output_device = torch.device("cpu")

    def __init__(
        self,
        sd: Mapping[str, Tensor],
        device: torch.device | None = None,
        config: Any = None,
        dtype: torch.dtype | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Make one of the weights in a file, which stay in their dtype; `config` is not needed.

        Raises:
            CheckpointError: they are not those of an autoencoder.
        """
        made = autoencoder(sd, read_configuration(metadata or {}).get("vae", {}))
        self._use(made.vae if device is None else made.vae.to(device))

    @classmethod
    def of(cls, known: Autoencoder) -> VAE:
        """The one of a checkpoint."""
        made = cls.__new__(cls)
        made._use(known.vae)
        return made

    def _use(self, network: Vae) -> None:
        self.first_stage_model = network
        self.patcher = ModelPatcher(network)
        spec = network.spec
        self.downscale_ratio = self.upscale_ratio = spec.downscale
        self.latent_channels = spec.latent_channels
        self.output_channels = spec.image_channels
        self.vae_dtype = dtype_of(network)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.patcher.load_device

    def decode(self, samples_in: Tensor, vae_options: Mapping[str, Any] = {}) -> Tensor:
        """Pictures (batch, height, width, 3) in 0..1 on the CPU of latents."""
        return self._autoencoder().decode(samples_in)

    def encode(self, pixel_samples: Tensor) -> Tensor:
        """Latents (float32, CPU) of pictures (batch, height, width, 3 or more channels) in 0..1."""
        return self._autoencoder().encode(pixel_samples[..., : self.output_channels])

    def decode_tiled(
        self,
        samples: Tensor,
        tile_x: int | None = None,
        tile_y: int | None = None,
        overlap: int | None = None,
        tile_t: int | None = None,
        overlap_t: int | None = None,
    ) -> Tensor:
        """As `decode`, in tiles of three shapes.

        Args:
            tile_x, tile_y: width and height of a tile in cells.
            overlap: of neighbouring tiles, in cells.
            tile_t, overlap_t: for latents with time, which this one has not.
        """
        pixels = in_tiles_of_three_shapes(
            samples,
            self._autoencoder().decoded,
            (tile_y or DECODED_TILE, tile_x or DECODED_TILE),
            DECODED_TILE * 2 // OVERLAP_SHARE if overlap is None else overlap,
            scale=self.upscale_ratio,
            channels=self.output_channels,
        )
        return to_unit_range(pixels).movedim(1, -1).contiguous()

    def encode_tiled(
        self,
        pixel_samples: Tensor,
        tile_x: int | None = None,
        tile_y: int | None = None,
        overlap: int | None = None,
        tile_t: int | None = None,
        overlap_t: int | None = None,
    ) -> Tensor:
        """As `encode`, in tiles of three shapes.

        Args:
            tile_x, tile_y: width and height of a tile in pixels; what is over a whole number of cells is left out.
            overlap: of neighbouring tiles, in pixels, likewise.
            tile_t, overlap_t: for pictures with time, which these have not.
        """
        whole = self._autoencoder()

        overlap = ENCODED_TILE // OVERLAP_SHARE if overlap is None else overlap

        def encoded(tile: Tensor) -> Tensor:
            return whole.encode(tile.movedim(1, -1))

        return in_tiles_of_three_shapes(
            whole.cropped(pixel_samples[..., : self.output_channels]).movedim(-1, 1),
            encoded,
            (tile_y or ENCODED_TILE, tile_x or ENCODED_TILE),
            overlap // self.downscale_ratio * self.downscale_ratio,
            scale=1 / self.downscale_ratio,
            channels=self.latent_channels,
            step=self.downscale_ratio,
        )

    def vae_encode_crop_pixels(self, pixels: Tensor) -> Tensor:
        """Pictures without what is over a whole number of cells."""
        return self._autoencoder().cropped(pixels)

    def process_input(self, pixels: Tensor) -> Tensor:
        """Pictures in 0..1 as the network takes them."""
        return pixels * 2 - 1

    def process_output(self, pixels: Tensor) -> Tensor:
        """What the network gives as pictures in 0..1."""
        return to_unit_range(pixels)

    def spacial_compression_encode(self) -> int:
        """Pixels along one side of a cell; the spelling is ComfyUI's."""
        return self.downscale_ratio

    def spacial_compression_decode(self) -> int:
        """Pixels along one side of a cell."""
        return self.upscale_ratio

    def temporal_compression_decode(self) -> None:
        """None: there is no time."""

    def memory_used_decode(self, shape: Sequence[int], dtype: torch.dtype) -> int:
        """Roughly how many bytes decoding latents of a shape takes."""
        return self._memory_used(shape, dtype, self.upscale_ratio**2)

    def memory_used_encode(self, shape: Sequence[int], dtype: torch.dtype) -> int:
        """Roughly how many bytes encoding pictures (batch, channels, height, width) of a shape takes."""
        return self._memory_used(shape, dtype, 1)

    def _memory_used(self, shape: Sequence[int], dtype: torch.dtype, pixels: int) -> int:
        widest = self.first_stage_model.spec.channels * 2
        return widest * FEATURE_MAPS * shape[-2] * shape[-1] * pixels * dtype.itemsize

    def get_sd(self) -> dict[str, Tensor]:
        """The weights."""
        found: dict[str, Tensor] = self.patcher.patched().state_dict()
        return found

    def throw_exception_if_invalid(self) -> None:
        """Nothing to do: there is no VAE without a network."""

    def _autoencoder(self) -> Autoencoder:
        return Autoencoder(self.patcher.patched())
