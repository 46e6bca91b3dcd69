"""Models whose network, or parts of it, are compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.patching.compilation import compile_model
from tests.executor.patching.conftest import Loaded


class Backend:
    """Runs what was traced as it is, and counts."""

    def __init__(self) -> None:
        self.traced = 0
        self.calls = 0

    def __call__(self, graph: Any, inputs: list[Tensor]) -> Callable[..., Any]:
        self.traced += 1

        def run(*args: Any) -> Any:
            self.calls += 1
            return graph.forward(*args)

        return run


@pytest.fixture(autouse=True)
def _forget_what_was_traced() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


PART = "diffusion_model.time_embed"


def test_a_compiled_part_gives_the_same_and_is_traced_once(loaded: Loaded) -> None:
    backend = Backend()
    model = loaded.model.clone()
    compile_model(model, backend, keys=[PART])
    plain = loaded.model.model.get_submodule(PART)
    assert backend.traced == 0
    torch.testing.assert_close(loaded.sampled(model), loaded.sampled(loaded.model))
    assert backend.traced == 1
    assert backend.calls >= 2
    assert model.model.get_submodule(PART) is plain, "between the calls it is as it was"


def test_the_model_that_was_cloned_is_not_compiled(loaded: Loaded) -> None:
    backend = Backend()
    compile_model(loaded.model.clone(), backend, keys=[PART])
    loaded.sampled(loaded.model)
    assert backend.calls == 0


def test_the_last_choice_counts(loaded: Loaded) -> None:
    first, second = Backend(), Backend()
    model = loaded.model.clone()
    compile_model(model, first, keys=[PART])
    compile_model(model, second, keys=[PART])
    loaded.sampled(model)
    assert first.calls == 0 and second.calls >= 2


def test_a_part_that_is_not_there_is_named(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match=r"^keys: the model has no module diffusion_model\.moon"):
        compile_model(loaded.model.clone(), "eager", keys=["diffusion_model.moon"])
