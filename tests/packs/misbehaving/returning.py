"""Ways to return what nobody can use."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from typing import Any


class Hostile:
    """Whatever is asked of it, it raises."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("leave me alone")

    __repr__ = __str__ = __eq__ = __bool__ = __len__ = __iter__ = __getitem__ = _refuse
    __del__ = __copy__ = __getattr__ = __getstate__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class HostileList(list[Any]):
    """A list whose length is nobody's business."""

    def __len__(self) -> int:
        raise RuntimeError("leave me alone")


def _generator(image: Any) -> Iterator[Any]:
    yield image


async def _never_awaited() -> None:
    await asyncio.sleep(0)


def _leave_a_coroutine(image: Any) -> Any:
    _never_awaited()
    return (image,)


async def _failing_coroutine() -> Any:
    await asyncio.sleep(0)
    raise ValueError("late")


def _showing(what: Any) -> Callable[[Any], Any]:
    return lambda image: {"ui": {"shown": [what() if callable(what) else what]}, "result": (image,)}


def _deep() -> Any:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def _circular() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


RETURNING: dict[str, Callable[[Any], Any]] = {
    "return None": lambda image: None,
    "return no tuple": lambda image: image,
    "return too few": lambda image: (),
    "return too many": lambda image: (image, image),
    "return a text": lambda image: "x",
    "return a generator": _generator,
    "return a class": lambda image: Hostile,
    "return something hostile": lambda image: Hostile(),
    "return a hostile output": lambda image: (Hostile(),),
    "return a hostile list": lambda image: HostileList([image]),
    "return a hostile ui": lambda image: {"ui": Hostile(), "result": (image,)},
    "return a ui that is none": lambda image: {"ui": 5, "result": (image,)},
    "return a hostile result": lambda image: {"ui": {}, "result": Hostile()},
    "return an expansion that is none": lambda image: {"expand": Hostile(), "result": (image,)},
    "leave a coroutine": _leave_a_coroutine,
    "return a coroutine that fails": lambda image: _failing_coroutine(),
    "show NaN": _showing(math.nan),
    "show bytes": _showing(b"\xff\x00"),
    "show a set": _showing({1}),
    "show odd keys": _showing({(1, 2): 3, None: 4, b"5": 6}),
    "show something hostile": _showing(Hostile),
    "show too much": _showing(lambda: "x" * (9 << 20)),
    "show something deep": _showing(_deep),
    "show something circular": _showing(_circular),
    "show a large number": _showing(10**5000),
}
