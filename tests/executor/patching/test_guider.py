"""GUIDER and SAMPLER: what packs inherit from and what they wrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.hooks import Hook, HookGroup
from services.executor.diffusion.noise import initial_noise
from services.executor.patching.conds import CONDConstant, CONDRegular
from services.executor.patching.guider import CFGGuider
from services.executor.patching.k_samplers import KSAMPLER, Sampler, sampler_object
from services.executor.patching.prediction import calc_cond_batch
from services.executor.patching.wrappers import WrappersMP
from tests.executor.patching.conftest import Loaded

SHAPE = (1, 4, 16, 16)
SIGMAS = torch.tensor([14.6146, 4.0, 1.0, 0.0])


def guided(loaded: Loaded, guider: CFGGuider, sampler: Any, sigmas: Tensor = SIGMAS, **how: Any) -> Tensor:
    guider.set_conds(loaded.conditioning("a red cat"), loaded.conditioning("blurry"))
    guider.set_cfg(4.0)
    return guider.sample(initial_noise(SHAPE, 3), torch.zeros(SHAPE), sampler, sigmas, seed=3, **how)


def test_a_sampler_function_of_a_pack_takes_the_steps(loaded: Loaded) -> None:
    def euler(
        model: Any, x: Tensor, sigmas: Tensor, extra_args: Any, callback: Any, disable: Any, gain: Any = 1
    ) -> Any:
        rows = x.new_ones([x.shape[0]])
        for i in range(len(sigmas) - 1):
            denoised = model(x, sigmas[i] * rows, **extra_args)
            if callback is not None:
                callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
            x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i]) * gain
        assert model.inner_model.inner_model.model_sampling.sigma_max > 14
        return x

    steps: list[tuple[int, int]] = []
    found = guided(
        loaded,
        CFGGuider(loaded.model),
        KSAMPLER(euler),
        callback=lambda step, denoised, noisy, total: steps.append((step, total)),
    )
    own = guided(loaded, CFGGuider(loaded.model), sampler_object("euler"))
    torch.testing.assert_close(found, own, rtol=0, atol=1e-5 * float(own.abs().max()))
    assert steps == [(0, 3), (1, 3), (2, 3)]
    changed = guided(loaded, CFGGuider(loaded.model), KSAMPLER(euler, {"gain": 0.5}))
    assert not torch.allclose(found, changed)


def test_a_sampler_may_be_a_class_of_a_pack(loaded: Loaded) -> None:
    class OneStep(Sampler):
        def sample(self, model_wrap: Any, sigmas: Tensor, extra_args: Any, callback: Any, *rest: Any) -> Tensor:
            assert self.max_denoise(model_wrap, sigmas)
            denoised: Tensor = model_wrap(rest[0] * (1 + sigmas[0] ** 2) ** 0.5, sigmas[:1].clone(), **extra_args)
            return denoised

    def one_step(model: Any, x: Tensor, sigmas: Tensor, extra_args: Any, callback: Any, disable: Any) -> Any:
        return model(x, sigmas[:1].clone(), **extra_args)

    found = guided(loaded, CFGGuider(loaded.model), OneStep())
    assert torch.equal(found, guided(loaded, CFGGuider(loaded.model), KSAMPLER(one_step)))


def test_a_guider_of_a_pack_predicts_in_its_own_way(loaded: Loaded) -> None:
    class Half(CFGGuider):
        def predict_noise(
            self, x: Tensor, timestep: Tensor, model_options: Mapping[str, Any] = {}, seed: int | None = None
        ) -> Tensor:
            sides = [self.conds["negative"], self.conds["positive"], None]
            negative, positive, nothing = calc_cond_batch(self.inner_model, sides, x, timestep, model_options)
            assert not nothing.any()
            return negative + (positive - negative) * self.cfg / 2

    guider = CFGGuider(loaded.model)
    half = guided(loaded, Half(loaded.model), sampler_object("euler"))
    guider.set_conds(loaded.conditioning("a red cat"), loaded.conditioning("blurry"))
    guider.set_cfg(2.0)
    plain = guider.sample(initial_noise(SHAPE, 3), torch.zeros(SHAPE), sampler_object("euler"), SIGMAS, seed=3)
    torch.testing.assert_close(half, plain, rtol=0, atol=1e-4 * float(plain.abs().max()))


def test_stages_are_wrapped_from_the_outermost_inwards(loaded: Loaded) -> None:
    entered: list[str] = []
    model = loaded.model.clone()

    def wrapper(kind: str) -> Any:
        def around(executor: Any, *args: Any, **kwargs: Any) -> Any:
            entered.append(kind)
            return executor(*args, **kwargs)

        return around

    kinds = [value for name, value in vars(WrappersMP).items() if name.isupper()]
    for kind in kinds:
        model.add_wrapper_with_key(kind, "test", wrapper(kind))
    guider = CFGGuider(model)
    guided(loaded, guider, sampler_object("euler"), SIGMAS[-2:])
    assert entered == kinds
    assert "wrappers" not in model.model_options["transformer_options"]
    assert guider.model_options is model.model_options


def test_a_wrapper_may_change_what_a_stage_is_given_and_gives(loaded: Loaded) -> None:
    model = loaded.model.clone()

    def doubled(executor: Any, *args: Any, **kwargs: Any) -> Any:
        assert isinstance(executor.class_obj, CFGGuider)
        return executor(*args, **kwargs) * 2

    model.add_wrapper(WrappersMP.OUTER_SAMPLE, doubled)
    plain = guided(loaded, CFGGuider(loaded.model), sampler_object("euler"))
    assert torch.equal(guided(loaded, CFGGuider(model), sampler_object("euler")), plain * 2)


def test_noise_of_a_pack_is_used(loaded: Loaded) -> None:
    drawn: list[tuple[float, float]] = []

    def sampler(model: Any, x: Tensor, sigmas: Tensor, extra_args: Any, callback: Any, disable: Any) -> Tensor:
        def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
            drawn.append((float(sigma), float(sigma_next)))
            return torch.zeros_like(x)

        function = sampler_object("euler_ancestral").sampler_function
        return function(model, x, sigmas, extra_args=extra_args, noise_sampler=noise)

    found = guided(loaded, CFGGuider(loaded.model), KSAMPLER(sampler))
    assert len(drawn) == 2
    assert drawn[0] == pytest.approx((14.6146, 4.0))
    assert drawn[1] == pytest.approx((4.0, 1.0))
    assert not torch.equal(found, guided(loaded, CFGGuider(loaded.model), sampler_object("euler_ancestral")))


def test_a_condition_of_last_resort_and_hooks_are_known(loaded: Loaded) -> None:
    cat, dog = loaded.conditioning("a cat"), loaded.conditioning("a dog")
    guider = CFGGuider(loaded.model)

    def sampled(positive: Any) -> Tensor:
        guider.set_conds(positive, dog)
        return guider.sample(initial_noise(SHAPE, 3), torch.zeros(SHAPE), sampler_object("euler"), SIGMAS, seed=3)

    last_resort = [[dog[0][0], {"default": True}]]
    assert torch.equal(sampled([*cat, *last_resort]), sampled(cat))
    with pytest.raises(ValueError, match="^hooks: "):
        sampled([[cat[0][0], {"hooks": HookGroup([Hook()])}]])


def test_what_a_model_is_given_of_conditions_reaches_the_network(loaded: Loaded) -> None:
    model = loaded.model.clone()
    own = loaded.model.model.extra_conds
    seen: list[dict[str, Any]] = []

    def extra_conds(**options: Any) -> dict[str, Any]:
        length = options["cross_attn"].abs().mean().reshape(1, 1)
        return {**own(**options), "length": CONDRegular(length), "kind": CONDConstant("picture")}

    def watch(executor: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs | {"uuids": args[-1]["uuids"]})
        return executor(x, *args, **kwargs)

    model.add_object_patch("extra_conds", extra_conds)
    model.add_wrapper(WrappersMP.DIFFUSION_MODEL, watch)
    guider = CFGGuider(model)
    found = guided(loaded, guider, sampler_object("euler"))
    assert torch.equal(found, guided(loaded, CFGGuider(loaded.model), sampler_object("euler")))
    positive, negative = loaded.conditioning("a red cat")[0][0], loaded.conditioning("blurry")[0][0]
    lengths = torch.stack([negative.abs().mean(), positive.abs().mean()])[:, None]
    assert torch.equal(seen[0]["length"], lengths)
    assert seen[0]["kind"] == "picture"
    assert seen[0]["uuids"] == [guider.original_conds[side][0]["uuid"] for side in ("negative", "positive")]
