"""GUIDER: a model, its conditions and how their predictions are combined, ready to be sampled from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.memory.current import planner
from services.executor.patching.batch_limit import BATCH_LIMIT, bring, networks_of
from services.executor.patching.conds import Cond, convert_cond, prepare_mask, process_conds
from services.executor.patching.hooked_models import HOOKED_MODELS, HookedModels
from services.executor.patching.k_samplers import as_nodes_know_it, run_sampler
from services.executor.patching.model_options import ModelOptions, create_model_options_clone
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.prediction import sampling_function
from services.executor.patching.steering import controls_of, models_of
from services.executor.patching.wrappers import (
    CALLBACKS,
    WRAPPERS,
    CallbacksMP,
    WrappersMP,
    call_all,
    merge_nested_dicts,
    wrapped,
)


class CFGGuider:
    """Classifier-free guidance; packs may inherit from it and predict in another way.

    Attributes:
        model_patcher: the MODEL.
        model_options: its options; while sampling, with what is wrapped around the stages.
        original_conds: the conditions by name, as they were given.
        conds: the same, resolved for the latent; there while sampling.
        inner_model: what the MODEL holds, with its changes; there while sampling.
        cfg: the scale.
    """

    inner_model: Any
    conds: dict[str, list[Cond]]

    def __init__(self, model_patcher: ModelPatcher) -> None:
        self.model_patcher = model_patcher
        self.model_options: ModelOptions = model_patcher.model_options
        self.original_conds: dict[str, list[Cond]] = {}
        self.cfg = 1.0

    def set_conds(self, positive: Conditioning, negative: Conditioning) -> None:
        """Take both conditionings."""
        self.inner_set_conds({"positive": positive, "negative": negative})

    def set_cfg(self, cfg: float) -> None:
        """Take the scale; 1 is the positive prediction alone."""
        self.cfg = cfg

    def inner_set_conds(self, conds: Mapping[str, Conditioning]) -> None:
        """Take conditionings by name.

        Raises:
            ValueError: one is missing.
        """
        for name, conditioning in conds.items():
            if conditioning is None:
                raise ValueError(f"{name}: there is no conditioning")
            self.original_conds[name] = convert_cond(conditioning)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """The guided prediction, see `predict_noise`."""
        return self.outer_predict_noise(*args, **kwargs)

    def outer_predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: Mapping[str, Any] = {}, seed: int | None = None
    ) -> Tensor:
        """The guided prediction with what is wrapped around it."""
        options = model_options.get("transformer_options", {})
        run = wrapped(WrappersMP.PREDICT_NOISE, self.predict_noise, options, owner=self)
        predicted: Tensor = run(x, timestep, model_options, seed)
        return predicted

    def predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: Mapping[str, Any] = {}, seed: int | None = None
    ) -> Tensor:
        """The guided prediction of the clean latents of x at the noise levels `timestep` (batch,)."""
        return sampling_function(
            self.inner_model,
            x,
            timestep,
            self.conds.get("negative"),
            self.conds.get("positive"),
            self.cfg,
            model_options=model_options,
            seed=seed,
        )

    def sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Any,
        sigmas: Tensor,
        denoise_mask: Tensor | None = None,
        callback: Any = None,
        disable_pbar: bool = False,
        seed: int | None = None,
    ) -> Tensor:
        """Denoise a latent (batch, channels, height, width) in the autoencoder's space, beginning with given noise.

        Args:
            callback: called after each step with its index, the denoised estimate, the noisy latent, and how many
                steps there are; what it raises ends the run.

        Returns:
            The latent, float32 on the CPU.
        """
        if len(sigmas) == 0:
            return latent_image.float().cpu()
        before = self.model_options
        self.model_options = self._options_of_run(sigmas)
        self.conds = {name: [dict(cond) for cond in side] for name, side in self.original_conds.items()}
        try:
            options = self.model_options["transformer_options"]
            run = wrapped(WrappersMP.OUTER_SAMPLE, self.outer_sample, options, owner=self)
            sampled: Tensor = run(noise, latent_image, sampler, sigmas, denoise_mask, callback, disable_pbar, seed)
            return sampled
        finally:
            self.model_options = before
            del self.conds

    def outer_sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Any,
        sigmas: Tensor,
        denoise_mask: Tensor | None = None,
        callback: Any = None,
        disable_pbar: bool = False,
        seed: int | None = None,
    ) -> Tensor:
        """As `sample`: bring everything to the device and back."""
        patcher, device = self.model_patcher, self.model_patcher.load_device
        prepared = prepare_sampling(patcher, noise.shape, self.conds, self.model_options)
        self.inner_model, self.conds, beside = prepared
        if denoise_mask is not None:
            denoise_mask = prepare_mask(denoise_mask, noise.shape, device)
        options = self.model_options["transformer_options"]
        try:
            with patcher.injected(), planner().held([self.inner_model, *networks_of(beside)]):
                call_all(_callbacks(options, CallbacksMP.ON_PRE_RUN), patcher)
                sampled: Tensor = self.inner_sample(
                    noise.to(device, torch.float32),
                    latent_image.to(device, torch.float32),
                    device,
                    as_nodes_know_it(sampler),
                    sigmas.cpu(),
                    denoise_mask,
                    callback,
                    disable_pbar,
                    seed,
                )
        finally:
            for control in controls_of(self.conds):
                control.cleanup()
            call_all(_callbacks(options, CallbacksMP.ON_CLEANUP), patcher)
            del self.inner_model
        return sampled.float().cpu()

    def inner_sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        device: torch.device,
        sampler: Any,
        sigmas: Tensor,
        denoise_mask: Tensor | None,
        callback: Any,
        disable_pbar: bool,
        seed: int | None,
    ) -> Tensor:
        """As `sample`, everything being on the device: resolve the conditions, run the sampler, scale back."""
        if latent_image.count_nonzero():  # an empty latent is empty in every space
            latent_image = self.inner_model.process_latent_in(latent_image)
        self.conds = process_conds(self.inner_model, noise, self.conds, device, latent_image, denoise_mask, seed)
        options = self.model_options["transformer_options"]
        extra_args = {"model_options": self.model_options, "seed": seed}
        how = self, sigmas, extra_args, callback, noise, latent_image, denoise_mask, disable_pbar
        sampled = run_sampler(sampler, options, *how)
        scaled: Tensor = self.inner_model.process_latent_out(sampled.float())
        return scaled

    def _options_of_run(self, sigmas: Tensor) -> ModelOptions:
        options = create_model_options_clone(self.model_options)
        transformer = options.setdefault("transformer_options", {})
        patcher = self.model_patcher
        transformer[WRAPPERS] = merge_nested_dicts(transformer.get(WRAPPERS, {}), patcher.wrappers)
        transformer[CALLBACKS] = merge_nested_dicts(transformer.get(CALLBACKS, {}), patcher.callbacks)
        transformer["sample_sigmas"] = sigmas
        options[HOOKED_MODELS] = HookedModels(patcher, sigmas.tolist())
        _move(transformer, patcher.load_device)
        return options


def prepare_sampling(
    model: ModelPatcher,
    noise_shape: Sequence[int],
    conds: Any,
    model_options: ModelOptions | None = None,
    **kwargs: Any,
) -> tuple[Any, Any, list[Any]]:
    """A model ready to be sampled from, its conditions, and the other models that it was kept with."""
    options = (model_options or model.model_options).get("transformer_options", {})
    run = wrapped(WrappersMP.PREPARE_SAMPLING, _prepared, options)
    prepared: tuple[Any, Any, list[Any]] = run(model, noise_shape, conds, model_options)
    return prepared


def _prepared(
    model: ModelPatcher, noise_shape: Sequence[int], conds: Any, model_options: ModelOptions | None = None
) -> tuple[Any, Any, list[Any]]:
    others = [*models_of(conds), *model.get_additional_models()]
    limit = bring(model, others, noise_shape, sum(map(len, conds.values())))
    if model_options is not None:
        model_options[BATCH_LIMIT] = limit
    return model.patched(), conds, others


def _callbacks(options: dict[str, Any], kind: str) -> list[Any]:
    return [function for functions in options[CALLBACKS].get(kind, {}).values() for function in functions]


def _move(transformer_options: dict[str, Any], device: torch.device) -> None:
    """Bring functions that hold tensors to the device."""
    for patches in transformer_options.get("patches", {}).values():
        patches[:] = [patch.to(device) if hasattr(patch, "to") else patch for patch in patches]
    for replacements in transformer_options.get("patches_replace", {}).values():
        for key, patch in replacements.items():
            if hasattr(patch, "to"):
                replacements[key] = patch.to(device)
