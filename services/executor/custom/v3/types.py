"""The types of inputs that only links fill."""

from __future__ import annotations

from typing import Any

import torch

from services.executor.custom.v3 import inputs


class ComfyTypeIO:
    """A type by its name; packs annotate with `Type`."""

    io_type = "*"
    Type: Any = object

    class Input(inputs.Input):
        pass

    class Output(inputs.Output):
        pass


class ComfyTypeI:
    """A type that only inputs have."""

    io_type = "*"
    Type: Any = object

    class Input(inputs.Input):
        pass


def Custom(io_type: str, value: Any = object) -> type[ComfyTypeIO]:
    """A type of this name."""
    return type(
        io_type,
        (ComfyTypeIO,),
        {
            "io_type": io_type,
            "Type": value,
            "Input": type("Input", (inputs.Input,), {"io_type": io_type}),
            "Output": type("Output", (inputs.Output,), {"io_type": io_type}),
        },
    )


def comfytype(io_type: str, **options: Any) -> Any:
    """A decorator for classes that declare a type."""

    def declare(cls: type) -> type:
        made = Custom(io_type, getattr(cls, "Type", object))
        members = {name: value for name, value in vars(cls).items() if not name.startswith("__")}
        return type(cls.__name__, (made,), members)

    return declare


AnyType = Custom("*")
Image = Custom("IMAGE", torch.Tensor)
Mask = Custom("MASK", torch.Tensor)
Latent = Custom("LATENT", dict)
Conditioning = Custom("CONDITIONING", list)
Sampler = Custom("SAMPLER")
Sigmas = Custom("SIGMAS", torch.Tensor)
Noise = Custom("NOISE")
Guider = Custom("GUIDER")
Clip = Custom("CLIP")
ControlNet = Custom("CONTROL_NET")
Vae = Custom("VAE")
Model = Custom("MODEL")
ClipVision = Custom("CLIP_VISION")
ClipVisionOutput = Custom("CLIP_VISION_OUTPUT")
StyleModel = Custom("STYLE_MODEL")
Gligen = Custom("GLIGEN")
UpscaleModel = Custom("UPSCALE_MODEL")
LatentUpscaleModel = Custom("LATENT_UPSCALE_MODEL")
Audio = Custom("AUDIO", dict)
AudioEncoder = Custom("AUDIO_ENCODER")
AudioEncoderOutput = Custom("AUDIO_ENCODER_OUTPUT")
AudioRecord = Custom("AUDIO_RECORD")
Video = Custom("VIDEO")
SVG = Custom("SVG")
Histogram = Custom("HISTOGRAM", list)
ModelPatch = Custom("MODEL_PATCH")
LoraModel = Custom("LORA_MODEL", dict)
LossMap = Custom("LOSS_MAP", dict)
Voxel = Custom("VOXEL")
Mesh = Custom("MESH")
Hooks = Custom("HOOKS")
HookKeyframes = Custom("HOOK_KEYFRAMES")
TimestepsRange = Custom("TIMESTEPS_RANGE", tuple)
LatentOperation = Custom("LATENT_OPERATION")
FlowControl = Custom("FLOW_CONTROL", tuple)
Accumulation = Custom("ACCUMULATION", dict)
Load3D = Custom("LOAD_3D", dict)
Load3DAnimation = Custom("LOAD_3D_ANIMATION", dict)
Load3DCamera = Custom("LOAD3D_CAMERA", dict)
Photomaker = Custom("PHOTOMAKER")
Point = Custom("POINT")
FaceAnalysis = Custom("FACE_ANALYSIS")
BBOX = Custom("BBOX")
SEGS = Custom("SEGS")
Tracks = Custom("TRACKS", dict)
Webcam = Custom("WEBCAM", str)
WanCameraEmbedding = Custom("WAN_CAMERA_EMBEDDING", torch.Tensor)
