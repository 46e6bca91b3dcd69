"""`comfy_api.internal` and `comfy_api.version_list`: the versions of the interface."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.executor.custom.modules.comfy_api_latest import ComfyAPI

#: What all versions have in common; there is one implementation of them.
ComfyAPIBase = ComfyAPI


class ComfyAPIWithVersion(NamedTuple):
    """A version by its name."""

    version: str
    api_class: type[ComfyAPIBase]


class ComfyAPI_v0_0_2(ComfyAPI):
    """The second version."""

    VERSION = "0.0.2"


class ComfyAPI_v0_0_1(ComfyAPI):
    """The first version."""

    VERSION = "0.0.1"


#: From the latest to the first.
supported_versions: list[type[ComfyAPIBase]] = [ComfyAPI, ComfyAPI_v0_0_2, ComfyAPI_v0_0_1]

_registered: list[ComfyAPIWithVersion] = []


def register_versions(versions: Iterable[ComfyAPIWithVersion]) -> None:
    """Add versions to those that there are."""
    _registered.extend(versions)


def get_all_versions() -> list[ComfyAPIWithVersion]:
    """All versions, those that packs have registered last."""
    return [*(ComfyAPIWithVersion(api.VERSION, api) for api in supported_versions), *_registered]
