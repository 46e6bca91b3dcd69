"""How much memory networks of real size take beside their weights: `python -m bench.activations`.

Counted, not measured: they run on torch's meta device, where tensors have sizes and no content.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.full_size import VAE
from bench.sizes import SD15, SDXL, Size
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.vae import Vae

MIB = 1 << 20


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that are there at once."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._now = 0
        self._sizes: dict[int, int] = {}
        self._weights = {tensor.untyped_storage()._cdata for tensor in module.parameters()}

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes and key not in self._weights:
            self._sizes[key] = storage.nbytes()
            self._now += storage.nbytes()
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self._now -= self._sizes.pop(key, 0)


def peak_bytes(work: Callable[[], object], module: nn.Module) -> int:
    """The most that tensors take at once while `work` runs, without the weights of a module."""
    with torch.inference_mode(), _Counting(module) as counting:
        work()
    return int(counting.peak)


def unet_peak(size: Size, batch: int, side: int, dtype: torch.dtype) -> int:
    """What a step takes on so many latents of so many cells along each side."""
    with torch.device("meta"):
        unet = UNet(size.spec).to(dtype)
        latents = torch.empty(batch, 4, side, side, dtype=dtype)
        context = torch.empty(batch, 77, size.context, dtype=dtype)
        vector = None if size.vector is None else torch.empty(batch, size.vector, dtype=dtype)
        timesteps = torch.empty(batch)
    return peak_bytes(lambda: unet(latents, timesteps, context, vector), unet)


def vae_peaks(side: int) -> tuple[int, int]:
    """What decoding a latent of so many cells along each side takes, and encoding a picture of that size."""
    with torch.device("meta"):
        vae = Vae(VAE)
        latent, pixels = torch.empty(1, 4, side, side), torch.empty(1, 3, side * 8, side * 8)
    return peak_bytes(lambda: vae.decode(latent), vae), peak_bytes(lambda: vae.encode(pixels), vae)


def main() -> None:
    """Print a table."""
    for name, size in (("SD 1.5", SD15), ("SDXL", SDXL)):
        for batch, side in ((1, 64), (2, 64), (2, 128)):
            peak = unet_peak(size, batch, side, torch.float16)
            maps = peak / 2 / (batch * side * side * size.width)
            print(f"{name} {side * 8} px x{batch} float16: {peak / MIB:7.0f} MB, {maps:.2f} maps of the widest latent")
    for side in (64, 128):
        decode, encode = vae_peaks(side)
        pixels = (side * 8) ** 2
        print(f"VAE {side * 8} px float32: decode {decode / pixels:.0f}, encode {encode / pixels:.0f} bytes a pixel")


if __name__ == "__main__":
    main()
