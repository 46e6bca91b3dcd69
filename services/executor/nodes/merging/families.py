"""Nodes that average two models of one family, with a ratio for each block of its network."""

from __future__ import annotations

from collections.abc import Mapping

from services.executor.nodes.merging.models import MergeByParts


def _numbered(name: str, count: int, end: str = ".") -> tuple[str, ...]:
    return tuple(f"{name}{number}{end}" for number in range(count))


_SD1 = (
    *("time_embed.", "label_emb.", *_numbered("input_blocks.", 12), *_numbered("middle_block.", 3)),
    *(*_numbered("output_blocks.", 12), "out."),
)
_SD3_INPUTS = ("pos_embed.", "x_embedder.", "context_embedder.", "y_embedder.", "t_embedder.")
_COSMOS_INPUTS = ("pos_embedder.", "extra_pos_embedder.", "x_embedder.", "t_embedder.", "affline_norm.")
_COSMOS2_INPUTS = ("pos_embedder.", "x_embedder.", "t_embedder.", "t_embedding_norm.")

#: What the names of the weights of each part begin with, by the end of the node's name.
PARTS: Mapping[str, tuple[str, ...]] = {
    "SD1": _SD1,
    "SD2": _SD1,
    "SDXL": (
        *("time_embed.", "label_emb.", *_numbered("input_blocks.", 9, ""), *_numbered("middle_block.", 3, "")),
        *(*_numbered("output_blocks.", 9, ""), "out."),
    ),
    "SD3_2B": (*_SD3_INPUTS, *_numbered("joint_blocks.", 24), "final_layer."),
    "Auraflow": (
        *("init_x_linear.", "positional_encoding", "cond_seq_linear.", "register_tokens", "t_embedder."),
        *(*_numbered("double_layers.", 4), *_numbered("single_layers.", 32), "modF.", "final_linear."),
    ),
    "Flux1": (
        *("img_in.", "time_in.", "guidance_in", "vector_in.", "txt_in."),
        *(*_numbered("double_blocks.", 19), *_numbered("single_blocks.", 38), "final_layer."),
    ),
    "SD35_Large": (*_SD3_INPUTS, *_numbered("joint_blocks.", 38), "final_layer."),
    "MochiPreview": (
        *("pos_frequencies.", "t_embedder.", "t5_y_embedder.", "t5_yproj."),
        *(*_numbered("blocks.", 48), "final_layer."),
    ),
    "LTXV": (
        *("patchify_proj.", "adaln_single.", "caption_projection."),
        *(*_numbered("transformer_blocks.", 28), "scale_shift_table", "proj_out."),
    ),
    "Cosmos7B": (*_COSMOS_INPUTS, *_numbered("blocks.block", 28), "final_layer."),
    "Cosmos14B": (*_COSMOS_INPUTS, *_numbered("blocks.block", 36), "final_layer."),
    "WAN2_1": (
        *("patch_embedding.", "time_embedding.", "time_projection.", "text_embedding.", "img_emb."),
        *(*_numbered("blocks.", 40), "head."),
    ),
    "CosmosPredict2_2B": (*_COSMOS2_INPUTS, *_numbered("blocks.", 28), "final_layer."),
    "CosmosPredict2_14B": (*_COSMOS2_INPUTS, *_numbered("blocks.", 36), "final_layer."),
    "QwenImage": (
        *("pos_embeds.", "img_in.", "txt_norm.", "txt_in.", "time_text_embed."),
        *(*_numbered("transformer_blocks.", 60), "proj_out."),
    ),
}

DESCRIPTIONS = {"WAN2_1": "The model of 1.3 billion weights has 30 blocks, that of 14 billion has 40."}


class MergeOfFamily(MergeByParts):
    """A weighted average by the blocks of a family's networks."""

    CATEGORY = "advanced/model_merging/model_specific"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_merging_model_specific"


def _node(family: str) -> type:
    described = {"DESCRIPTION": DESCRIPTIONS[family]} if family in DESCRIPTIONS else {}
    return type(f"ModelMerge{family}", (MergeOfFamily,), {"PARTS": PARTS[family], **described})


NODES: tuple[type, ...] = tuple(_node(family) for family in PARTS)
