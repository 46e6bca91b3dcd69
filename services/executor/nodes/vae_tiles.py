"""Nodes between pictures and latents that go piece by piece, for what does not fit into memory as a whole."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.nodes.checkpoint_parts import held_vae
from services.executor.nodes.declarations import Declaration, whole
from services.executor.nodes.latent import Latent

LARGEST = 4096  # pixels, or frames
SMALLEST_SHARE = 4  # tiles are at least this many times as large as their overlap


class TilesNode:
    """A node that goes tile by tile.

    Times are for latents of videos; those of pictures have none.
    """

    CATEGORY = "_for_testing"
    TILE_STEP = 32  # pixels

    @classmethod
    def tile_inputs(cls) -> dict[str, Declaration]:
        """The size of a tile and the overlap of tiles, in pixels and in frames."""
        return {
            "tile_size": whole(512, 64, LARGEST, step=cls.TILE_STEP),
            "overlap": whole(64, 0, LARGEST, step=32),
            "temporal_size": whole(64, 8, LARGEST, step=4),
            "temporal_overlap": whole(8, 4, LARGEST, step=4),
        }


class VAEDecodeTiled(TilesNode):
    """Latents turned into pictures, tile by tile."""

    DISPLAY_NAME = "VAE Decode (Tiled)"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The latents, the autoencoder and the tiles."""
        return {"required": {"samples": ("LATENT",), "vae": ("VAE",), **cls.tile_inputs()}}

    def decode(
        self,
        vae: Any,
        samples: Latent,
        tile_size: int,
        overlap: int = 64,
        temporal_size: int = 64,
        temporal_overlap: int = 8,
    ) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3) in 0..1.

        Raises:
            ValueError: there is no autoencoder.
        """
        held_vae(vae)
        cell = vae.spacial_compression_decode()
        tile, overlap = max(1, tile_size // cell), min(overlap, tile_size // SMALLEST_SHARE) // cell
        return (vae.decode_tiled(samples["samples"], tile_x=tile, tile_y=tile, overlap=overlap),)


class VAEEncodeTiled(TilesNode):
    """Pictures turned into latents, tile by tile."""

    DISPLAY_NAME = "VAE Encode (Tiled)"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    TILE_STEP = 64

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the autoencoder and the tiles."""
        return {"required": {"pixels": ("IMAGE",), "vae": ("VAE",), **cls.tile_inputs()}}

    def encode(
        self,
        vae: Any,
        pixels: Tensor,
        tile_size: int,
        overlap: int,
        temporal_size: int = 64,
        temporal_overlap: int = 8,
    ) -> tuple[Latent]:
        """Return the pictures' latents.

        Raises:
            ValueError: there is no autoencoder, or a picture is too small to have a latent.
        """
        held_vae(vae)
        overlap = min(overlap, tile_size // SMALLEST_SHARE)
        return ({"samples": vae.encode_tiled(pixels, tile_x=tile_size, tile_y=tile_size, overlap=overlap)},)


NODES: tuple[type, ...] = (VAEDecodeTiled, VAEEncodeTiled)
