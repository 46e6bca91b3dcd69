"""The node that has a network compiled; that it computes the same is tested where it is done."""

from __future__ import annotations

import pytest

from services.executor.nodes.patches.compiled import TorchCompileModel
from services.executor.patching.compilation import COMPILED
from services.executor.patching.wrappers import WrappersMP
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # torch of its own compiler
def test_the_copy_is_compiled_and_the_model_is_not(loaded: Loaded) -> None:
    (model,) = TorchCompileModel().patch(loaded.model, "inductor")
    assert len(model.get_wrappers(WrappersMP.APPLY_MODEL, COMPILED)) == 1
    assert len(loaded.model.get_wrappers(WrappersMP.APPLY_MODEL, COMPILED)) == 0


def test_what_cannot_be_compiled_is_named(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="^backend: 'gcc'"):
        TorchCompileModel().patch(loaded.model, "gcc")
    with pytest.raises(ValueError, match="^model: "):
        TorchCompileModel().patch(None, "inductor")
