"""The node that has a model's network compiled."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.nodes.schema_node import combo
from services.executor.patching.compilation import compile_model
from services.executor.patching.model_patcher import ModelPatcher

BACKENDS = ("inductor", "cudagraphs")


class TorchCompileModel(SchemaPatchNode):
    """A model whose network is compiled when it is first used; that takes long, and pays where it is used often."""

    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_torch_compile"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and what compiles it."""
        return {"required": {"model": MODEL, "backend": combo(*BACKENDS)}}

    def patch(self, model: ModelPatcher | None, backend: str) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, or there is no such backend.
        """
        if backend not in BACKENDS:
            raise ValueError(f"backend: {backend!r} is not one of {', '.join(BACKENDS)}")
        patched = copy_of(model)
        compile_model(patched, backend)
        return (patched,)


NODES: tuple[type, ...] = (TorchCompileModel,)
