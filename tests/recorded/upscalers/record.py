"""Records what spandrel computes. In a virtual environment with torch and spandrel, at the top of the repository:

python -m tests.recorded.upscalers.record
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from spandrel import ModelLoader
from spandrel.__helpers.size_req import pad_tensor
from spandrel.architectures.Compact import Compact
from spandrel.architectures.DAT import DAT
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.HAT import HAT
from spandrel.architectures.PLKSR import PLKSR, RealPLKSR
from spandrel.architectures.SPAN import SPAN
from spandrel.architectures.Swin2SR import Swin2SR
from spandrel.architectures.SwinIR import SwinIR

from tests.executor.upscalers.weights import picture, waves

HERE = Path(__file__).parent
HEIGHT, WIDTH, STRIDE = 21, 18, 3
#: What a state dict has beside parameters, and that a network computes with.
KEPT = ("init_pos", "rpe_biases", "running_mean", "running_var")
#: What can be computed from the sizes: of these files, some have it and some do not.
LEFT_OUT = ("attn_mask_0", "attn_mask_1", "attn_mask")


def esrgan(scale: int, plus: bool = False, unshuffle: int | None = None, channels: int = 3) -> ESRGAN:
    inputs = channels * (unshuffle or 1) ** 2
    return ESRGAN(
        in_nc=inputs,
        out_nc=channels,
        num_filters=6,
        num_blocks=2,
        scale=scale,
        plus=plus,
        shuffle_factor=unshuffle,
    )


def swin(kind, upsampler: str, upscale: int, **more):
    sizes = {"img_size": 16, "window_size": 8, "embed_dim": 12, "depths": [2, 2], "num_heads": [2, 3], "mlp_ratio": 2.0}
    return kind(**{**sizes, "upsampler": upsampler, "upscale": upscale, "in_chans": 3, **more})


def dat(upsampler: str, upscale: int, **more) -> DAT:
    return DAT(img_size=16, embed_dim=64, expansion_factor=2.0, upsampler=upsampler, upscale=upscale, **more)


def plksr(kind, scale: int, **more):
    return kind(dim=16, n_blocks=2, upscaling_factor=scale, kernel_size=5, **more)


HAT_SIZES = {"compress_ratio": 3, "squeeze_factor": 4, "overlap_ratio": 0.5}

CASES = {
    "esrgan_x4": lambda: esrgan(4),
    "esrgan_x1": lambda: esrgan(1),
    "esrgan_x8_grey": lambda: esrgan(8, channels=1),
    "esrgan_x16": lambda: esrgan(16),
    "esrgan_plus_x2": lambda: esrgan(2, plus=True),
    "esrgan_unshuffled_x2": lambda: esrgan(4, unshuffle=2),
    "esrgan_unshuffled_x1": lambda: esrgan(4, unshuffle=4),
    "compact_x4": lambda: Compact(num_feat=6, num_conv=3, upscale=4),
    "compact_x1": lambda: Compact(num_feat=6, num_conv=3, upscale=1),
    "swinir_classical_x4": lambda: swin(SwinIR, "pixelshuffle", 4),
    "swinir_classical_x3": lambda: swin(SwinIR, "pixelshuffle", 3),
    "swinir_lightweight_x2": lambda: swin(SwinIR, "pixelshuffledirect", 2),
    "swinir_real_x4": lambda: swin(SwinIR, "nearest+conv", 4, resi_connection="3conv"),
    "swinir_real_x2": lambda: swin(SwinIR, "nearest+conv", 2),
    "swinir_denoise": lambda: swin(SwinIR, "", 1),
    "swinir_jpeg": lambda: swin(SwinIR, "", 1, window_size=7, img_size=28, img_range=255.0, in_chans=1),
    "swin2sr_classical_x4": lambda: swin(Swin2SR, "pixelshuffle", 4),
    "swin2sr_lightweight_x2": lambda: swin(Swin2SR, "pixelshuffledirect", 2),
    "swin2sr_real_x4": lambda: swin(Swin2SR, "nearest+conv", 4),
    "swin2sr_jpeg": lambda: swin(Swin2SR, "", 1),
    "hat_x4": lambda: swin(HAT, "pixelshuffle", 4, **HAT_SIZES),
    "hat_x2_small": lambda: swin(HAT, "pixelshuffle", 2, **HAT_SIZES, window_size=4),
    "dat_x4": lambda: dat("pixelshuffle", 4, split_size=[2, 4], depth=[5, 3], num_heads=[2, 2]),
    "dat_x2_lightweight": lambda: dat(
        *("pixelshuffledirect", 2),
        **{"split_size": [4, 8], "depth": [6], "num_heads": [4], "resi_connection": "3conv", "qkv_bias": False},
    ),
    "span_x4": lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=4),
    "span_x2_not_centred": lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2, norm=False),
    "plksr_x4": lambda: plksr(PLKSR, 4),
    "plksr_x2_doubled": lambda: plksr(PLKSR, 2, ccm_type="DCCM", use_ea=False),
    "plksr_x2_inverted": lambda: plksr(PLKSR, 2, ccm_type="ICCM"),
    "real_plksr_x4": lambda: plksr(RealPLKSR, 4),
    "real_plksr_x2_looked_up": lambda: plksr(RealPLKSR, 2, dysample=True, layer_norm=True),
    "real_plksr_x3_looked_up": lambda: plksr(RealPLKSR, 3, dysample=True),
    "real_plksr_x1_looked_up": lambda: plksr(RealPLKSR, 1, dysample=True),
}


def main() -> None:
    cases, outputs = {}, {}
    for name, make in CASES.items():
        network = make()
        buffers = {key for key, _ in network.named_buffers()}
        state = network.state_dict()
        shapes = {key: list(tensor.shape) for key, tensor in state.items() if key not in buffers}
        state |= waves(shapes)
        statistics = {key: list(state[key].shape) for key in buffers if key.endswith(("running_mean", "running_var"))}
        state |= {key: wave.abs() + 0.5 if "var" in key else wave for key, wave in waves(statistics).items()}
        model = ModelLoader().load_from_state_dict(dict(state)).eval()
        _, padded = pad_tensor(picture(model.input_channels, HEIGHT, WIDTH), model.size_requirements)
        with torch.inference_mode():
            out = model.model(padded)[..., : HEIGHT * model.scale, : WIDTH * model.scale]
        outputs[name] = out[..., ::STRIDE, ::STRIDE].contiguous()
        outputs |= {f"{name}/{key}": state[key].contiguous() for key in buffers & state.keys() if key.endswith(KEPT)}
        cases[name] = {
            "architecture": model.architecture.id,
            "scale": model.scale,
            "input_channels": model.input_channels,
            "output_channels": model.output_channels,
            "purpose": model.purpose,
            "shapes": shapes,
            "buffers": {
                key: list(state[key].shape)
                for key in sorted(buffers & state.keys())
                if not key.endswith((*LEFT_OUT, *KEPT))
            },
        }
    (HERE / "cases.json").write_text(json.dumps(cases) + "\n")
    save_file(outputs, HERE / "outputs.safetensors")


if __name__ == "__main__":
    main()
