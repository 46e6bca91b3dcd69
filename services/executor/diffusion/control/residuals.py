"""What a network beside a UNet adds to its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from services.executor.diffusion.patches import BlockPlace

Residuals = Mapping[str, Sequence[Tensor | None]]
"""By the stage of a UNet ("input", "middle", "output") what is added at its blocks, the first block's standing last.

At input blocks and in the middle it is added to what the block gives, at output blocks to what comes from the input
block. None adds nothing, and where a list ends nothing more is added.
"""

NO_CONTROL: Residuals = {}


def controlled(features: Tensor, residuals: Residuals, place: BlockPlace) -> Tensor:
    """Features (batch, channels, height, width) with what is added at a block.

    Raises:
        ValueError: it does not fit, since it was made for another family of models or another size of latent.
    """
    found = residuals.get(place.stage, ())
    residual = found[-1 - place.number] if place.number < len(found) else None
    if residual is None:
        return features
    if residual.shape[1:] != features.shape[1:]:
        raise ValueError(
            f"control_net: what it adds at {place.stage} block {place.number} is of {_size(residual)}, where the model"
            f" has {_size(features)}; is it made for another family of models?"
        )
    return features + residual.to(features)


def _size(features: Tensor) -> str:
    _, channels, height, width = features.shape
    return f"{channels} channels of {width}x{height}"
