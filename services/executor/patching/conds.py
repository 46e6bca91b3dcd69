"""Conditionings as nodes see them during sampling: lists of dictionaries, resolved for one latent.

What a model is given of a condition is under `model_conds`, in values that know how to share a batch.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.batches import repeated
from services.executor.diffusion.conditioning import (
    LONGEST_REPEAT,
    Condition,
    Conditioning,
    Region,
    resolved_mask,
    resolved_range,
    resolved_region,
    weight_of,
)
from services.executor.diffusion.hooks import HookGroup
from services.executor.diffusion.noise_mask import latent_mask
from services.executor.patching.model_sampling import as_samplers_know_it
from services.executor.patching.steering import Cond as Cond
from services.executor.patching.steering import controls_of, shared_with_others
from services.executor.patching.weight_hooks import weight_hooks


class CONDRegular:
    """A tensor with one item for each latent."""

    def __init__(self, cond: Any) -> None:
        self.cond = cond

    def _copy_with(self, cond: Any) -> Any:
        return type(self)(cond)

    def process_cond(self, batch_size: int, device: Any, **kwargs: Any) -> Any:
        """The value for as many latents, on a device."""
        return self._copy_with(repeated(self.cond, batch_size).to(device))

    def can_concat(self, other: Any) -> bool:
        """Whether another value fits into the same batch."""
        return bool(self.cond.shape == other.cond.shape)

    def concat(self, others: Sequence[Any]) -> Tensor:
        """All of them as a batch."""
        return torch.cat([self.cond, *(other.cond for other in others)])

    def size(self) -> list[int]:
        """The shape."""
        return list(self.cond.size())


class CONDNoiseShape(CONDRegular):
    """A tensor (batch, channels, height, width) beside the latent; where the condition has an area, that part."""

    def process_cond(self, batch_size: int, device: Any, area: Sequence[int] | None = None, **kwargs: Any) -> Any:
        """The value for as many latents, on a device."""
        cond = self.cond if area is None else Region(*area).of(self.cond)
        return self._copy_with(repeated(cond, batch_size).to(device))


class CONDCrossAttn(CONDRegular):
    """Tokens (batch, tokens, width); fewer are repeated to as many as others have."""

    def can_concat(self, other: Any) -> bool:
        """Whether another value fits into the same batch."""
        one, two = self.cond.shape, other.cond.shape
        if one == two:
            return True
        repeats = math.lcm(one[1], two[1]) // min(one[1], two[1])
        return bool(one[0] == two[0] and one[2] == two[2] and repeats <= LONGEST_REPEAT)

    def concat(self, others: Sequence[Any]) -> Tensor:
        """All of them as a batch."""
        conds = [self.cond, *(other.cond for other in others)]
        tokens = math.lcm(*(cond.shape[1] for cond in conds))
        return torch.cat([cond.repeat(1, tokens // cond.shape[1], 1) for cond in conds])


class CONDConstant(CONDRegular):
    """A value that is the same for all."""

    def process_cond(self, batch_size: int, device: Any, **kwargs: Any) -> Any:
        """The value."""
        return self._copy_with(self.cond)

    def can_concat(self, other: Any) -> bool:
        """Whether the other is the same."""
        return bool(self.cond == other.cond)

    def concat(self, others: Sequence[Any]) -> Any:
        """The value."""
        return self.cond

    def size(self) -> list[int]:
        """A single value."""
        return [1]


@dataclass(frozen=True, eq=False)
class GivenCondition(Condition):
    """A condition with what else the model is given of it.

    Attributes:
        more: values beside the context and the vector, for the latents of a run.
        control: what steers the model under it, see `ControlBase`.
        uuid: by which nodes find it again.
        hooks: what changes the model for it.
        gligen: phrases that belong into boxes, see `services.executor.patching.gligen`.
    """

    more: Mapping[str, Any] = field(default_factory=dict)
    control: Any = None
    uuid: uuid.UUID | None = None
    hooks: HookGroup | None = None
    gligen: Any = None

    def fits(self, other: Condition) -> bool:
        """Whether both can share a batch."""
        if not super().fits(other) or not isinstance(other, GivenCondition) or self.more.keys() != other.more.keys():
            return False
        if self.control is not other.control or self.gligen is not other.gligen:
            return False
        if set(self.hooks or ()) != set(other.hooks or ()):
            return False
        return all(value.can_concat(other.more[name]) for name, value in self.more.items())


def convert_cond(cond: Conditioning) -> list[Cond]:
    """A conditioning as dictionaries; the embedding is at `cross_attn`."""
    return [
        {**options, "cross_attn": embedding, "model_conds": dict(options.get("model_conds", {})), "uuid": uuid.uuid4()}
        for embedding, options in cond
    ]


def prepare_mask(noise_mask: Tensor, shape: Sequence[int], device: Any) -> Tensor:
    """A mask (batch, channels, height, width) for latents of a shape, on a device."""
    mask = latent_mask(noise_mask, torch.empty(tuple(shape), device=device))
    return mask.expand(-1, shape[1], *[-1] * (len(shape) - 2))


def encode_model_conds(
    model_function: Any, conds: Sequence[Cond], noise: Tensor, device: Any, prompt_type: str, **kwargs: Any
) -> list[Cond]:
    """Copies of conditions with what `model_function` makes of each under their `model_conds`."""
    encoded = []
    for cond in conds:
        told = {"noise": noise, "device": device, "prompt_type": prompt_type, **kwargs, **cond}
        told.setdefault("width", noise.shape[-1] * 8)
        told.setdefault("height", noise.shape[-2] * 8)
        given = {**cond["model_conds"], **model_function(**told)}
        encoded.append(cond | {"model_conds": {name: _placed(value, device) for name, value in given.items()}})
    return encoded


def _placed(value: Any, device: Any) -> Any:
    """A value whose tensor is on the device: copied at every step, each would wait for the step before."""
    tensor = getattr(value, "cond", None)
    if not isinstance(tensor, Tensor) or tensor.device == torch.device(device):
        return value
    return value._copy_with(tensor.to(device))


def process_conds(
    model: Any,
    noise: Tensor,
    conds: Mapping[str, Sequence[Cond]],
    device: Any,
    latent_image: Tensor | None = None,
    denoise_mask: Tensor | None = None,
    seed: int | None = None,
) -> dict[str, list[Cond]]:
    """Resolve conditions for latents: areas in cells, masks at their size, noise levels for shares of the sampling.

    A condition with an area gets a partner over the same area in every other list; what steers the model is told of it.
    """
    sampling = as_samplers_know_it(model.model_sampling)
    processed = {name: [_resolved(cond, sampling, noise) for cond in side] for name, side in conds.items()}
    told = {"latent_image": latent_image, "denoise_mask": denoise_mask, "seed": seed}
    for name, side in processed.items():
        processed[name] = encode_model_conds(model.extra_conds, side, noise, device, name, **told)
    before = {name: list(side) for name, side in processed.items()}
    for name, side in before.items():
        for other, conditions in processed.items():
            if other != name:
                for cond in side:
                    _add_partner(conditions, cond)
    for control in controls_of(processed):
        control.pre_run(model, sampling.percent_to_sigma)
    return shared_with_others(processed)


def condition_of(cond: Cond, x: Tensor) -> GivenCondition:
    """A resolved condition, for latents x."""
    region = Region(*cond["area"]) if cond.get("area") is not None else None
    more = {
        name: value.process_cond(batch_size=len(x), device=x.device, area=cond.get("area"))
        for name, value in cond["model_conds"].items()
    }
    vector = more.pop("y", None)
    return GivenCondition(
        context=more.pop("c_crossattn").cond.float(),
        vector=None if vector is None else vector.cond.float(),
        region=region,
        weight=weight_of(cond, resolved_mask(cond, x), region, x),
        sigma_start=float(cond.get("timestep_start", math.inf)),
        sigma_end=float(cond.get("timestep_end", 0.0)),
        is_fallback=bool(cond.get("default")),
        more=more,
        control=cond.get("control"),
        uuid=cond.get("uuid"),
        hooks=cond.get("hooks"),
        gligen=cond.get("gligen"),
    )


def _resolved(cond: Cond, sampling: Any, noise: Tensor) -> Cond:
    weight_hooks(cond.get("hooks"))  # which refuses others
    mask = resolved_mask(cond, noise)
    region = resolved_region(cond, mask, noise)
    start, end = resolved_range(cond, sampling)
    resolved = cond | {"timestep_start": start, "timestep_end": end}
    resolved.pop("area", None)
    if mask is not None:
        resolved["mask"] = mask
    if region is not None:
        resolved["area"] = (region.height, region.width, region.top, region.left)
    return resolved


def _add_partner(conds: list[Cond], other: Cond) -> None:
    if other.get("area") is None:
        return
    area = Region(*other["area"])
    wider = [cond for cond in conds if cond.get("area") is None or Region(*cond["area"]).contains(area)]
    if not wider:
        return
    with_area = [cond for cond in wider if cond.get("area") is not None]
    closest = min(with_area, key=lambda cond: int(cond["area"][0] * cond["area"][1])) if with_area else wider[0]
    if closest.get("area") != other["area"]:
        taken = {name: closest[name] for name in ("cross_attn", "model_conds") if name in closest}
        conds.append(other | taken | {"uuid": uuid.uuid4()})
