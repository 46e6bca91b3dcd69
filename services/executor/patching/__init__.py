"""What flows between nodes as MODEL, CLIP and VAE, and what nodes may change about it.

The classes have the interface that node packs know from ComfyUI; what they do is done by `services.executor.diffusion`.
"""

from __future__ import annotations
