"""Nodes that load control networks."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.control.union import UNION_CONTROLNET_TYPES
from services.executor.environment import environment
from services.executor.nodes.declarations import chosen
from services.executor.patching.control import ControlBase, load_controlnet

FOLDER = "controlnet"
CONTROL_NET = ("CONTROL_NET",)
AUTO = "auto"


class ControlNetLoader:
    """The control network in a file."""

    DISPLAY_NAME = "Load ControlNet Model"
    RETURN_TYPES = ("CONTROL_NET",)
    FUNCTION = "load_controlnet"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"control_net_name": (environment().model_names(FOLDER),)}}

    def load_controlnet(self, control_net_name: str) -> tuple[ControlBase]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it holds nothing that steers, or differences to a model.
        """
        return (load_controlnet(environment().models.path(FOLDER, control_net_name)),)


class DiffControlNetLoader:
    """The control network in a file that may hold only how it differs from a model."""

    DISPLAY_NAME = "Load ControlNet Model (diff)"
    RETURN_TYPES = ("CONTROL_NET",)
    FUNCTION = "load_controlnet"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and the file's name."""
        return {"required": {"model": ("MODEL",), "control_net_name": (environment().model_names(FOLDER),)}}

    def load_controlnet(self, model: Any, control_net_name: str) -> tuple[ControlBase]:
        """Return it; raises as `ControlNetLoader` does."""
        return (load_controlnet(environment().models.path(FOLDER, control_net_name), model),)


class SetUnionControlNetType:
    """A control network for several kinds of pictures, told which kind it is given."""

    RETURN_TYPES = ("CONTROL_NET",)
    FUNCTION = "set_controlnet_type"
    CATEGORY = "conditioning/controlnet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_controlnet"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The network and the kind."""
        return {"required": {"control_net": CONTROL_NET, "type": ([AUTO, *UNION_CONTROLNET_TYPES],)}}

    def set_controlnet_type(self, control_net: ControlBase, type: str) -> tuple[ControlBase]:
        """Return the network, which is told nothing when the kind is "auto".

        Raises:
            ValueError: there is no such kind.
        """
        kinds: dict[str, list[int]] = {AUTO: [], **{name: [number] for name, number in UNION_CONTROLNET_TYPES.items()}}
        kind = chosen(kinds, type, "type")
        told = checked(control_net).copy()
        told.set_extra_arg("control_type", kind)
        return (told,)


def checked(control_net: Any) -> ControlBase:
    """What is on a CONTROL_NET link.

    Raises:
        ValueError: nothing is.
    """
    if control_net is None:
        raise ValueError("control_net: there is none")
    found: ControlBase = control_net
    return found


NODES: tuple[type, ...] = (ControlNetLoader, DiffControlNetLoader, SetUnionControlNetType)
