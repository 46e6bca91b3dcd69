"""Inpainting: sampling only where a mask says so."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.batches import repeated
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.samplers.contract import Denoise


def latent_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """Resize a mask (height, width) or (batch, ..., height, width) to a latent's size and batch, one channel."""
    mask = mask.to(latent.device, latent.dtype).reshape(-1, 1, *mask.shape[-2:])
    mask = functional.interpolate(mask, size=latent.shape[-2:], mode="bilinear")
    return repeated(mask, len(latent))


@dataclass(frozen=True)
class MaskedDenoiser:
    """A denoiser for which everything outside the mask is already known (Lugmayr et al. 2022, equation 8).

    Attributes:
        inner: what denoises inside.
        mask: (batch, 1, height, width), 1 where the picture is made new.
        latent: the clean latent, in the model's space.
        noise: what brings it to any noise level.
    """

    inner: Denoise
    mask: Tensor
    latent: Tensor
    noise: Tensor

    @property
    def model_sampling(self) -> ModelSampling:
        """The noise levels of the inner denoiser."""
        return self.inner.model_sampling

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the inner estimate inside the mask and the known latent outside."""
        return self._with_known(self.inner(self._with_known_noisy(x, sigma), sigma))

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return both inner estimates, the guided one with the known latent outside the mask."""
        denoised, uncond = self.inner.with_uncond(self._with_known_noisy(x, sigma), sigma)
        return self._with_known(denoised), uncond

    def _with_known_noisy(self, x: Tensor, sigma: Tensor) -> Tensor:
        known = self.model_sampling.prediction.add_noise(sigma, self.noise, self.latent)
        return x * self.mask + known * (1.0 - self.mask)

    def _with_known(self, denoised: Tensor) -> Tensor:
        return denoised * self.mask + self.latent * (1.0 - self.mask)
