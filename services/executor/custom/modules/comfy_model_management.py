"""`comfy.model_management`: the worker's one device, its memory, and interruption."""

from __future__ import annotations

import enum
from typing import Any

import psutil
import torch
from torch import Tensor

from services.executor.custom.modules.loaded_models import LoadedModel as LoadedModel
from services.executor.custom.modules.loaded_models import cleanup_models as cleanup_models
from services.executor.custom.modules.loaded_models import current_loaded_models as _current_loaded_models
from services.executor.custom.modules.loaded_models import free_memory as free_memory
from services.executor.custom.modules.loaded_models import get_free_memory as get_free_memory
from services.executor.custom.modules.loaded_models import get_total_memory as get_total_memory
from services.executor.custom.modules.loaded_models import load_model_gpu as load_model_gpu
from services.executor.custom.modules.loaded_models import load_models_gpu as load_models_gpu
from services.executor.custom.modules.loaded_models import loaded_models as loaded_models
from services.executor.custom.modules.loaded_models import module_size as module_size
from services.executor.custom.modules.loaded_models import soft_empty_cache as soft_empty_cache
from services.executor.custom.modules.loaded_models import unload_all_models as unload_all_models
from services.executor.custom.modules.loaded_models import unload_model_clones as unload_model_clones
from services.executor.custom.pack_host import pack_host
from services.executor.custom.running_node import running_node
from services.executor.devices import describe
from services.executor.engine.context import Interrupted

InterruptProcessingException = Interrupted
OOM_EXCEPTION = torch.cuda.OutOfMemoryError

XFORMERS_IS_AVAILABLE = False
XFORMERS_ENABLED_VAE = False


class VRAMState(enum.Enum):
    """How ComfyUI shares out a device's memory."""

    DISABLED = 0
    NO_VRAM = 1
    LOW_VRAM = 2
    NORMAL_VRAM = 3
    HIGH_VRAM = 4
    SHARED = 5


class CPUState(enum.Enum):
    """What kind of device computes."""

    GPU = 0
    CPU = 1
    MPS = 2


def __getattr__(name: str) -> Any:
    """Names whose value depends on the device and what is on it."""
    match name:
        case "vram_state":
            return VRAMState.DISABLED if cpu_mode() else VRAMState.NORMAL_VRAM
        case "cpu_state":
            return CPUState.CPU if cpu_mode() else CPUState.MPS if mps_mode() else CPUState.GPU
        case "current_loaded_models":
            return _current_loaded_models()
        case "total_vram":
            return get_total_memory() >> 20
        case "total_ram":
            return psutil.virtual_memory().total >> 20
    raise AttributeError(name)


def get_torch_device() -> torch.device:
    """The device that computes."""
    return pack_host().device


def intermediate_device() -> torch.device:
    """Where values between nodes are."""
    return torch.device("cpu")


def unet_offload_device() -> torch.device:
    """Where models may wait."""
    return torch.device("cpu")


text_encoder_offload_device = vae_offload_device = unet_offload_device


def text_encoder_device() -> torch.device:
    """The device that computes."""
    return get_torch_device()


vae_device = text_encoder_device


def unet_inital_load_device(parameters: int, dtype: torch.dtype) -> torch.device:
    """The device that computes; the spelling is ComfyUI's."""
    return get_torch_device()


def unet_dtype(*args: Any, **kwargs: Any) -> torch.dtype:
    """The dtype that models compute in."""
    return torch.float32 if cpu_mode() else torch.float16


text_encoder_dtype = vae_dtype = unet_dtype


def get_torch_device_name(device: Any) -> str:
    """The device as people call it."""
    return describe(torch.device(device)).name


def cpu_mode() -> bool:
    """Whether there is no accelerator."""
    return get_torch_device().type == "cpu"


def mps_mode() -> bool:
    """Whether it is Apple's."""
    return get_torch_device().type == "mps"


def is_nvidia() -> bool:
    """Whether it is NVIDIA's."""
    return get_torch_device().type == "cuda" and torch.version.hip is None


def is_amd() -> bool:
    """Whether it is AMD's."""
    return get_torch_device().type == "cuda" and torch.version.hip is not None


def is_intel_xpu() -> bool:
    """No: there is no such device here."""
    return False


is_ascend_npu = is_mlu = is_intel_xpu


def is_device_cpu(device: Any) -> bool:
    """Whether a device is the CPU."""
    return torch.device(device).type == "cpu"


def is_device_cuda(device: Any) -> bool:
    """Whether a device is one of CUDA's."""
    return torch.device(device).type == "cuda"


def is_device_mps(device: Any) -> bool:
    """Whether a device is Apple's."""
    return torch.device(device).type == "mps"


def get_autocast_device(dev: Any) -> str:
    """The kind of a device."""
    return torch.device(dev).type


def should_use_fp16(*args: Any, **kwargs: Any) -> bool:
    """Whether half precision is quick."""
    return not cpu_mode()


def should_use_bf16(*args: Any, **kwargs: Any) -> bool:
    """Whether the other half precision is quick."""
    return is_nvidia() and torch.cuda.is_bf16_supported()


def supports_fp8_compute(device: Any = None) -> bool:
    """No: models do not compute in 8 bits here."""
    return False


def device_supports_non_blocking(device: Any) -> bool:
    """Whether copies to a device need not be waited for."""
    return is_device_cuda(device)


def xformers_enabled() -> bool:
    """No: attention is torch's own."""
    return False


def pytorch_attention_enabled() -> bool:
    """Yes: attention is torch's own."""
    return True


def dtype_size(dtype: torch.dtype) -> int:
    """Bytes of one number."""
    return dtype.itemsize


def cast_to(
    weight: Tensor, dtype: torch.dtype | None = None, device: Any = None, non_blocking: bool = False, copy: bool = False
) -> Tensor:
    """The tensor as a dtype on a device."""
    return weight.to(device=device, dtype=dtype, non_blocking=non_blocking, copy=copy)


def cast_to_device(tensor: Tensor, device: Any, dtype: torch.dtype, copy: bool = False) -> Tensor:
    """The tensor as a dtype on a device."""
    return tensor.to(device=device, dtype=dtype, copy=copy)


def throw_exception_if_processing_interrupted() -> None:
    """Stop here when somebody asked to.

    Raises:
        Interrupted: somebody did.
    """
    if node := running_node():
        node.raise_if_interrupted()


def processing_interrupted() -> bool:
    """Whether somebody asked to stop."""
    try:
        throw_exception_if_processing_interrupted()
    except Interrupted:
        return True
    return False


def interrupt_current_processing(value: bool = True) -> None:
    """Stop the running prompt, from inside one of its nodes.

    Raises:
        Interrupted: a node is running.
    """
    if value and running_node():
        raise Interrupted
