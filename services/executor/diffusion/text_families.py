"""How the families of Stable Diffusion use their text encoders.

Stable Diffusion 1: Rombach et al., https://arxiv.org/abs/2112.10752; 2: the model card and configuration
`v2-inference-v.yaml`; XL and its refiner: Podell et al., https://arxiv.org/abs/2307.01952, section 2.1.
"""

from __future__ import annotations

from services.executor.diffusion.prompt_tokens import Padding
from services.executor.diffusion.text_encoding import EncoderUse

ZEROS = Padding(token=0)

SD1_L = EncoderUse("l", project=False)
SD2_H = EncoderUse("h", layer=-2, padding=ZEROS)
SDXL_L = EncoderUse("l", layer=-2, final_norm=False)
SDXL_G = EncoderUse("g", layer=-2, final_norm=False, padding=ZEROS)
