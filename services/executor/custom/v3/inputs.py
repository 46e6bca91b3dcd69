"""Inputs and outputs as a schema declares them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

Options = dict[str, Any]


class NumberDisplay(enum.StrEnum):
    """How a frontend shows a number."""

    number = "number"
    slider = "slider"


class ControlAfterGenerate(enum.StrEnum):
    """What a frontend does to a value after a prompt was queued."""

    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


class UploadType(enum.StrEnum):
    """What a frontend offers to upload for a choice."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class FolderType(enum.StrEnum):
    """Where a file is."""

    input = "input"
    output = "output"
    temp = "temp"


class RemoteOptions:
    """Where a frontend fetches choices from."""

    def __init__(
        self,
        route: str,
        refresh_button: bool,
        control_after_refresh: str = "first",
        timeout: int | None = None,
        max_retries: int | None = None,
        refresh: int | None = None,
    ) -> None:
        self._options = given(
            route=route,
            refresh_button=refresh_button,
            control_after_refresh=control_after_refresh,
            timeout=timeout,
            max_retries=max_retries,
            refresh=refresh,
        )

    def as_dict(self) -> Options:
        """What a frontend is told."""
        return self._options


class Input:
    """An input of any type; `options` are the words of INPUT_TYPES."""

    io_type = "*"

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.lazy = lazy
        self.extra_dict = dict(extra_dict or {})
        self._base = given(display_name=display_name, tooltip=tooltip, lazy=lazy, rawLink=raw_link, advanced=advanced)
        self._own: Options = {}

    def get_io_type(self) -> str:
        """The name of the type, or several with commas."""
        return self.io_type

    def as_dict(self) -> Options:
        """The options as INPUT_TYPES has them."""
        return {**self._base, **self._own, **self.extra_dict}


class WidgetInput(Input):
    """An input that people can fill in."""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        socketless: bool | None = None,
        widget_type: str | None = None,
        force_input: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
        **own: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
        self.default = default
        self._own = given(default=plain(default), socketless=socketless, widgetType=widget_type, forceInput=force_input)
        self._own |= given(**own)


class Output:
    """An output."""

    io_type = "*"

    def __init__(
        self,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list

    def get_io_type(self) -> str:
        """The name of the type."""
        return self.io_type

    @property
    def name(self) -> str:
        """What it is called on a canvas."""
        return self.display_name or self.get_io_type()


def declarations(members: Sequence[Input]) -> dict[str, Any]:
    """The inputs as INPUT_TYPES has them, by whether they are required; only groups that there are."""
    declared: dict[str, Any] = {}
    for member in members:
        group = declared.setdefault("optional" if member.optional else "required", {})
        group[member.id] = (member.get_io_type(), member.as_dict())
    return declared


def given(**options: Any) -> Options:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def plain(value: Any) -> Any:
    """A value without its enumeration."""
    return value.value if isinstance(value, enum.Enum) else value


def plain_options(options: Sequence[Any] | type[enum.Enum] | None) -> list[Any] | None:
    """Choices, which may be given as an enumeration."""
    return None if options is None else [plain(option) for option in options]
