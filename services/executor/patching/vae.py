"""The VAE that flows between nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.parts import autoencoder_of
from services.executor.diffusion.checkpoints.weights_file import ModelFile
from services.executor.diffusion.models.autoencoder import Autoencoder, Network, to_unit_range
from services.executor.diffusion.tiling import in_tiles_of_three_shapes
from services.executor.engine.context import report_progress
from services.executor.patching.autoencoding import Tiles, Work, done, done_in_tiles
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae_inputs import check_latents, check_pictures
from services.executor.patching.weights import dtype_of, on_host

DECODED_TILES = Tiles(64, 64, overlap=16)  # cells
ENCODED_TILES = Tiles(512, 512, overlap=64)  # pixels
FEATURE_MAPS = 4  # of a picture's size that are there at once: three are counted, kernels take something, too
ACCELERATOR_MAPS = 5  # the same where convolutions take room of their own: 4.8 were seen on an H200


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
        self._use(autoencoder_of(ModelFile.of(sd, metadata)).vae, device)

    @classmethod
    def of(cls, known: Autoencoder) -> VAE:
        """The one of a checkpoint."""
        made = cls.__new__(cls)
        made._use(known.vae)
        return made

    def _use(self, network: Network, device: torch.device | None = None) -> None:
        self.first_stage_model = network
        self.patcher = ModelPatcher(network, device)
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
        """Pictures (batch, height, width, 3) in 0..1 on the CPU of latents; in tiles where that would not fit.

        Raises:
            ValueError: the latents are not of this autoencoder's shape.
        """
        return done(self._decoding(samples_in), self.patcher, DECODED_TILES)

    def encode(self, pixel_samples: Tensor) -> Tensor:
        """Latents (float32, CPU) of pictures (batch, height, width, 3 or more channels) in 0..1, as `decode`.

        Raises:
            ValueError: the pictures have fewer channels, or are smaller than a cell.
        """
        return done(self._encoding(pixel_samples), self.patcher, ENCODED_TILES)

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
        return done_in_tiles(self._decoding(samples), self.patcher, _tiles(tile_y, tile_x, overlap, DECODED_TILES))

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
        tiles = _tiles(tile_y, tile_x, overlap, ENCODED_TILES)
        return done_in_tiles(self._encoding(pixel_samples), self.patcher, tiles)

    def _decoding(self, latents: Tensor) -> Work:
        check_latents(latents, self.latent_channels)

        def tiled(network: Autoencoder, tiles: Tiles) -> Tensor:
            pixels = in_tiles_of_three_shapes(
                latents,
                network.decoded,
                (tiles.height, tiles.width),
                tiles.overlap,
                scale=self.upscale_ratio,
                channels=self.output_channels,
                progress=report_progress,
            )
            return to_unit_range(pixels).movedim(1, -1).contiguous()

        def memory(height: int, width: int) -> int:
            return self.memory_used_decode((1, self.latent_channels, height, width), torch.float32)

        height, width = latents.shape[-2:]
        return Work("decoding latents", height, width, memory, lambda network: network.decode(latents), tiled)

    def _encoding(self, pictures: Tensor) -> Work:
        check_pictures(pictures, self.output_channels)
        pictures = pictures[..., : self.output_channels]
        cell = self.downscale_ratio

        def tiled(network: Autoencoder, tiles: Tiles) -> Tensor:
            return in_tiles_of_three_shapes(
                network.cropped(pictures).movedim(-1, 1),
                lambda tile: network.encode(tile.movedim(1, -1)),
                (tiles.height, tiles.width),
                tiles.overlap // cell * cell,
                scale=1 / cell,
                channels=self.latent_channels,
                step=cell,
                progress=report_progress,
            )

        def memory(height: int, width: int) -> int:
            return self.memory_used_encode((1, self.output_channels, height, width), torch.float32)

        height, width = pictures.shape[1:3]
        return Work("encoding pictures", height, width, memory, lambda network: network.encode(pictures), tiled)

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
        maps = FEATURE_MAPS if self.device.type == "cpu" else ACCELERATOR_MAPS
        return widest * maps * shape[-2] * shape[-1] * pixels * dtype.itemsize

    def get_sd(self) -> dict[str, Tensor]:
        """The weights."""
        return on_host(self.patcher.patched())

    def throw_exception_if_invalid(self) -> None:
        """Nothing to do: there is no VAE without a network."""

    def _autoencoder(self) -> Autoencoder:
        return Autoencoder(self.patcher.patched())


def _tiles(height: int | None, width: int | None, overlap: int | None, usual: Tiles) -> Tiles:
    return Tiles(height or usual.height, width or usual.width, usual.overlap if overlap is None else overlap)
