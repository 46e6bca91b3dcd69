"""The UNets of Stable Diffusion 1.5 and XL at their published sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    ConvSpec,
    DownsampleSpec,
    LayerSpec,
    ResBlockSpec,
    TransformerSpec,
    UNetSpec,
    UpsampleSpec,
)

HEADS = 8
"""Of each transformer where projections are convolutions; elsewhere a head has 64 channels."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """The sizes of a family's UNet.

    Attributes:
        multiples: the widths of the levels, as multiples of `width`.
        depths: the transformer blocks of a level, 0 for none.
        vector: the width of the vector condition, of which `pooled` are the text's.
    """

    width: int = 320
    multiples: Sequence[int]
    depths: Sequence[int]
    middle_depth: int
    context: int
    linear: bool
    vector: int | None = None
    pooled: int = 0

    @property
    def spec(self) -> UNetSpec:
        """The UNet, two residual blocks on each level."""
        widths = [self.width * multiple for multiple in self.multiples]
        inputs: list[BlockSpec] = [(ConvSpec(4, self.width),)]
        skips = [self.width]
        now = self.width
        for level, (wide, depth) in enumerate(zip(widths, self.depths, strict=True)):
            for _ in range(2):
                inputs.append((self._res(now, wide), *self._transformers(wide, depth)))
                now = wide
                skips.append(now)
            if level < len(widths) - 1:
                inputs.append((DownsampleSpec(now),))
                skips.append(now)
        middle = (self._res(now, now), *self._transformers(now, self.middle_depth), self._res(now, now))
        outputs: list[BlockSpec] = []
        for level in reversed(range(len(widths))):
            for number in range(3):
                block: list[LayerSpec] = [self._res(now + skips.pop(), widths[level])]
                now = widths[level]
                block += self._transformers(now, self.depths[level])
                if number == 2 and level > 0:
                    block.append(UpsampleSpec(now))
                outputs.append(tuple(block))
        return UNetSpec(
            in_channels=4,
            out_channels=4,
            model_channels=self.width,
            context_dim=self.context,
            adm_channels=self.vector,
            input_blocks=tuple(inputs),
            middle_block=middle,
            output_blocks=tuple(outputs),
        )

    def _res(self, narrow: int, wide: int) -> LayerSpec:
        return ResBlockSpec(narrow, wide, self.width * 4)

    def _transformers(self, width: int, depth: int) -> list[LayerSpec]:
        heads = width // 64 if self.linear else HEADS
        return [TransformerSpec(width, depth, self.context, heads, self.linear)] if depth else []


SD15 = Size(multiples=(1, 2, 4, 4), depths=(1, 1, 1, 0), middle_depth=1, context=768, linear=False)
SDXL = Size(
    multiples=(1, 2, 4), depths=(0, 2, 10), middle_depth=10, context=2048, linear=True, vector=2816, pooled=1280
)
