"""MODEL: what nodes change about it happens, to that clone alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.patching import model_sampling
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample
from services.executor.patching.stages import PatcherInjection
from services.executor.patching.wrappers import CallbacksMP, WrappersMP
from tests.executor.patching.conftest import Loaded

STAGES = tuple(value for name, value in vars(WrappersMP).items() if name.isupper())


def test_functions_that_change_nothing_change_no_bit(loaded: Loaded) -> None:
    model = loaded.model.clone()
    model.set_model_attn1_patch(lambda n, key, value, options: (n, key, value))
    model.set_model_attn2_patch(lambda n, key, value, options: (n, key, value))
    model.set_model_attn1_output_patch(lambda n, options: n)
    model.set_model_attn2_output_patch(lambda n, options: n)
    model.set_model_input_block_patch(lambda h, options: h)
    model.set_model_input_block_patch_after_skip(lambda h, options: h)
    model.set_model_output_block_patch(lambda h, skip, options: (h, skip))
    model.set_model_emb_patch(lambda embedding, channels, options: embedding)
    model.set_model_patch(lambda h, options: h, "middle_patch")
    model.set_model_unet_function_wrapper(
        lambda apply_model, told: apply_model(told["input"], told["timestep"], **told["c"])
    )
    model.set_model_sampler_pre_cfg_function(lambda told: told["conds_out"])
    model.set_model_sampler_post_cfg_function(lambda told: told["denoised"])
    passed: set[str] = set()
    for kind in STAGES:

        def pass_on(executor: Any, *args: Any, kind: str = kind, **kwargs: Any) -> Any:
            passed.add(kind)
            return executor(*args, **kwargs)

        model.add_wrapper_with_key(kind, "test", pass_on)
    assert torch.equal(loaded.sampled(model), loaded.sampled(loaded.model))
    assert passed == set(STAGES)


def test_guidance_by_a_function_of_the_differences_is_guidance(loaded: Loaded) -> None:
    model = loaded.model.clone()

    def twice_as_strong(told: dict[str, Any]) -> Tensor:
        cond, uncond = told["cond"], told["uncond"]
        combined: Tensor = uncond + (cond - uncond) * (told["cond_scale"] * 2)
        return combined

    model.set_model_sampler_cfg_function(twice_as_strong)
    twice, plain = loaded.sampled(model, cfg=4.0), loaded.sampled(loaded.model, cfg=8.0)
    torch.testing.assert_close(twice, plain, rtol=0, atol=1e-4 * float(plain.abs().max()))
    assert not torch.equal(plain, loaded.sampled(loaded.model, cfg=4.0))


def test_guidance_functions_are_told_what_was_predicted(loaded: Loaded) -> None:
    model = loaded.model.clone()
    told_before: list[dict[str, Any]] = []
    told_after: list[dict[str, Any]] = []

    def before(told: dict[str, Any]) -> Any:
        told_before.append(told)
        return told["conds_out"]

    def after(told: dict[str, Any]) -> Any:
        told_after.append(told)
        return told["denoised"]

    model.set_model_sampler_pre_cfg_function(before)
    model.set_model_sampler_post_cfg_function(after)
    loaded.sampled(model)
    assert len(told_before) == len(told_after) == 2
    first, last = told_before[0], told_after[0]
    assert first["cond_scale"] == 5.0
    assert first["sigma"].shape == first["timestep"].shape == (1,)
    assert torch.equal(last["cond_denoised"], first["conds_out"][0])
    assert torch.equal(last["uncond_denoised"], first["conds_out"][1])
    assert last["input"].shape == (1, 4, 16, 16)
    assert last["model"] is loaded.model.model
    assert last["model_options"]["sampler_post_cfg_function"] == [after]
    assert last["cond"][0]["model_conds"]["c_crossattn"].cond.shape[1] == 77


def test_at_a_scale_of_one_the_negative_side_runs_only_when_it_is_asked_for(loaded: Loaded) -> None:
    seen: list[list[int]] = []

    def watch(apply_model: Any, told: dict[str, Any]) -> Tensor:
        seen.append(told["cond_or_uncond"])
        denoised: Tensor = apply_model(told["input"], told["timestep"], **told["c"])
        return denoised

    model = loaded.model.clone()
    model.set_model_unet_function_wrapper(watch)
    loaded.sampled(model, cfg=1.0, steps=1)
    model.set_model_sampler_post_cfg_function(lambda told: told["denoised"], disable_cfg1_optimization=True)
    loaded.sampled(model, cfg=1.0, steps=1)
    assert seen == [[0], [1, 0]]


def test_a_wrapper_of_the_network_may_run_its_halves_apart(loaded: Loaded) -> None:
    def halves(apply_model: Any, told: dict[str, Any]) -> Tensor:
        x, sigma, options = told["input"], told["timestep"], told["c"]["transformer_options"]
        parts = []
        for place, side in enumerate(told["cond_or_uncond"]):
            own = slice(place, place + 1)
            context = told["c"]["c_crossattn"][own]
            side_options = {**options, "cond_or_uncond": [side]}
            parts.append(apply_model(x[own], sigma[own], c_crossattn=context, transformer_options=side_options))
        return torch.cat(parts)

    model = loaded.model.clone()
    model.set_model_unet_function_wrapper(halves)
    plain = loaded.sampled(loaded.model)
    torch.testing.assert_close(loaded.sampled(model), plain, rtol=0, atol=1e-4 * float(plain.abs().max()))


def test_a_clone_is_changed_alone(loaded: Loaded) -> None:
    plain = loaded.sampled(loaded.model)
    model = loaded.model.clone()
    model.set_model_attn1_output_patch(lambda n, options: n * 0)
    model.set_model_sampler_post_cfg_function(lambda told: told["denoised"] * 0.5)
    model.model_options["transformer_options"]["mine"] = {"a": 1}
    further = model.clone()
    further.model_options["transformer_options"]["mine"]["a"] = 2
    assert model.model_options["transformer_options"]["mine"] == {"a": 1}
    assert model.is_clone(loaded.model)
    assert model.model is loaded.model.model
    assert torch.equal(loaded.sampled(loaded.model), plain)
    assert not torch.equal(loaded.sampled(model), plain)


def test_another_sampling_can_take_the_place_of_the_models_own(loaded: Loaded) -> None:
    class Same(model_sampling.ModelSamplingDiscrete, model_sampling.EPS):
        pass

    class Velocity(model_sampling.ModelSamplingDiscrete, model_sampling.V_PREDICTION):
        pass

    plain = loaded.sampled(loaded.model)
    same, velocity = loaded.model.clone(), loaded.model.clone()
    same.add_object_patch("model_sampling", Same(loaded.model.model.model_config))
    velocity.add_object_patch("model_sampling", Velocity(loaded.model.model.model_config, zsnr=True))
    torch.testing.assert_close(loaded.sampled(same), plain, rtol=0, atol=1e-5 * float(plain.abs().max()))
    assert not torch.allclose(loaded.sampled(velocity), plain, rtol=0.1)
    assert float(velocity.model_sampling.sigma_max) > 1000
    assert float(velocity.get_model_object("model_sampling").sigma_max) > 1000
    assert float(loaded.model.get_model_object("model_sampling").sigma_max) < 15


def test_events_of_a_run_are_heard(loaded: Loaded) -> None:
    heard: list[str] = []
    model = loaded.model.clone()
    for kind in (CallbacksMP.ON_CLONE, CallbacksMP.ON_PRE_RUN, CallbacksMP.ON_CLEANUP):
        model.add_callback_with_key(kind, "test", lambda *args, kind=kind: heard.append(kind))
    clone = model.clone()
    loaded.sampled(clone, steps=1)
    assert heard == [CallbacksMP.ON_CLONE, CallbacksMP.ON_PRE_RUN, CallbacksMP.ON_CLEANUP]
    clone.remove_callbacks_with_key(CallbacksMP.ON_PRE_RUN, "test")
    loaded.sampled(clone, steps=1)
    assert heard[3:] == [CallbacksMP.ON_CLEANUP]


def test_the_mask_can_be_changed_at_each_level(loaded: Loaded) -> None:
    latent = loaded.vae.encode(torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(0)))
    levels: list[float] = []

    def all_new(sigma: Tensor, mask: Tensor, extra_options: dict[str, Any]) -> Tensor:
        levels.append(float(sigma[0]))
        assert mask.shape == (1, 4, 16, 16)
        assert float(extra_options["sigmas"][0]) == levels[0]
        return torch.ones_like(mask)

    model = loaded.model.clone()
    model.set_model_denoise_mask_function(all_new)
    conditioning = loaded.conditioning("a cat")
    how: dict[str, Any] = {"seed": 1, "steps": 2, "cfg": 3.0, "sampler": "euler", "scheduler": "normal"}

    def sampled(of: ModelPatcher, mask: Tensor | None) -> Tensor:
        return sample(of, conditioning, conditioning, latent, noise_mask=mask, **how)

    nothing = torch.zeros(128, 128)
    torch.testing.assert_close(sampled(loaded.model, nothing), latent, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(sampled(model, nothing), sampled(loaded.model, None), rtol=1e-3, atol=1e-2)
    assert len(levels) == 2


def test_a_model_tells_of_itself(loaded: Loaded) -> None:
    model = loaded.model
    weights = model.model.diffusion_model.state_dict().values()
    assert model.model_size() == sum(weight.nbytes for weight in weights)
    assert model.model_dtype() == next(iter(weights)).dtype
    assert model.load_device == torch.device("cpu")
    assert model.model.model_config.unet_config["in_channels"] == 4
    latent = torch.ones(1)
    assert model.model.latent_format.process_out(model.model.latent_format.process_in(latent)) == latent
    assert model.get_model_object("latent_format") is model.model.latent_format


def test_a_distilled_models_levels_are_those_it_was_distilled_to(loaded: Loaded) -> None:
    class Distilled(model_sampling.ModelSamplingDiscrete, model_sampling.EPS):
        """As packs write it for latent consistency models."""

        def __init__(self, model_config: Any = None) -> None:
            super().__init__(model_config)
            self.stride = self.num_timesteps // 50
            self.set_sigmas(self.sigmas[self.stride - 1 :: self.stride])

        def timestep(self, sigma: Tensor) -> Tensor:
            distances = sigma.log().to(self.log_sigmas.device) - self.log_sigmas[:, None]
            return distances.abs().argmin(dim=0).view(sigma.shape) * self.stride + self.stride - 1

        def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
            assert sigma.shape == (len(model_input),)
            rows = sigma.view(sigma.shape[:1] + (1,) * (model_output.ndim - 1))
            return model_input - model_output * rows

    model = loaded.model.clone()
    model.add_object_patch("model_sampling", Distilled(loaded.model.model.model_config))
    times: list[float] = []

    def watch(executor: Any, x: Tensor, timesteps: Tensor, *args: Any, **kwargs: Any) -> Any:
        times.append(float(timesteps[0]))
        return executor(x, timesteps, *args, **kwargs)

    model.add_wrapper(WrappersMP.DIFFUSION_MODEL, watch)
    assert loaded.sampled(model, sampler="lcm", scheduler="sgm_uniform", steps=4).isfinite().all()
    assert all(time % 20 == 19 for time in times)
    assert len(times) == 4


def test_a_model_may_be_changed_in_place_for_the_time_of_a_run(loaded: Loaded) -> None:
    said: list[str] = []
    model = loaded.model.clone()
    for name in "ab":

        def enter(patcher: ModelPatcher, name: str = name) -> None:
            said.append(f"in {name}")

        def leave(patcher: ModelPatcher, name: str = name) -> None:
            said.append(f"out {name}")

        model.set_injections(name, [PatcherInjection(enter, leave)])
    loaded.sampled(model.clone(), steps=1)
    assert said == ["in a", "in b", "out b", "out a"]


def test_a_model_says_what_it_computes_in(loaded: Loaded) -> None:
    computes = loaded.model.model.manual_cast_dtype or loaded.model.model.get_dtype()
    assert computes == torch.float32
