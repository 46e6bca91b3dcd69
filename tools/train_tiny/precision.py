"""What activations are computed in."""

from __future__ import annotations

import torch

#: Half the time where the processor has instructions for it, and twenty times as long where it has not.
COMPUTE = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
