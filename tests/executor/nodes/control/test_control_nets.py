"""Steering by control networks; that numbers are right is in the recorded workflows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.conditioning_arithmetic import ConditioningCombine
from services.executor.nodes.conditioning_regions import ConditioningSetArea
from services.executor.nodes.control_nets import (
    CLIPTextEncodeControlnet,
    ControlNetApplyAdvanced,
    ControlNetApplySD3,
    ControlNetInpaintingAliMamaApply,
)
from services.executor.patching.control import ControlBase
from tests.executor.diffusion.control.nets import random_weights, recorded_weights
from tests.executor.nodes.control.conftest import Bench, advanced, basic, close, picture


def test_a_network_whose_last_layers_are_zero_changes_nothing(bench: Bench) -> None:
    weights = {
        name: torch.zeros_like(weight) if name.startswith(("zero_convs", "middle_block_out")) else weight
        for name, weight in recorded_weights().items()
    }
    assert torch.equal(bench.steered(bench.control_net(weights)), bench.sampled(*bench.prompts()))
    assert not close(bench.steered(bench.control_net(recorded_weights())), bench.sampled(*bench.prompts()))


@pytest.mark.parametrize("node", [ControlNetApplyAdvanced, ControlNetApplySD3])
def test_no_strength_leaves_both_conditionings_as_they_are(bench: Bench, node: Any) -> None:
    positive, negative = bench.prompts()
    given = {"positive": positive, "negative": negative, "control_net": None, "image": None, "vae": None}
    found = node().apply_controlnet(**given, strength=0, start_percent=0.0, end_percent=1.0)
    assert found[0] is positive
    assert found[1] is negative
    assert basic(positive, None, strength=0) is positive


def test_two_halves_of_a_strength_are_the_whole(bench: Bench) -> None:
    control_net = bench.control_net()
    once = bench.steered(control_net, 0.8)
    both = advanced(*advanced(*bench.prompts(), control_net, strength=0.4), control_net, strength=0.4)
    assert close(bench.sampled(*both), once)


def test_a_share_of_no_length_steers_nothing_and_the_whole_all(bench: Bench) -> None:
    control_net, plain = bench.control_net(), bench.sampled(*bench.prompts())
    assert torch.equal(bench.steered(control_net, share=(0.999, 0.999)), plain)
    early, late = bench.steered(control_net, share=(0.0, 0.3)), bench.steered(control_net, share=(0.3, 1.0))
    assert not close(early, plain)
    assert not close(late, plain)
    assert not close(late, early)


def test_the_node_for_one_conditioning_steers_the_negative_one_as_well(bench: Bench) -> None:
    positive, negative = bench.prompts()
    control_net = bench.control_net()
    assert torch.equal(bench.sampled(basic(positive, control_net), negative), bench.steered(control_net))


def test_a_negative_conditioning_with_a_control_of_its_own_keeps_that(bench: Bench) -> None:
    positive, negative = bench.prompts()
    control_net, other = bench.control_net(), torch.zeros(1, 64, 64, 3)
    own = bench.sampled(basic(positive, control_net), basic(negative, control_net, other))
    assert not close(own, bench.steered(control_net))


def test_both_conditionings_share_a_link_and_with_it_a_batch(bench: Bench) -> None:
    positive, negative = advanced(*bench.prompts(), bench.control_net())
    assert positive[0][1]["control"] is negative[0][1]["control"]
    assert positive[0][1]["control_apply_to_uncond"] is False
    again = advanced(positive, negative, bench.control_net())
    assert again[0][0][1]["control"] is again[1][0][1]["control"]
    assert again[0][0][1]["control"].previous_controlnet is positive[0][1]["control"]


class Counting(ControlBase):
    """A control that adds nothing and counts the conditions it is asked for together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.events: list[str] = []

    def copy(self) -> Counting:
        return self

    def pre_run(self, model: Any, percent_to_timestep_function: Any) -> None:
        self.events.append("before")
        super().pre_run(model, percent_to_timestep_function)

    def own_control(self, x_noisy: Tensor, t: Tensor, cond: Any, batched_number: int) -> Any:
        assert len(x_noisy) == batched_number
        self.batches.append(batched_number)
        return {"input": [None], "middle": [], "output": []}

    def cleanup(self) -> None:
        self.events.append("after")
        super().cleanup()


def test_conditions_with_the_same_control_run_together_and_others_apart(bench: Bench) -> None:
    positive, negative = bench.prompts()
    together, apart = Counting(), Counting()
    bench.sampled(*advanced(positive, negative, together))
    assert together.batches == [2, 2]
    (three,) = ConditioningCombine().combine(advanced(positive, negative, apart)[0], positive)
    bench.sampled(three, negative)
    assert apart.batches == [1, 1]
    assert apart.events == together.events == ["before", "after"]


def test_a_control_is_cleaned_up_after_a_run_that_failed(bench: Bench) -> None:
    class Failing(Counting):
        def own_control(self, *args: Any) -> Any:
            raise ValueError("no")

    failing = Failing()
    with pytest.raises(ValueError, match="no"):
        bench.sampled(*advanced(*bench.prompts(), failing))
    assert failing.events == ["before", "after"]


def test_a_condition_for_an_area_is_steered_by_the_whole_picture_there(bench: Bench) -> None:
    positive, negative = bench.prompts()
    (area,) = ConditioningSetArea().append(positive, width=64, height=128, x=64, y=0, strength=1.0)
    (both,) = ConditioningCombine().combine(positive, basic(area, bench.control_net()))
    steered = bench.sampled(both, negative)
    plain = bench.sampled(ConditioningCombine().combine(positive, area)[0], negative)
    assert steered.isfinite().all()
    assert not close(steered, plain)


def test_several_pictures_steer_as_many_latents_each_its_own(bench: Bench) -> None:
    pictures, control_net = picture(2), bench.control_net()
    latent = torch.zeros(2, 4, 16, 16)
    both = bench.sampled(*advanced(*bench.prompts(), control_net, pictures), latent)
    first = bench.sampled(*advanced(*bench.prompts(), control_net, pictures[:1]), latent)
    assert close(both[:1], first[:1])
    assert not close(both[1:], first[1:])


def test_a_control_steers_latents_of_another_size_after_each_other(bench: Bench) -> None:
    both = advanced(*bench.prompts(), bench.control_net())
    small = bench.sampled(*both)
    large = bench.sampled(*both, torch.zeros(1, 4, 24, 17))
    assert large.shape == (1, 4, 24, 17)
    assert torch.equal(bench.sampled(*both), small)


def test_a_network_for_another_family_is_said_to_be_one(bench: Bench) -> None:
    control_net = bench.control_net(random_weights("sdxl_small"), "sdxl_small")
    with pytest.raises(ValueError, match="control_net: it is made for another family of models: .* texts of width 48"):
        bench.steered(control_net)


def test_a_picture_with_other_channels_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="image: this control network takes pictures with 3 channels, .* with 4"):
        bench.steered(bench.control_net(), image=torch.rand(1, 64, 64, 4))


@pytest.mark.parametrize(
    ("control_net", "image", "message"),
    [(None, picture(), "control_net: there is none"), (Counting(), torch.zeros(4, 4), "image: these are no pictures")],
)
def test_what_is_missing_is_named(bench: Bench, control_net: Any, image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        advanced(*bench.prompts(), control_net, image)
    with pytest.raises(ValueError, match=message):
        basic(bench.prompts()[0], control_net, image)


def inpainting(bench: Bench, control_net: ControlBase) -> tuple[Conditioning, Conditioning]:
    mask = torch.zeros(1, 96, 128)
    mask[:, :48] = 1
    given: dict[str, Any] = {"vae": bench.loaded.vae, "image": picture(), "mask": mask, "strength": 1.0}
    node = ControlNetInpaintingAliMamaApply()
    return node.apply_inpaint_controlnet(
        *bench.prompts(), control_net=control_net, start_percent=0.0, end_percent=1.0, **given
    )


def test_a_network_that_takes_no_mask_is_refused_where_one_is_given(bench: Bench) -> None:
    with pytest.raises(ValueError, match="control_net: it takes no mask"):
        inpainting(bench, bench.control_net())


def test_a_network_that_takes_a_mask_is_given_it_and_not_what_is_under_it(bench: Bench) -> None:
    control_net = Counting()
    control_net.concat_mask = True
    positive, _ = inpainting(bench, control_net)
    link = positive[0][1]["control"]
    assert link.vae is bench.loaded.vae
    assert not link.cond_hint_original[:, :, :48].any()
    assert torch.equal(link.cond_hint_original[:, :, 48:], picture().movedim(-1, 1)[:, :, 48:])
    (kept,) = link.extra_concat_orig
    assert kept.shape == (1, 1, 96, 128)
    assert kept[0, 0, :, 0].tolist() == [0.0] * 48 + [1.0] * 48


def test_control_networks_can_read_another_prompt(bench: Bench) -> None:
    positive, negative = bench.prompts()
    control_net, clip = bench.control_net(), bench.loaded.clip
    steered = basic(positive, control_net)
    (same,) = CLIPTextEncodeControlnet().execute(clip, steered, "a red cat")
    (other,) = CLIPTextEncodeControlnet().execute(clip, steered, "a lake in winter")
    (unsteered,) = CLIPTextEncodeControlnet().execute(clip, positive, "a lake in winter")
    expected = bench.sampled(steered, negative)
    assert close(bench.sampled(same, negative), expected)
    assert not close(bench.sampled(other, negative), expected)
    assert close(bench.sampled(unsteered, negative), bench.sampled(positive, negative))
    with pytest.raises(ValueError, match="clip: there is none"):
        CLIPTextEncodeControlnet().execute(None, positive, "")
