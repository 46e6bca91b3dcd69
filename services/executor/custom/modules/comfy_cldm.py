"""`comfy.cldm.cldm`: the network of a control network, for packs that ask for it."""

from __future__ import annotations

from services.executor.diffusion.control.control_net import ControlNet as ControlNet
