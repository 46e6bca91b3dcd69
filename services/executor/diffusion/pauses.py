"""Points in long computations at which they may be ended from outside: a step can take a minute on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

_at_pause: ContextVar[Callable[[], None] | None] = ContextVar("silverprint_at_pause", default=None)


@contextmanager
def pausing(at_pause: Callable[[], None]) -> Iterator[None]:
    """Have `pause` call a function in what this thread does meanwhile; what it raises ends the computation."""
    token = _at_pause.set(at_pause)
    try:
        yield
    finally:
        _at_pause.reset(token)


def pause() -> None:
    """A point at which a computation may be ended; costs a fraction of a microsecond, nothing in a compiled network."""
    if torch.compiler.is_compiling():
        return
    at_pause = _at_pause.get()
    if at_pause is not None:
        at_pause()


def pause_between_layers(network: nn.Module) -> None:
    """Have a network of any kind pause before each of its convolutions and linear layers."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_pre_hook(_before)


def _before(layer: nn.Module, given: Any) -> None:
    pause()
