"""`comfy.weight_adapter`: the kinds of changes that LoRA files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from services.executor.diffusion.adapters import boft, glora, loha, lokr, lora, oft
from services.executor.diffusion.adapters import read as files
from services.executor.diffusion.adapters.adapter import Adapter as WeightAdapterBase
from services.executor.diffusion.adapters.adapter import Make

__all__ = ["AdapterKind", "WeightAdapterBase", "adapter_maps", "adapters"]


@dataclass(frozen=True)
class AdapterKind:
    """A kind of changes.

    Attributes:
        name: in lower case.
        make: what makes the change of a weight.
    """

    name: str
    make: Make

    def load(
        self,
        x: str,
        lora: Mapping[str, Tensor],
        alpha: float | None = None,
        dora_scale: Tensor | None = None,
        loaded_keys: set[str] | None = None,
    ) -> WeightAdapterBase | None:
        """What a file holds of this kind for the layer that it calls `x`, None when it holds nothing.

        Args:
            alpha, dora_scale: are taken from the file.
            loaded_keys: gets the names of the tensors.
        """
        for change in files.adapters(lora, {x: x}):
            if isinstance(change.value, WeightAdapterBase) and change.value.make is self.make:
                if loaded_keys is not None:
                    loaded_keys.update(change.keys)
                return change.value
        return None


#: By the names that users read.
adapter_maps: Mapping[str, AdapterKind] = {
    name: AdapterKind(name.lower(), kind.make)
    for name, kind in (
        ("LoRA", lora),
        ("LoHa", loha),
        ("LoKr", lokr),
        ("GLoRA", glora),
        ("OFT", oft),
        ("BOFT", boft),
    )
}
adapters = list(adapter_maps.values())
