"""Random numbers of a sampling run: all drawn on the CPU from the seed, so that a seed gives one picture anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from services.executor.diffusion.brownian import BrownianPath
from services.executor.diffusion.drawn_ahead import DrawnAhead

NoiseBetween = Callable[[Tensor, Tensor], Tensor]
"""Returns unit-variance noise for the step from one sigma to the next (both 0-dim, CPU)."""

SEED_LIMIT = 1 << 64


def initial_noise(
    shape: Sequence[int], seed: int, batch_index: Sequence[int] | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Draw the noise a run starts from.

    Args:
        shape: of the latent batch, (batch, channels, ...).
        seed: 0 to 2**64 - 1.
        batch_index: for each item of the batch its place in the batch it was taken from; items keep the noise they
            had there. Equal indices get equal noise.

    It is drawn from torch's global generator, from which patches of models draw on.
    """
    torch.manual_seed(seed % SEED_LIMIT)
    if batch_index is None:
        return torch.randn(tuple(shape), dtype=dtype)
    drawn = [torch.randn((1, *shape[1:]), dtype=dtype) for _ in range(max(batch_index) + 1)]
    return torch.cat([drawn[index] for index in batch_index])


def seeded_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator of its own for a seed; seeds outside 64 bits wrap."""
    return torch.Generator(device).manual_seed(seed % SEED_LIMIT)


class SamplerNoise:
    """The noise a sampler adds between steps.

    Args:
        seed: of the run.
        initial_shape: shape of the initial noise that was drawn from the same seed, None when there was none.
    """

    def __init__(self, seed: int, initial_shape: Sequence[int] | None = None) -> None:
        self.seed = seed
        self._initial_shape = initial_shape
        self._own: torch.Generator | None = None
        self._continued: torch.Generator | None = None

    def normal(self, like: Tensor) -> Tensor:
        """Draw unit normal noise of a tensor's shape from the run's own stream."""
        if self._own is None:
            self._own = seeded_generator(self.seed)
        return drawn_for(like, self._own)

    def continued(self, like: Tensor) -> Tensor:
        """Draw from the stream that the initial noise began, as samplers with churn do."""
        if self._continued is None:
            self._continued = seeded_generator(self.seed)
            if self._initial_shape is not None:
                torch.randn(tuple(self._initial_shape), generator=self._continued)
        return drawn_for(like, self._continued)

    def brownian(self, like: Tensor, sigmas: Tensor, *, on_device: bool = False) -> NoiseBetween:
        """Return the increments of a Brownian path over the positive range of `sigmas`, each with unit variance.

        The path depends on the seed and not on the steps taken, so more steps refine the same picture. `on_device`
        draws on the latent's device, which is faster and differs between devices.
        """
        device = like.device if on_device else torch.device("cpu")
        positive = sigmas[sigmas > 0]
        path = BrownianPath(positive.min().item(), positive.max().item(), like.shape, self.seed, like.dtype, device)
        is_apart = device != like.device  # drawn on the host for a device that computes meanwhile
        increment_of = DrawnAhead(path.increment, positive.tolist()) if is_apart else path.increment

        def between(sigma: Tensor, sigma_next: Tensor) -> Tensor:
            step = (sigma_next - sigma).abs().sqrt()
            increment = increment_of(sigma.item(), sigma_next.item())
            return to_device(increment / step, like.device)

        return between


def drawn_for(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw unit normal noise of a tensor's shape and bring it to its device."""
    return to_device(torch.randn(like.shape, dtype=like.dtype, generator=generator), like.device)


def to_device(noise: Tensor, device: torch.device) -> Tensor:
    """Move noise to the device without waiting for the work queued there."""
    if noise.device == device:
        return noise
    return noise.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else noise.to(device)
