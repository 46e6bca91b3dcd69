"""MODEL: what nodes change about it happens, to that clone alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.patching import model_sampling
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample
from services.executor.patching.wrappers import CallbacksMP, WrappersMP
from tests.executor.patching.conftest import Loaded

ATTENTIONS = ("attn1", "attn2")
STAGES = tuple(value for name, value in vars(WrappersMP).items() if name.isupper())
WEIGHT = "diffusion_model.input_blocks.0.0.weight"


def changed(model: ModelPatcher) -> ModelPatcher:
    """A clone that a test may change."""
    return model.clone()


def test_functions_that_change_nothing_change_no_bit(loaded: Loaded) -> None:
    model = changed(loaded.model)
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
    model = changed(loaded.model)

    def twice_as_strong(told: dict[str, Any]) -> Tensor:
        cond, uncond = told["cond"], told["uncond"]
        combined: Tensor = uncond + (cond - uncond) * (told["cond_scale"] * 2)
        return combined

    model.set_model_sampler_cfg_function(twice_as_strong)
    twice, plain = loaded.sampled(model, cfg=4.0), loaded.sampled(loaded.model, cfg=8.0)
    torch.testing.assert_close(twice, plain, rtol=0, atol=1e-4 * float(plain.abs().max()))
    assert not torch.equal(plain, loaded.sampled(loaded.model, cfg=4.0))


def test_guidance_functions_are_told_what_was_predicted(loaded: Loaded) -> None:
    model = changed(loaded.model)
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

    model = changed(loaded.model)
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

    model = changed(loaded.model)
    model.set_model_unet_function_wrapper(halves)
    plain = loaded.sampled(loaded.model)
    torch.testing.assert_close(loaded.sampled(model), plain, rtol=0, atol=1e-4 * float(plain.abs().max()))


def test_attention_functions_are_told_where_they_are(loaded: Loaded) -> None:
    seen: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ATTENTIONS}
    model = changed(loaded.model)

    def note(kind: str) -> Any:
        def patch(n: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
            seen[kind].append(options | {"shapes": (tuple(n.shape), tuple(key.shape))})
            return n, key, value

        return patch

    model.set_model_attn1_patch(note("attn1"))
    model.set_model_attn2_patch(note("attn2"))
    loaded.sampled(model, steps=1)
    first, last = seen["attn1"][0], seen["attn1"][-1]
    assert first["block"][0] == "input"
    assert last["block"][0] == "output"
    assert ("middle", 0) in [options["block"] for options in seen["attn1"]]
    assert [options["transformer_index"] for options in seen["attn1"]] == list(range(len(seen["attn1"])))
    for options in (*seen["attn1"], *seen["attn2"]):
        (batch, tokens, channels), (_, key_tokens, _) = options["shapes"]
        height, width = options["activations_shape"][2:]
        assert options["n_heads"] * options["dim_head"] == channels
        assert height * width == tokens
        assert options["original_shape"] == [2, 4, 16, 16]
        assert options["cond_or_uncond"] == [1, 0]
        assert batch == 2
        assert options["sigmas"].shape == (1,)
        assert options["sample_sigmas"].shape == (2,)
        assert options["block_index"] == 0
    assert {options["shapes"][1][1] for options in seen["attn2"]} == {77}


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_an_attention_can_be_replaced_in_one_block(loaded: Loaded, kind: str) -> None:
    blocks: list[tuple[str, int]] = []

    def nothing(query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
        blocks.append(options["block"])
        return torch.zeros_like(query)

    plain = loaded.sampled(loaded.model)
    for index in (None, 0):
        model = changed(loaded.model)
        model.set_model_patch_replace(nothing, kind, "middle", 0, index)
        assert not torch.equal(loaded.sampled(model), plain)
    assert set(blocks) == {("middle", 0)}
    model = changed(loaded.model)
    model.set_model_patch_replace(nothing, kind, "middle", 0, 7)  # there is no such transformer
    assert torch.equal(loaded.sampled(model), plain)


def test_blocks_can_be_changed_before_and_after_they_are_kept_for_their_partners(loaded: Loaded) -> None:
    def skips(model: ModelPatcher) -> list[Tensor]:
        found: list[Tensor] = []

        def see(hidden: Tensor, skip: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
            assert options["block"][0] == "output"
            found.append(skip)
            return hidden, skip

        model.set_model_output_block_patch(see)
        loaded.sampled(model, steps=1)
        return found

    def zero_first(hidden: Tensor, options: dict[str, Any]) -> Tensor:
        return torch.zeros_like(hidden) if options["block"] == ("input", 0) else hidden

    before, after = changed(loaded.model), changed(loaded.model)
    before.set_model_input_block_patch(zero_first)
    after.set_model_input_block_patch_after_skip(zero_first)
    assert not skips(before)[-1].any()
    assert skips(after)[-1].any()


def test_a_clone_is_changed_alone(loaded: Loaded) -> None:
    plain = loaded.sampled(loaded.model)
    model = changed(loaded.model)
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


def test_weights_are_changed_beside_the_originals(loaded: Loaded) -> None:
    original = loaded.model.model_state_dict()[WEIGHT]
    diff = torch.ones_like(original, dtype=torch.float32)
    model = changed(loaded.model)
    assert model.add_patches({WEIGHT: (diff,), "nobody.knows": (diff,)}, 0.5) == [WEIGHT]
    model.add_patches({WEIGHT: ("diff", (diff,))}, 0.25, 2.0)
    patched = model.patched().state_dict()
    torch.testing.assert_close(patched[WEIGHT].float(), (original.float() + 0.5) * 2 + 0.25, rtol=1e-3, atol=1e-3)
    assert patched[WEIGHT].dtype == original.dtype
    assert loaded.model.model_state_dict()[WEIGHT] is not patched[WEIGHT]
    plain = loaded.sampled(loaded.model)
    assert not torch.equal(loaded.sampled(model), plain)
    model.add_patches({WEIGHT: ("set", (original,))})
    assert torch.equal(loaded.sampled(model), plain)


def test_a_part_of_a_weight_can_be_changed(loaded: Loaded) -> None:
    original = loaded.model.model_state_dict()[WEIGHT].float()
    model = changed(loaded.model)
    model.add_patches({(WEIGHT, (0, 1, 2)): (torch.ones_like(original)[:2],)})
    difference = model.patched().state_dict()[WEIGHT].float() - original
    assert difference[1:3].mean().item() == pytest.approx(1.0, abs=1e-2)
    assert not difference[3:].any()
    assert not difference[0].any()


def test_a_model_merged_with_itself_stays_what_it_is(loaded: Loaded) -> None:
    other = changed(loaded.model)
    model = changed(loaded.model)
    for key, value in other.get_key_patches("diffusion_model.").items():
        model.add_patches({key: value}, 0.5, 0.5)
    plain = loaded.sampled(loaded.model)
    torch.testing.assert_close(loaded.sampled(model), plain, rtol=0, atol=1e-4 * float(plain.abs().max()))


def test_patches_of_unknown_kinds_are_named(loaded: Loaded) -> None:
    model = changed(loaded.model)
    model.add_patches({WEIGHT: ("lokr", (torch.ones(1),))})
    with pytest.raises(ValueError, match=r"input_blocks.0.0.weight is of the kind 'lokr'"):
        loaded.sampled(model)


def test_another_sampling_can_take_the_place_of_the_models_own(loaded: Loaded) -> None:
    class Same(model_sampling.ModelSamplingDiscrete, model_sampling.EPS):
        pass

    class Velocity(model_sampling.ModelSamplingDiscrete, model_sampling.V_PREDICTION):
        pass

    plain = loaded.sampled(loaded.model)
    same, velocity = changed(loaded.model), changed(loaded.model)
    same.add_object_patch("model_sampling", Same(loaded.model.model.model_config))
    velocity.add_object_patch("model_sampling", Velocity(loaded.model.model.model_config, zsnr=True))
    torch.testing.assert_close(loaded.sampled(same), plain, rtol=0, atol=1e-5 * float(plain.abs().max()))
    assert not torch.allclose(loaded.sampled(velocity), plain, rtol=0.1)
    assert float(velocity.model_sampling.sigma_max) > 1000
    assert float(velocity.get_model_object("model_sampling").sigma_max) > 1000
    assert float(loaded.model.get_model_object("model_sampling").sigma_max) < 15


def test_a_part_of_the_network_can_be_replaced(loaded: Loaded) -> None:
    model = changed(loaded.model)
    own = loaded.model.get_model_object("diffusion_model.middle_block.0.skip_connection")
    model.add_object_patch("diffusion_model.middle_block.0.skip_connection", torch.nn.Dropout(1.0))
    assert not torch.equal(loaded.sampled(model), loaded.sampled(loaded.model))
    assert loaded.model.get_model_object("diffusion_model.middle_block.0.skip_connection") is own


def test_events_of_a_run_are_heard(loaded: Loaded) -> None:
    heard: list[str] = []
    model = changed(loaded.model)
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

    model = changed(loaded.model)
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


def test_every_attention_can_be_overridden(loaded: Loaded) -> None:
    heads: list[int] = []

    def override(attention: Any, *args: Any, **kwargs: Any) -> Tensor:
        heads.append(args[3])
        assert kwargs["mask"] is None
        assert kwargs["transformer_options"]["n_heads"] == args[3]
        mixed: Tensor = attention(*args, **kwargs)
        return mixed

    model = changed(loaded.model)
    model.model_options["transformer_options"]["optimized_attention_override"] = override
    assert torch.equal(loaded.sampled(model), loaded.sampled(loaded.model))
    assert heads


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

    model = changed(loaded.model)
    model.add_object_patch("model_sampling", Distilled(loaded.model.model.model_config))
    times: list[float] = []

    def watch(executor: Any, x: Tensor, timesteps: Tensor, *args: Any, **kwargs: Any) -> Any:
        times.append(float(timesteps[0]))
        return executor(x, timesteps, *args, **kwargs)

    model.add_wrapper(WrappersMP.DIFFUSION_MODEL, watch)
    assert loaded.sampled(model, sampler="lcm", scheduler="sgm_uniform", steps=4).isfinite().all()
    assert all(time % 20 == 19 for time in times)
    assert len(times) == 4


@pytest.mark.parametrize("name", ["control", "gligen"])
def test_conditionings_that_cannot_be_honoured_are_refused(loaded: Loaded, name: str) -> None:
    conditioning = [[loaded.conditioning("a cat")[0][0], {name: object()}]]
    how: dict[str, Any] = {"seed": 1, "steps": 1, "cfg": 3.0, "sampler": "euler", "scheduler": "normal"}
    with pytest.raises(ValueError, match=f"^{name}: "):
        sample(loaded.model, conditioning, conditioning, torch.zeros(1, 4, 16, 16), **how)


def test_a_module_of_a_pack_can_be_changed_as_well() -> None:
    patcher = ModelPatcher(torch.nn.Linear(2, 2), torch.device("cpu"), torch.device("cpu"), size=4)
    patcher.load()
    assert patcher.add_patches({"weight": (torch.ones(2, 2),)}) == ["weight"]
    x = torch.ones(1, 2)
    torch.testing.assert_close(patcher.patched()(x), patcher.model(x) + 2)
