from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from services.executor.diffusion.checkpoints import CheckpointError, load_checkpoint
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.network import UNET_PREFIX
from tests.executor.diffusion.families.small import saved

#: Names that published files of a kind have.
NAMES = {
    "Flux": ["model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "vae.decoder.conv_in.weight"],
    "Chroma": ["distilled_guidance_layer.in_proj.weight", "double_blocks.0.img_attn.qkv.weight"],
    "Hunyuan Video": ["double_blocks.0.img_attn.qkv.weight", "txt_in.individual_token_refiner.blocks.0.norm1.weight"],
    "Stable Diffusion 3": [
        "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight",
        "first_stage_model.decoder.conv_in.weight",
    ],
    "AuraFlow": ["model.double_layers.0.attn.w1k.weight"],
    "Qwen-Image": ["transformer_blocks.0.attn.add_q_proj.weight", "txt_norm.weight"],
    "WAN": ["model.diffusion_model.head.modulation", "model.diffusion_model.patch_embedding.weight"],
    "Lumina 2": ["noise_refiner.0.attention.qkv.weight", "cap_embedder.1.weight"],
    "HiDream": ["double_stream_blocks.0.block.attn1.to_q.weight"],
    "LTX-Video": ["model.diffusion_model.patchify_proj.weight", "model.diffusion_model.adaln_single.linear.weight"],
    "PixArt": ["t_block.1.weight", "y_embedder.y_embedding"],
    "Hunyuan-DiT": ["model.mlp_t5.0.weight"],
    "Stable Cascade": ["model.diffusion_model.clip_txt_mapper.weight"],
    "Stable Audio": ["model.model.to_timestep_embed.0.weight"],
    "a language model": ["model.layers.0.self_attn.q_proj.weight", "model.embed_tokens.weight"],
    "a T5 text encoder": ["encoder.block.0.layer.0.SelfAttention.q.weight"],
    "a LoRA": ["lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"],
    "a textual inversion": ["emb_params"],
    "a ControlNet": ["control_model.zero_convs.0.0.weight", "control_model.input_blocks.0.0.weight"],
    "a T2I adapter": ["body.0.block1.weight"],
    "GLIGEN": ["position_net.linears.0.weight"],
    "an IP adapter": ["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"],
    "a CLIP vision model": ["vision_model.embeddings.class_embedding"],
    "a text encoder": ["text_model.encoder.layers.0.mlp.fc1.weight"],
    "a diffusion network alone": ["down_blocks.0.resnets.0.conv1.weight"],
    "an autoencoder alone": ["encoder.conv_in.weight", "decoder.conv_in.weight"],
    "an upscaler": ["model.1.sub.0.RDB1.conv1.0.weight"],
}


@pytest.mark.parametrize("kind", NAMES)
def test_a_file_in_the_wrong_folder_is_called_by_its_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    save_file({name: torch.zeros(1) for name in NAMES[kind]}, path)
    with pytest.raises(CheckpointError, match=rf"file\.safetensors: it holds no known model; it looks like {kind} \("):
        load_checkpoint(path)


def test_what_belongs_elsewhere_is_said_to() -> None:
    shapes = dict.fromkeys(NAMES["a ControlNet"], (1,))
    said = "it looks like a ControlNet (control_model.zero_convs.0.0.weight), "
    assert looks_like(shapes) == said + "which belongs into the folder controlnet, for the node ControlNetLoader"


def test_what_nobody_knows_is_described_by_the_beginnings_of_its_names() -> None:
    assert looks_like({f"part{number}.weight": (1,) for number in range(10)}).endswith("part7 and 2 more")
    assert looks_like({}) == "its weights are of nothing"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{UNET_PREFIX}input_blocks.1.0.time_stack.in_layers.0.weight", "Stable Video Diffusion"),
        ("cc_projection.weight", "Stable Zero123"),
        (f"{UNET_PREFIX}down_blocks.0.motion_modules.0.temporal_transformer.norm.weight", "a motion module"),
    ],
)
def test_a_network_that_has_more_than_a_unet_is_not_taken_for_one(name: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"sd1\.safetensors: it looks like {kind}"):
        load_checkpoint(saved("sd1", tmp_path, {name: torch.zeros(1)}))
