"""How unfinished latents are shown: what the worker was started with, and what a prompt asks for."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from services.errors import InvalidArgument

LARGEST_SIDE = 512  # pixels
GREATEST_SIZE = 4096  # pixels: such a preview still fits into its message


class PreviewMethod(enum.Enum):
    """What makes pictures of unfinished latents."""

    NONE = "none"
    #: the tiny autoencoder of the family where its weights are there, else each cell as a pixel
    AUTO = "auto"
    #: each cell as a pixel
    LATENT2RGB = "latent2rgb"
    #: as `AUTO`, with a warning where the weights are not there
    TAESD = "taesd"


@dataclass(frozen=True)
class PreviewSettings:
    """What the worker was started with; `size` is the longest side in pixels."""

    method: PreviewMethod = PreviewMethod.AUTO
    size: int = LARGEST_SIDE


USUAL = PreviewSettings()


def preview_settings(method: str, size: int) -> PreviewSettings:
    """Settings from flags.

    Raises:
        InvalidArgument: there is no such method, or the size is none.
    """
    if (known := _known(method)) is None:
        names = ", ".join(one.value for one in PreviewMethod)
        raise InvalidArgument(f"preview-method {method!r} is none of {names}")
    if not 1 <= size <= GREATEST_SIZE:
        raise InvalidArgument(f"preview-size must be 1 to {GREATEST_SIZE} pixels, not {size}")
    return PreviewSettings(known, size)


_of_prompt: ContextVar[PreviewMethod | None] = ContextVar("silverprint_preview_method", default=None)


@contextmanager
def asked_for(wanted: Any) -> Iterator[None]:
    """Let what this thread does meanwhile show latents as a prompt asks in its `preview_method`.

    "default", and anything that is no method, leaves it as the worker was started.
    """
    token = _of_prompt.set(_known(wanted))
    try:
        yield
    finally:
        _of_prompt.reset(token)


def ask_for(wanted: Any) -> None:
    """As `asked_for`, for the rest of the prompt that this is part of."""
    _of_prompt.set(_known(wanted))


def chosen_method(settings: PreviewSettings) -> PreviewMethod:
    """The method for the prompt that this is part of."""
    return _of_prompt.get() or settings.method


def _known(name: Any) -> PreviewMethod | None:
    return next((method for method in PreviewMethod if method.value == name), None)
