"""What steers a model under some of its conditions, from beside it (`control`) or from inside (`gligen`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Cond = dict[str, Any]
POSITIVE = "positive"


def controls_of(conds: Mapping[str, Sequence[Cond]]) -> list[Any]:
    """Each control of conditions once."""
    return _each_once(cond.get("control") for side in conds.values() for cond in side)


def models_of(conds: Mapping[str, Sequence[Cond]]) -> list[Any]:
    """The models that steering needs, each once."""
    of_controls = (model for control in controls_of(conds) for model in control.get_models())
    of_boxes = (cond["gligen"][1] for side in conds.values() for cond in side if cond.get("gligen"))
    return _each_once(itertools.chain(of_controls, of_boxes))


def shared_with_others(conds: Mapping[str, list[Cond]]) -> dict[str, list[Cond]]:
    """Conditions of which those that are not positive are steered as the positive ones are that ask for it."""
    positive = conds.get(POSITIVE, [])
    asking = [cond for cond in positive if cond.get("control_apply_to_uncond")]
    return {
        name: side if name == POSITIVE else _with("gligen", positive, _with("control", asking, side))
        for name, side in conds.items()
    }


def _with(name: str, givers: Iterable[Cond], side: list[Cond]) -> list[Cond]:
    """Conditions, those over the whole picture with what `givers` have, in turn; as they are if one has its own."""
    given = [cond[name] for cond in givers if cond.get(name) is not None and cond.get("area") is None]
    whole = [place for place, cond in enumerate(side) if cond.get("area") is None]
    if not whole or any(side[place].get(name) is not None for place in whole):
        return side
    steered = list(side)
    for turn, value in enumerate(given):
        place = whole[turn % len(whole)]
        steered[place] = side[place] | {name: value}
    return steered


def _each_once(values: Iterable[Any]) -> list[Any]:
    return list({id(value): value for value in values if value is not None}.values())
