"""Samplers with the interface of k-diffusion: functions of a model that is called with noise levels for each latent.

Our own samplers are such functions here, and such functions of node packs are samplers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.noise import NoiseBetween, SamplerNoise, seeded_generator
from services.executor.diffusion.noise_mask import MaskedDenoiser
from services.executor.diffusion.samplers import SAMPLERS, Denoise
from services.executor.diffusion.samplers import Sampler as OwnSampler
from services.executor.diffusion.samplers.contract import SamplerFunction
from services.executor.diffusion.sampling import is_maximum
from services.executor.patching.model_options import set_model_options_post_cfg_function
from services.executor.patching.model_sampling import as_samplers_know_it
from services.executor.patching.sigma_rows import level_of, rows_of
from services.executor.patching.wrappers import WrappersMP, wrapped

#: (model, x, sigmas, extra_args, callback, disable, **options) to the latent.
KFunction = Callable[..., Tensor]


class Sampler:
    """What takes the steps; packs may inherit from it."""

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """Denoise a latent in the model's space over the levels."""
        raise NotImplementedError

    def max_denoise(self, model_wrap: Any, sigmas: Tensor) -> bool:
        """Whether the levels begin with the model's highest."""
        return is_maximum(as_samplers_know_it(model_wrap.inner_model.model_sampling), float(sigmas[0]))


class KSAMPLER(Sampler):
    """A sampler made of a function.

    Args:
        sampler_function: as in k-diffusion.
        extra_options: given to the function by name.
        inpaint_options: {"random": True} renews the noise outside a mask.
    """

    def __init__(
        self,
        sampler_function: KFunction,
        extra_options: Mapping[str, Any] = {},
        inpaint_options: Mapping[str, Any] = {},
    ) -> None:
        self.sampler_function = sampler_function
        self.extra_options = dict(extra_options)
        self.inpaint_options = dict(inpaint_options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KSAMPLER) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """Add noise to the latent, run the function, undo the scaling; keep what lies outside the mask."""
        prediction = as_samplers_know_it(model_wrap.inner_model.model_sampling).prediction
        latent = torch.zeros_like(noise) if latent_image is None else latent_image
        model = KSamplerX0Inpaint(model_wrap, sigmas, latent, noise)
        if denoise_mask is not None and self.inpaint_options.get("random", False):
            generator = seeded_generator((extra_args.get("seed") or 0) + 1)
            model.noise = torch.randn(noise.shape, generator=generator).to(noise)
        x = prediction.add_noise(sigmas[0], noise, latent, is_maximum=self.max_denoise(model_wrap, sigmas))
        if len(sigmas) > 1:
            x = self.sampler_function(
                model,
                x,
                sigmas,
                extra_args={**extra_args, "denoise_mask": denoise_mask},
                callback=_of_steps(callback, len(sigmas) - 1),
                disable=disable_pbar,
                **self.extra_options,
            )
        return prediction.finish(sigmas[-1], x)


class KSamplerX0Inpaint:
    """The guided model as sampler functions see it.

    Attributes:
        inner_model: the guider, whose own `inner_model` is what a MODEL holds at `.model`.
        sigmas: all levels of the run.
        latent_image, noise: what is known outside a mask, and what brings it to any level.
    """

    def __init__(self, model: Any, sigmas: Tensor, latent_image: Tensor, noise: Tensor) -> None:
        self.inner_model = model
        self.sigmas = sigmas
        self.latent_image = latent_image
        self.noise = noise

    def __call__(
        self,
        x: Tensor,
        sigma: Tensor,
        denoise_mask: Tensor | None = None,
        model_options: Mapping[str, Any] = {},
        seed: int | None = None,
    ) -> Tensor:
        """The denoised estimate of x at levels (batch,)."""
        call = ModelDenoise(self.inner_model, {"model_options": model_options, "seed": seed})
        if denoise_mask is None:
            return call(x, sigma)
        mask = denoise_mask
        if "denoise_mask_function" in model_options:
            told = {"model": self.inner_model, "sigmas": self.sigmas}
            mask = model_options["denoise_mask_function"](sigma, mask, extra_options=told)
        return MaskedDenoiser(call, mask, self.latent_image, self.noise)(x, level_of(sigma))


class ModelDenoise:
    """A model of k-diffusion's kind as our samplers see it; `extra_args` go with every call."""

    def __init__(self, model: Any, extra_args: Mapping[str, Any]) -> None:
        self._model = model
        self._extra_args = dict(extra_args)

    @property
    def model_sampling(self) -> ModelSampling:
        """The noise levels of the innermost model."""
        inner = self._model
        while not hasattr(inner, "model_sampling"):
            inner = inner.inner_model
        return as_samplers_know_it(inner.model_sampling)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The denoised estimate."""
        denoised: Tensor = self._model(x, rows_of(sigma, x) if sigma.dim() == 0 else sigma, **self._extra_args)
        return denoised

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The denoised estimate and the one without the positive conditioning."""
        seen: list[Tensor] = []

        def see(told: dict[str, Any]) -> Tensor:
            seen.append(told["uncond_denoised"])
            denoised: Tensor = told["denoised"]
            return denoised

        options = set_model_options_post_cfg_function(self._extra_args.get("model_options", {}), see, True)
        denoised = ModelDenoise(self._model, self._extra_args | {"model_options": options})(x, sigma)
        return denoised, seen[-1] if seen else denoised


@functools.cache
def as_k_function(function: SamplerFunction) -> KFunction:
    """One of our samplers with the interface of k-diffusion."""

    @functools.wraps(function)
    def sample(
        model: Any,
        x: Tensor,
        sigmas: Tensor,
        extra_args: Mapping[str, Any] | None = None,
        callback: Any = None,
        disable: bool | None = None,
        noise_sampler: Any = None,
        **options: Any,
    ) -> Tensor:
        sigmas = sigmas.detach().float().cpu()
        extra_args = extra_args or {}
        given = getattr(model, "noise", None)
        shape = given.shape if isinstance(given, Tensor) and bool(given.any()) else None
        noise = SamplerNoise(extra_args.get("seed") or 0, shape)
        denoise: Denoise = ModelDenoise(model, extra_args)
        if noise_sampler is not None:
            noise, denoise = _given_noise(noise_sampler, denoise, sigmas)

        def report(step: int, noisy: Tensor, denoised: Tensor) -> None:
            if callback is not None:
                sigma = sigmas[min(step, len(sigmas) - 1)]
                callback({"x": noisy, "i": step, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})

        return function(denoise, x, sigmas, noise, report, **options)

    return sample


class GivenNoise(SamplerNoise):
    """Noise from a function of two noise levels; `step` is the latest one that was denoised at, and the next."""

    def __init__(self, draw: Callable[[Tensor, Tensor], Tensor], step: tuple[Tensor, Tensor]) -> None:
        super().__init__(0)
        self._draw = draw
        self.step = step

    def normal(self, like: Tensor) -> Tensor:
        """Draw for the step that is taken."""
        return self._draw(*self.step).to(like)

    continued = normal

    def brownian(self, like: Tensor, sigmas: Tensor, *, on_device: bool = False) -> NoiseBetween:
        """Draw for any two levels."""
        return lambda sigma, sigma_next: self._draw(sigma, sigma_next).to(like)


class _Following:
    """Tells given noise which step is taken."""

    def __init__(self, inner: Denoise, noise: GivenNoise, sigmas: Tensor) -> None:
        self._inner, self._noise, self._sigmas = inner, noise, sigmas

    @property
    def model_sampling(self) -> ModelSampling:
        return self._inner.model_sampling

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self._follow(sigma)
        return self._inner(x, sigma)

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        self._follow(sigma)
        return self._inner.with_uncond(x, sigma)

    def _follow(self, sigma: Tensor) -> None:
        steps = (step for step in pairwise(self._sigmas) if step[1] < sigma)
        self._noise.step = sigma, next(steps, (sigma, self._sigmas[-1]))[1]


def _given_noise(draw: Any, denoise: Denoise, sigmas: Tensor) -> tuple[SamplerNoise, Denoise]:
    noise = GivenNoise(draw, (sigmas[0], sigmas[min(1, len(sigmas) - 1)]))
    return noise, _Following(denoise, noise, sigmas)


def as_nodes_know_it(sampler: Any) -> Any:
    """A sampler of ours, or one of a node pack, as what flows between nodes."""
    if not isinstance(sampler, OwnSampler):
        return sampler
    inpaint = {"random": True} if sampler.renews_mask_noise else {}
    return KSAMPLER(as_k_function(sampler.function), sampler.options, inpaint)


def sampler_object(name: str) -> KSAMPLER:
    """A sampler by its name.

    Raises:
        ValueError: there is none.
    """
    if name not in SAMPLERS:
        raise ValueError(f"unknown sampler {name!r}, expected one of {', '.join(SAMPLERS)}")
    made: KSAMPLER = as_nodes_know_it(SAMPLERS[name])
    return made


def ksampler(
    sampler_name: str, extra_options: Mapping[str, Any] = {}, inpaint_options: Mapping[str, Any] = {}
) -> KSAMPLER:
    """A sampler by its name, with options of its own."""
    known = sampler_object(sampler_name)
    return KSAMPLER(
        known.sampler_function, {**known.extra_options, **extra_options}, known.inpaint_options | dict(inpaint_options)
    )


def run_sampler(sampler: Any, transformer_options: dict[str, Any], *how: Any) -> Tensor:
    """Run a sampler with what is wrapped around it; `how` is what `Sampler.sample` takes."""
    run = wrapped(WrappersMP.SAMPLER_SAMPLE, sampler.sample, transformer_options, owner=sampler)
    sampled: Tensor = run(*how)
    return sampled


def _of_steps(callback: Any, total: int) -> Any:
    if callback is None:
        return None
    return lambda step: callback(step["i"], step["denoised"], step["x"], total)
