"""`comfy.t2i_adapter.adapter`: the network of a T2I-Adapter, full or light, for packs that ask for it."""

from __future__ import annotations

from services.executor.diffusion.control.t2i_adapter import T2IAdapter as Adapter

Adapter_light = Adapter

__all__ = ["Adapter", "Adapter_light"]
