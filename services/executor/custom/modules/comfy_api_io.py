"""`comfy_api.latest.io`: schemas, node classes and the types of inputs and outputs."""

from __future__ import annotations

from services.executor.custom.v3.dynamic import Autogrow, DynamicCombo, MatchType
from services.executor.custom.v3.editors import BoundingBox, Color, Curve, ImageCompare
from services.executor.custom.v3.inputs import (
    ControlAfterGenerate,
    FolderType,
    Input,
    NumberDisplay,
    Output,
    RemoteOptions,
    UploadType,
    WidgetInput,
)
from services.executor.custom.v3.node import ComfyNode
from services.executor.custom.v3.output import NodeOutput
from services.executor.custom.v3.schema import Hidden, HiddenHolder, Schema
from services.executor.custom.v3.types import *  # noqa: F403  every type there is
from services.executor.custom.v3.types import Custom, comfytype
from services.executor.custom.v3.widgets import Boolean, Combo, Float, Int, MultiCombo, MultiType, String

__all__ = [
    "Autogrow",
    "Boolean",
    "BoundingBox",
    "Color",
    "Combo",
    "ComfyNode",
    "ControlAfterGenerate",
    "Curve",
    "Custom",
    "DynamicCombo",
    "Float",
    "FolderType",
    "Hidden",
    "HiddenHolder",
    "ImageCompare",
    "Input",
    "Int",
    "MatchType",
    "MultiCombo",
    "MultiType",
    "NodeOutput",
    "NumberDisplay",
    "Output",
    "RemoteOptions",
    "Schema",
    "String",
    "UploadType",
    "WidgetInput",
    "comfytype",
]
