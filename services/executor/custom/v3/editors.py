"""Types of values that frontends have editors of their own for."""

from __future__ import annotations

from typing import Any

from services.executor.custom.v3.inputs import Output as AnyOutput
from services.executor.custom.v3.inputs import WidgetInput


class _EditedInput(WidgetInput):
    """An input with a value to begin with, which nothing is linked to unless its node says so."""

    DEFAULT: Any = None

    def __init__(self, id: str, *args: Any, **more: Any) -> None:
        super().__init__(id, *args, **more)
        if self.DEFAULT is not None:
            self.default = self._own.setdefault("default", self.DEFAULT)


class Color:
    """A colour as "#rrggbb"."""

    io_type = "COLOR"
    Type = str

    class Input(_EditedInput):
        io_type = "COLOR"
        DEFAULT = "#ffffff"

    class Output(AnyOutput):
        io_type = "COLOR"


class BoundingBox:
    """A rectangle in pixels: a dict of `x`, `y`, `width` and `height`."""

    io_type = "BOUNDING_BOX"
    Type = dict

    class Input(_EditedInput):
        io_type = "BOUNDING_BOX"
        DEFAULT = {"x": 0, "y": 0, "width": 512, "height": 512}

        def __init__(self, id: str, *args: Any, component: str | None = None, **more: Any) -> None:
            super().__init__(id, *args, component=component, **more)

    class Output(AnyOutput):
        io_type = "BOUNDING_BOX"


class Curve:
    """A curve as a list of points (x, y)."""

    io_type = "CURVE"
    Type = list

    class Input(_EditedInput):
        io_type = "CURVE"
        DEFAULT = [(0.0, 0.0), (1.0, 1.0)]

    class Output(AnyOutput):
        io_type = "CURVE"


class ImageCompare:
    """Two pictures beside each other: a dict."""

    io_type = "IMAGECOMPARE"
    Type = dict

    class Input(_EditedInput):
        io_type = "IMAGECOMPARE"

    class Output(AnyOutput):
        io_type = "IMAGECOMPARE"
