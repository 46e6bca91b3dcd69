"""The types of inputs that people can fill in."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from services.executor.custom.v3.inputs import (
    ControlAfterGenerate,
    FolderType,
    NumberDisplay,
    Options,
    RemoteOptions,
    UploadType,
    WidgetInput,
    plain,
    plain_options,
)
from services.executor.custom.v3.inputs import Input as AnyInput
from services.executor.custom.v3.inputs import Output as AnyOutput


class Boolean:
    """Yes or no."""

    io_type = "BOOLEAN"
    Type = bool

    class Input(WidgetInput):
        io_type = "BOOLEAN"

        def __init__(self, id: str, *args: Any, label_on: Any = None, label_off: Any = None, **more: Any) -> None:
            super().__init__(id, *args, label_on=label_on, label_off=label_off, **more)

    class Output(AnyOutput):
        io_type = "BOOLEAN"


class Int:
    """A whole number."""

    io_type = "INT"
    Type = int

    class Input(WidgetInput):
        io_type = "INT"

        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: int | None = None,
            min: int | None = None,
            max: int | None = None,
            step: int | None = None,
            control_after_generate: bool | ControlAfterGenerate | None = None,
            display_mode: NumberDisplay | None = None,
            **more: Any,
        ) -> None:
            limits: Options = {"min": min, "max": max, "step": step}
            shown: Options = {"control_after_generate": plain(control_after_generate), "display": plain(display_mode)}
            super().__init__(id, display_name, optional, tooltip, lazy, default, **more, **limits, **shown)

    class Output(AnyOutput):
        io_type = "INT"


class Float:
    """A number."""

    io_type = "FLOAT"
    Type = float

    class Input(WidgetInput):
        io_type = "FLOAT"

        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: float | None = None,
            min: float | None = None,
            max: float | None = None,
            step: float | None = None,
            round: float | None = None,
            display_mode: NumberDisplay | None = None,
            **more: Any,
        ) -> None:
            limits: Options = {"min": min, "max": max, "step": step, "round": round}
            display = plain(display_mode)
            super().__init__(id, display_name, optional, tooltip, lazy, default, **more, **limits, display=display)

    class Output(AnyOutput):
        io_type = "FLOAT"


class String:
    """A text."""

    io_type = "STRING"
    Type = str

    class Input(WidgetInput):
        io_type = "STRING"

        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            multiline: bool = False,
            placeholder: str | None = None,
            default: str | None = None,
            dynamic_prompts: bool | None = None,
            **more: Any,
        ) -> None:
            own: Options = {"multiline": multiline, "placeholder": placeholder, "dynamicPrompts": dynamic_prompts}
            super().__init__(id, display_name, optional, tooltip, lazy, default, **more, **own)

    class Output(AnyOutput):
        io_type = "STRING"


class Combo:
    """One of several."""

    io_type = "COMBO"
    Type = str

    class Input(WidgetInput):
        io_type = "COMBO"
        multiselect = False

        def __init__(
            self,
            id: str,
            options: Sequence[Any] | type[enum.Enum] | None = None,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: Any = None,
            control_after_generate: bool | ControlAfterGenerate | None = None,
            upload: UploadType | None = None,
            image_folder: FolderType | None = None,
            remote: RemoteOptions | None = None,
            **more: Any,
        ) -> None:
            own: Options = {
                "multiselect": self.multiselect,
                "options": plain_options(options),
                "control_after_generate": plain(control_after_generate),
                "image_folder": plain(image_folder),
                "remote": remote.as_dict() if remote else None,
            }
            if upload is not None:
                own[plain(upload)] = True
            super().__init__(id, display_name, optional, tooltip, lazy, default, **more, **own)

    class Output(AnyOutput):
        io_type = "COMBO"

        def __init__(self, id: str | None = None, display_name: str | None = None, options: Any = None, **more: Any):
            super().__init__(id, display_name, **more)
            self.options = plain_options(options) or []


class MultiCombo:
    """Some of several."""

    io_type = "COMBO"
    Type = list

    class Input(Combo.Input):
        multiselect = True

        def __init__(self, id: str, options: Sequence[Any], *args: Any, **more: Any) -> None:
            chip, placeholder = more.pop("chip", None), more.pop("placeholder", None)
            super().__init__(id, options, *args, **more, chip=chip, placeholder=placeholder)

    class Output(AnyOutput):
        io_type = "COMBO"


class MultiType:
    """A value of one of several types."""

    io_type = "COMFY_MULTITYPED_V3"
    Type = object

    class Input(AnyInput):
        def __init__(self, id: str | AnyInput, types: Sequence[Any], *args: Any, **more: Any) -> None:
            names = [kind.io_type for kind in types]
            if isinstance(id, AnyInput):  # a widget that takes other types as well
                super().__init__(id.id, id.display_name, id.optional, id.tooltip, id.lazy)
                self._own = id.as_dict()
                names = [id.get_io_type(), *names]
            else:
                super().__init__(id, *args, **more)
            self.io_type = ",".join(dict.fromkeys(names))

    class Output(AnyOutput):
        io_type = "*"
