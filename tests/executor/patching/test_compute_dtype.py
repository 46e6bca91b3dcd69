from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.nodes.patches.compute_dtype import ModelComputeDtype
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.patching.conftest import Loaded


def _seen(loaded: Loaded, model: ModelPatcher) -> tuple[Tensor, set[torch.dtype]]:
    """What is sampled, and the dtypes that the network's first layer is given."""
    seen: set[torch.dtype] = set()
    layer = model.model.diffusion_model.input_blocks[0][0]
    hook = layer.register_forward_pre_hook(lambda module, given: seen.add(given[0].dtype))
    sampled = loaded.sampled(model)
    hook.remove()
    return sampled, seen


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("default", torch.float32)]
)
def test_a_network_computes_in_the_dtype_that_a_node_chose(name: str, dtype: torch.dtype, loaded: Loaded) -> None:
    (model,) = ModelComputeDtype().patch(loaded.model, name)
    sampled, seen = _seen(loaded, model)
    assert seen == {dtype}
    plain = loaded.sampled(loaded.model)
    assert torch.equal(sampled, plain) == (dtype == torch.float32)
    torch.testing.assert_close(sampled, plain, rtol=0, atol=0.2 * float(plain.abs().max()))


def test_a_dtype_that_nobody_knows_is_refused(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="dtype: 'fp4' is not one of default, fp32, fp16, bf16"):
        ModelComputeDtype().patch(loaded.model, "fp4")
