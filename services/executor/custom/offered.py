"""Puts the modules that node packs import into `sys.modules`, under the names that they have in ComfyUI.

Nothing of ours imports them by these names. What ComfyUI has beyond them is refused with an error that says so.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from services.executor.custom.empty_modules import EMPTY_MODULES
from services.executor.custom.pack_host import PackHost, pack_host, set_pack_host

_IMPLEMENTATIONS = f"{__package__}.modules"

#: Name in `sys.modules` to the file in `modules/` that implements it; None for packages that only hold others.
MODULES: Mapping[str, str | None] = {
    "comfy": None,
    "comfy.cldm": None,
    "comfy.cldm.cldm": "comfy_cldm",
    "comfy.cldm.control_types": "comfy_control_types",
    "comfy.cli_args": "comfy_cli_args",
    "comfy.clip_vision": "comfy_clip_vision",
    "comfy.comfy_types": "comfy_types",
    "comfy.comfy_types.node_typing": "comfy_types",
    "comfy.conds": "comfy_conds",
    "comfy.controlnet": "comfy_controlnet",
    "comfy.gligen": "comfy_gligen",
    "comfy.hooks": "comfy_hooks",
    "comfy.k_diffusion": None,
    "comfy.k_diffusion.sampling": "comfy_k_diffusion_sampling",
    "comfy.latent_formats": "comfy_latent_formats",
    "comfy.ldm": None,
    "comfy.ldm.modules": None,
    "comfy.ldm.modules.attention": "comfy_attention",
    "comfy.ldm.modules.diffusionmodules": None,
    "comfy.ldm.modules.diffusionmodules.openaimodel": "comfy_openaimodel",
    "comfy.lora": "comfy_lora",
    "comfy.model_base": "comfy_model_base",
    "comfy.model_detection": "comfy_model_detection",
    "comfy.model_management": "comfy_model_management",
    "comfy.model_patcher": "comfy_model_patcher",
    "comfy.model_sampling": "comfy_model_sampling",
    "comfy.ops": "comfy_ops",
    "comfy.patcher_extension": "comfy_patcher_extension",
    "comfy.sample": "comfy_sample",
    "comfy.sampler_helpers": "comfy_sampler_helpers",
    "comfy.samplers": "comfy_samplers",
    "comfy.sd": "comfy_sd",
    "comfy.sd1_clip": "comfy_sd1_clip",
    "comfy.sdxl_clip": "comfy_sdxl_clip",
    "comfy.supported_models": "comfy_supported_models",
    "comfy.supported_models_base": "comfy_supported_models_base",
    "comfy.taesd.taesd": "comfy_taesd",
    "comfy.t2i_adapter": None,
    "comfy.t2i_adapter.adapter": "comfy_t2i_adapter",
    "comfy.text_encoders": None,
    "comfy.text_encoders.sd2_clip": "comfy_text_encoders_sd2",
    "comfy.utils": "comfy_utils",
    "comfy.weight_adapter": "comfy_weight_adapter",
    "comfy_api": None,
    "comfy_api.input": "comfy_api_input",
    "comfy_api.input.basic_types": "comfy_api_input",
    "comfy_api.input.video_types": "comfy_api_video",
    "comfy_api.input_impl": "comfy_api_video",
    "comfy_api.input_impl.video_types": "comfy_api_video",
    "comfy_api.internal": "comfy_api_versions",
    "comfy_api.latest": "comfy_api_latest",
    "comfy_api.latest._input": "comfy_api_input",
    "comfy_api.latest._input_impl": "comfy_api_video",
    "comfy_api.latest._io": "comfy_api_io",
    "comfy_api.latest._ui": "comfy_api_ui",
    "comfy_api.latest._util": "comfy_api_video",
    "comfy_api.latest.io": "comfy_api_io",
    "comfy_api.latest.ui": "comfy_api_ui",
    "comfy_api.torch_helpers": "comfy_api_torch_helpers",
    "comfy_api.util": "comfy_api_video",
    "comfy_api.util.video_types": "comfy_api_video",
    "comfy_api.v0_0_1": "comfy_api_latest",
    "comfy_api.v0_0_1.io": "comfy_api_io",
    "comfy_api.v0_0_1.ui": "comfy_api_ui",
    "comfy_api.v0_0_2": "comfy_api_latest",
    "comfy_api.v0_0_2.io": "comfy_api_io",
    "comfy_api.v0_0_2.ui": "comfy_api_ui",
    "comfy_api.version_list": "comfy_api_versions",
    "comfy_config": None,
    "comfy_config.config_parser": "comfy_config_parser",
    "comfy_config.types": "comfy_config_parser",
    "comfy_execution": None,
    "comfy_execution.graph": "comfy_execution_graph",
    "comfy_execution.graph_utils": "comfy_execution_graph_utils",
    "comfy_execution.progress": "comfy_execution_progress",
    "comfy_execution.utils": "comfy_execution_utils",
    "comfy_execution.validation": "comfy_execution_validation",
    "comfy_extras": None,
    "execution": "execution",
    "folder_paths": "folder_paths",
    "latent_preview": "latent_preview",
    "node_helpers": "node_helpers",
    "nodes": "nodes",
    "server": "server",
    **dict.fromkeys(EMPTY_MODULES),
}

#: The package whose modules hold nodes; one is there as soon as a node of ours says that it belongs to it.
_NODE_MODULES = "comfy_extras."

#: Modules of nodes that hold more than these, and the file in `modules/` that has it.
_BESIDE_NODES: Mapping[str, str] = {
    "comfy_extras.nodes_custom_sampler": "comfy_extras_custom_sampler",
    "comfy_extras.nodes_hunyuan3d": "comfy_extras_hunyuan3d",
    "comfy_extras.nodes_images": "comfy_extras_images",
    "comfy_extras.nodes_mask": "comfy_extras_mask",
    "comfy_extras.nodes_model_merging": "comfy_extras_model_merging",
}

#: Packages of ComfyUI whose other modules are refused by name.
_FAMILIES = frozenset({"comfy", "comfy_api", "comfy_api_nodes", "comfy_config", "comfy_execution", "comfy_extras"})


class OfferedModule(ModuleType):
    """A module that packs see; what packs set on it stays in it and does not reach our own code."""

    def __init__(self, name: str, implementation: ModuleType | None, *, is_package: bool) -> None:
        super().__init__(name, implementation.__doc__ if implementation else None)
        self._implementation = implementation
        # There is no such file: packs ask which folder it is in.
        place = pack_host().base.joinpath(*name.split("."))
        self.__file__ = str(place / "__init__.py" if is_package else place.with_name(f"{place.name}.py"))
        if is_package:
            self.__path__: list[str] = []
        if implementation:
            self.__dict__.update(_public(implementation))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        dynamic = getattr(self._implementation, "__getattr__", None)
        if dynamic is not None:
            try:
                return dynamic(name)
            except AttributeError:
                pass
        raise AttributeError(f"this platform does not offer {self.__name__}.{name}", name=name, obj=self)


class _NodeModule(importlib.abc.Loader):
    """Makes a module of node classes."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        classes = ModuleType(spec.name)
        vars(classes).update(_node_classes_of(spec.name))
        if beside := _BESIDE_NODES.get(spec.name):
            vars(classes).update(_public(importlib.import_module(f"{_IMPLEMENTATIONS}.{beside}")))
        return OfferedModule(spec.name, classes, is_package=False)

    def exec_module(self, module: ModuleType) -> None:
        return None


class _OtherModules(importlib.abc.MetaPathFinder):
    """Finds the modules of ComfyUI's that our nodes belong to, and refuses what else is not there, saying so."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.startswith(_NODE_MODULES) and _node_classes_of(name):
            return ModuleSpec(name, _NodeModule())
        if name.partition(".")[0] in _FAMILIES:
            raise ModuleNotFoundError(f"this platform does not offer the module {name}", name=name)
        return None


def offer(host: PackHost) -> None:
    """Make the modules importable for packs; `host` is what they speak for.

    May be called again, with another host.
    """
    set_pack_host(host)
    packages = {name.rpartition(".")[0] for name in MODULES}
    for name, implementation in sorted(MODULES.items()):  # parents first
        source = importlib.import_module(f"{_IMPLEMENTATIONS}.{implementation}") if implementation else None
        module = OfferedModule(name, source, is_package=source is None or name in packages)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    if not any(isinstance(finder, _OtherModules) for finder in sys.meta_path):
        sys.meta_path.append(_OtherModules())


def withdraw() -> None:
    """Undo `offer`."""
    for name in [name for name, module in sys.modules.items() if isinstance(module, OfferedModule)]:
        del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _OtherModules)]


def explain(error: ImportError) -> str:
    """The error's message, saying so where it is about something that ComfyUI has and this platform has not."""
    if isinstance(sys.modules.get(error.name or ""), OfferedModule):
        return f"{str(error).partition(' (')[0]}: this platform does not offer it"
    return str(error)


def _node_classes_of(module: str) -> dict[str, Any]:
    """The node classes that belong to a module, by the names of the classes."""
    classes = pack_host().classes.values()
    return {cls.__name__: cls for cls in classes if getattr(cls, "RELATIVE_PYTHON_MODULE", None) == module}


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_") and name != "annotations"}
