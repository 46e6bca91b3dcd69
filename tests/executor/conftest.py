"""Small tensors are computed by one thread: several would wait for each other longer than they compute."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
