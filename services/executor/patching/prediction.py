"""One step's prediction under conditions, with everything that model options may change about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.guidance import Batch, predictions
from services.executor.patching.batch_limit import BatchLimit
from services.executor.patching.conds import Cond, GivenCondition, condition_of
from services.executor.patching.gligen import patch_of
from services.executor.patching.hooked_models import HOOKED_MODELS
from services.executor.patching.sigma_rows import level_of, rows_of
from services.executor.patching.wrappers import WrappersMP, wrapped


def sampling_function(
    model: Any,
    x: Tensor,
    timestep: Tensor,
    uncond: Sequence[Cond] | None,
    cond: Sequence[Cond] | None,
    cond_scale: float,
    model_options: Mapping[str, Any] = {},
    seed: int | None = None,
) -> Tensor:
    """The guided prediction of the clean latents.

    Args:
        model: what a MODEL holds at `.model`.
        x: (batch, channels, height, width).
        timestep: the noise levels (batch,).
        uncond, cond: resolved conditions; the former are left out at a scale of 1, unless options ask for them.
        model_options: `sampler_pre_cfg_function`s may change the predictions before they are combined.
    """
    optional = math.isclose(cond_scale, 1.0) and not model_options.get("disable_cfg1_optimization", False)
    conds = [cond, None if optional else uncond]
    if "sampler_calc_cond_batch_function" in model_options:
        told = {"conds": conds, "input": x, "sigma": timestep, "model": model, "model_options": model_options}
        out = model_options["sampler_calc_cond_batch_function"](told)
    else:
        out = calc_cond_batch(model, conds, x, timestep, model_options)
    for function in model_options.get("sampler_pre_cfg_function", ()):
        out = function(
            {
                "conds": conds,
                "conds_out": out,
                "cond_scale": cond_scale,
                "timestep": timestep,
                "input": x,
                "sigma": timestep,
                "model": model,
                "model_options": model_options,
            }
        )
    return cfg_function(
        model, out[0], out[1], cond_scale, x, timestep, model_options=model_options, cond=cond, uncond=conds[1]
    )


def cfg_function(
    model: Any,
    cond_pred: Tensor,
    uncond_pred: Tensor,
    cond_scale: float,
    x: Tensor,
    timestep: Tensor,
    model_options: Mapping[str, Any] = {},
    cond: Any = None,
    uncond: Any = None,
) -> Tensor:
    """Combine two predictions: by classifier-free guidance, or as `sampler_cfg_function` does.

    `sampler_post_cfg_function`s may change the result.
    """
    told = {
        "cond_denoised": cond_pred,
        "uncond_denoised": uncond_pred,
        "cond_scale": cond_scale,
        "input": x,
        "sigma": timestep,
        "model": model,
        "model_options": model_options,
    }
    if "sampler_cfg_function" in model_options:
        differences = {"cond": x - cond_pred, "uncond": x - uncond_pred, "timestep": timestep}
        combined: Tensor = x - model_options["sampler_cfg_function"](told | differences)
    else:
        combined = uncond_pred + (cond_pred - uncond_pred) * cond_scale
    for function in model_options.get("sampler_post_cfg_function", ()):
        combined = function(told | {"denoised": combined, "cond": cond, "uncond": uncond})
    return combined


def calc_cond_batch(
    model: Any, conds: Sequence[Sequence[Cond] | None], x_in: Tensor, timestep: Tensor, model_options: Mapping[str, Any]
) -> list[Tensor]:
    """One prediction of the clean latents for each list of conditions, zeros for None."""
    run = wrapped(WrappersMP.CALC_COND_BATCH, _calc_cond_batch, model_options.get("transformer_options", {}))
    found: list[Tensor] = run(model, conds, x_in, timestep, model_options)
    return found


def _calc_cond_batch(
    model: Any, conds: Sequence[Sequence[Cond] | None], x_in: Tensor, timestep: Tensor, model_options: Mapping[str, Any]
) -> list[Tensor]:
    given = [place for place, side in enumerate(conds) if side is not None]
    sides = [[condition_of(cond, x_in) for cond in conds[place] or ()] for place in given]

    def run(batch: Batch) -> Tensor:
        return _run(model, batch, [given[side] for side in batch.sides], timestep, model_options)

    limit = BatchLimit.of(model_options)
    level = level_of(timestep).flatten()[0]
    found = iter(predictions(limit.keeping(run, model), x_in, level, sides, limit.conditions))
    return [torch.zeros_like(x_in) if side is None else next(found) for side in conds]


def _run(
    model: Any, batch: Batch, cond_or_uncond: list[int], timestep: Tensor, model_options: Mapping[str, Any]
) -> Tensor:
    first, *others = (condition for condition in batch.conditions if isinstance(condition, GivenCondition))
    transformer_options = {
        **model_options.get("transformer_options", {}),
        "cond_or_uncond": cond_or_uncond,
        "uuids": [condition.uuid for condition in (first, *others)],
        "sigmas": timestep,
    }
    if first.gligen is not None:
        patches = transformer_options.get("patches", {})
        middle = [*patches.get("middle_patch", ()), patch_of(first.gligen, batch.x)]
        transformer_options["patches"] = {**patches, "middle_patch": middle}
    c: dict[str, Any] = {"c_crossattn": batch.context, "transformer_options": transformer_options}
    if batch.vector is not None:
        c["y"] = batch.vector
    for name, value in first.more.items():
        c[name] = value.concat([other.more[name] for other in others])
    level = level_of(timestep)
    if first.hooks:
        model = model_options[HOOKED_MODELS].model_at(model, first.hooks, float(level.max()))
    levels = timestep.repeat(len(cond_or_uncond)) if level.dim() else rows_of(level, batch.x)
    if first.control is not None:
        c["control"] = first.control.get_control(batch.x, levels, c, len(cond_or_uncond), transformer_options)
    if "model_function_wrapper" in model_options:
        told = {"input": batch.x, "timestep": levels, "c": c, "cond_or_uncond": cond_or_uncond}
        output: Tensor = model_options["model_function_wrapper"](model.apply_model, told)
        return output
    output = model.apply_model(batch.x, levels, **c)
    return output
