"""Convolution kernels made of a small core and two matrices.

Yeh et al., "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation",
https://arxiv.org/abs/2309.14859, after Hyeon-Woo et al., "FedPara", https://arxiv.org/abs/2108.06098.
"""

from __future__ import annotations

import torch
from torch import Tensor


def kernel(core: Tensor, to_outputs: Tensor, to_inputs: Tensor) -> Tensor:
    """The kernel (outputs, inputs, height, width) of a core (rank, rank, height, width).

    Args:
        to_outputs: (rank, outputs).
        to_inputs: (rank, inputs).
    """
    # `torch.kron` takes nothing that is not contiguous.
    return torch.einsum("rshw,ro,si->oihw", core, to_outputs, to_inputs).contiguous()
