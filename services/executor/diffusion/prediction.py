"""What a network predicts, and how that becomes the denoised latent that samplers work with.

Sigma is always a 0-dim float32 tensor on the CPU: mixing it with tensors on a device costs no synchronisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Prediction(Protocol):
    """A parameterisation of the denoising network."""

    @property
    def is_flow(self) -> bool:
        """Whether noise levels are those of a rectified flow: x = (1 - sigma) * x0 + sigma * noise."""

    def model_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Scale the noisy latent x (batch, channels, ...) to what the network was trained to see."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Turn the network's output for x at noise level sigma into its estimate of the clean latent."""

    def add_noise(self, sigma: Tensor, noise: Tensor, latent: Tensor, *, is_maximum: bool = False) -> Tensor:
        """Bring a clean latent to noise level sigma; `is_maximum` says that sigma is the model's highest level."""

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        """Undo the scaling of `add_noise` on a latent that was left at noise level sigma."""


@dataclass(frozen=True)
class VarianceExploding:
    """The noise process x = x0 + sigma * noise, with inputs scaled to the data's deviation (Karras et al. 2022, 5)."""

    sigma_data: float = 1.0
    is_flow = False

    def model_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Scale to unit variance."""
        return x / (sigma**2 + self.sigma_data**2) ** 0.5

    def add_noise(self, sigma: Tensor, noise: Tensor, latent: Tensor, *, is_maximum: bool = False) -> Tensor:
        """Add noise; at the highest level the noise also stands for the latent's own unit variance."""
        scale = (1.0 + sigma**2) ** 0.5 if is_maximum else sigma
        return noise * scale + latent

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        """Return x: this process does not scale the latent."""
        return x


@dataclass(frozen=True)
class Epsilon(VarianceExploding):
    """The network predicts the noise (Ho et al. 2020): Stable Diffusion 1.x, SDXL."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Subtract the predicted noise."""
        return x - output * sigma


@dataclass(frozen=True)
class Velocity(VarianceExploding):
    """The network predicts v (Salimans and Ho 2022, appendix D): Stable Diffusion 2.x at 768 px."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Combine the input and the predicted velocity."""
        variance = sigma**2 + self.sigma_data**2
        return x * self.sigma_data**2 / variance - output * sigma * self.sigma_data / variance**0.5


@dataclass(frozen=True)
class Preconditioned(VarianceExploding):
    """The network with the preconditioning of Karras et al. (2022), table 1."""

    sigma_data: float = 0.5

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Add the skip connection c_skip * x to c_out * output."""
        variance = sigma**2 + self.sigma_data**2
        return x * self.sigma_data**2 / variance + output * sigma * self.sigma_data / variance**0.5


@dataclass(frozen=True)
class Sample(VarianceExploding):
    """The network predicts the clean latent itself."""

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the output."""
        return output


@dataclass(frozen=True)
class Flow:
    """The network predicts the velocity noise - x0 of a rectified flow (Liu et al. 2022; Esser et al. 2024)."""

    is_flow = True

    def model_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return x: a flow's latents have unit variance at every level."""
        return x

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Follow the velocity to level zero."""
        return x - output * sigma

    def add_noise(self, sigma: Tensor, noise: Tensor, latent: Tensor, *, is_maximum: bool = False) -> Tensor:
        """Interpolate between latent and noise."""
        return sigma * noise + (1.0 - sigma) * latent

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        """Divide by the latent's share."""
        return x / (1.0 - sigma)
