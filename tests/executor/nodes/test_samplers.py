"""Nodes that choose samplers and noise."""

from __future__ import annotations

import inspect

import pytest
import torch

from services.executor.diffusion.noise import initial_noise
from services.executor.diffusion.samplers.lms import sample_lms
from services.executor.nodes.noise import DisableNoise, RandomNoise
from services.executor.nodes.samplers import NODES, KSamplerSelect, ParametersNode, SamplerDPMPP_3M_SDE, SamplerLMS
from services.executor.patching.k_samplers import as_k_function, sampler_object


def test_a_sampler_is_chosen_by_its_name() -> None:
    assert KSamplerSelect().get_sampler("dpmpp_2m") == (sampler_object("dpmpp_2m"),)
    with pytest.raises(ValueError, match="^sampler_name: 'best'"):
        KSamplerSelect().get_sampler("best")


@pytest.mark.parametrize("node", [node for node in NODES if issubclass(node, ParametersNode)])
def test_every_input_is_a_parameter_of_the_sampler_with_its_default(node: type[ParametersNode]) -> None:
    inputs = {name: config[1]["default"] for name, config in node.PARAMETERS.items() if "default" in config[-1]}
    options = node().get_sampler(**inputs)[0].extra_options
    known = inspect.signature(node.SAMPLER).parameters
    assert options == {name: known[name].default for name in inputs}


def test_a_sampler_gets_its_parameters_and_where_to_draw_noise() -> None:
    (sampler,) = SamplerLMS().get_sampler(order=2)
    assert (sampler.sampler_function, sampler.extra_options) == (as_k_function(sample_lms), {"order": 2})
    for device, on_device in (("gpu", True), ("cpu", False)):
        (sampler,) = SamplerDPMPP_3M_SDE().get_sampler(eta=0.5, s_noise=1.0, noise_device=device)
        assert sampler.extra_options == {"eta": 0.5, "s_noise": 1.0, "noise_on_device": on_device}


def test_random_noise_is_that_of_the_seed_and_the_places() -> None:
    latent = {"samples": torch.zeros(2, 4, 3, 3), "batch_index": [5, 0]}
    (noise,) = RandomNoise().get_noise(2**64 - 1)
    assert noise.seed == 2**64 - 1
    assert torch.equal(noise.generate_noise(latent), initial_noise((2, 4, 3, 3), 2**64 - 1, [5, 0]))


def test_disabled_noise_is_none() -> None:
    (noise,) = DisableNoise().get_noise()
    assert noise.seed == 0
    assert torch.equal(noise.generate_noise({"samples": torch.ones(2, 4, 3, 3)}), torch.zeros(2, 4, 3, 3))
