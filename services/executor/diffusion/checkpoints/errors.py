"""What goes wrong with checkpoint files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import InvalidArgument

#: Sizes that contradict each other surface wherever they are first used.
_CONTRADICTIONS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class CheckpointError(InvalidArgument):
    """The file is no checkpoint that can be loaded."""


@contextmanager
def told_of(name: str) -> Iterator[None]:
    """Say of what goes wrong inside that it is about the file `name`.

    Raises:
        CheckpointError: what went wrong.
    """
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error.message}") from error
    except _CONTRADICTIONS as error:
        raise CheckpointError(f"{name} holds weights or a configuration that fit no known model: {error}") from error
