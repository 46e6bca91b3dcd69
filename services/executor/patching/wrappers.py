"""Functions around the stages of a sampling run, and calls at events of a model's life."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

#: By kind, then by the key of whoever added them.
Nested = dict[str, dict[str | None, list[Any]]]

WRAPPERS, CALLBACKS = "wrappers", "callbacks"


class WrappersMP:
    """The stages that can be wrapped, from the outermost inwards."""

    OUTER_SAMPLE = "outer_sample"
    PREPARE_SAMPLING = "prepare_sampling"
    SAMPLER_SAMPLE = "sampler_sample"
    PREDICT_NOISE = "predict_noise"
    CALC_COND_BATCH = "calc_cond_batch"
    APPLY_MODEL = "apply_model"
    DIFFUSION_MODEL = "diffusion_model"


class CallbacksMP:
    """The events that can be heard."""

    ON_CLONE = "on_clone"
    ON_LOAD = "on_load_after"
    ON_DETACH = "on_detach_after"
    ON_CLEANUP = "on_cleanup"
    ON_PRE_RUN = "on_pre_run"
    ON_PREPARE_STATE = "on_prepare_state"


class WrapperExecutor:
    """A function with the wrappers around it that are still to be called.

    A wrapper is called with the executor before the function's own arguments; calling the executor goes on inwards.

    Attributes:
        original: the innermost function.
        class_obj: what it is a method of, if it is one.
    """

    def __init__(
        self, original: Callable[..., Any], class_obj: Any, wrappers: Sequence[Callable[..., Any]], idx: int = 0
    ) -> None:
        self.original = original
        self.class_obj = class_obj
        self.wrappers = list(wrappers)
        self.idx = idx

    @classmethod
    def new_executor(
        cls, original: Callable[..., Any], wrappers: Sequence[Callable[..., Any]], idx: int = 0
    ) -> WrapperExecutor:
        """An executor of a function."""
        return cls(original, None, wrappers, idx)

    @classmethod
    def new_class_executor(
        cls, original: Callable[..., Any], class_obj: Any, wrappers: Sequence[Callable[..., Any]], idx: int = 0
    ) -> WrapperExecutor:
        """An executor of a method."""
        return cls(original, class_obj, wrappers, idx)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Go on to the next wrapper, or to the function."""
        return WrapperExecutor(self.original, self.class_obj, self.wrappers, self.idx + 1).execute(*args, **kwargs)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Begin with the first wrapper, or the function where there is none."""
        if self.idx >= len(self.wrappers):
            return self.original(*args, **kwargs)
        return self.wrappers[self.idx](self, *args, **kwargs)


def wrapped(kind: str, original: Callable[..., Any], transformer_options: dict[str, Any], owner: Any = None) -> Any:
    """A function with the wrappers of a kind around it."""
    wrappers = get_all_wrappers(kind, transformer_options)
    return WrapperExecutor(original, owner, wrappers).execute if wrappers else original


def add(nested: Nested, kind: str, key: str | None, function: Any) -> None:
    """Add a function to those of a kind and key."""
    nested.setdefault(kind, {}).setdefault(key, []).append(function)


def of_key(nested: Nested, kind: str, key: str | None) -> list[Any]:
    """The functions of a kind and key."""
    return list(nested.get(kind, {}).get(key, ()))


def of_kind(nested: Nested, kind: str) -> list[Any]:
    """The functions of a kind, in the order in which their keys came."""
    return [function for functions in nested.get(kind, {}).values() for function in functions]


def copy_nested_dicts(input_dict: Mapping[Any, Any]) -> dict[Any, Any]:
    """A copy whose dictionaries and lists, at any depth, are its own."""
    return {key: _copied(value) for key, value in input_dict.items()}


def merge_nested_dicts(dict1: dict[Any, Any], dict2: dict[Any, Any], copy_dict1: bool = True) -> dict[Any, Any]:
    """The first with what the second has beyond it: dictionaries are merged, lists joined, other values replaced."""
    merged = copy_nested_dicts(dict1) if copy_dict1 else dict1
    for key, value in dict2.items():
        known = merged.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            merge_nested_dicts(known, value, copy_dict1=False)
        elif isinstance(value, list) and isinstance(known, list):
            known.extend(value)
        else:
            merged[key] = _copied(value)
    return merged


def add_wrapper_with_key(
    wrapper_type: str,
    key: str | None,
    wrapper: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Wrap a stage, in transformer options, or in the model options that hold them."""
    add(_options(transformer_options, is_model_options).setdefault(WRAPPERS, {}), wrapper_type, key, wrapper)


def add_wrapper(
    wrapper_type: str,
    wrapper: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Wrap a stage, under no key."""
    add_wrapper_with_key(wrapper_type, None, wrapper, transformer_options, is_model_options)


def get_wrappers_with_key(
    wrapper_type: str, key: str | None, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Any]:
    """The wrappers of a stage under a key."""
    return of_key(_options(transformer_options, is_model_options).get(WRAPPERS, {}), wrapper_type, key)


def get_all_wrappers(
    wrapper_type: str, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Any]:
    """The wrappers of a stage."""
    return of_kind(_options(transformer_options, is_model_options).get(WRAPPERS, {}), wrapper_type)


def add_callback_with_key(
    call_type: str,
    key: str | None,
    callback: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Hear an event, by transformer options, or by the model options that hold them."""
    add(_options(transformer_options, is_model_options).setdefault(CALLBACKS, {}), call_type, key, callback)


def add_callback(
    call_type: str,
    callback: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Hear an event, under no key."""
    add_callback_with_key(call_type, None, callback, transformer_options, is_model_options)


def get_callbacks_with_key(
    call_type: str, key: str | None, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Any]:
    """What hears an event under a key."""
    return of_key(_options(transformer_options, is_model_options).get(CALLBACKS, {}), call_type, key)


def get_all_callbacks(call_type: str, transformer_options: dict[str, Any], is_model_options: bool = False) -> list[Any]:
    """What hears an event."""
    return of_kind(_options(transformer_options, is_model_options).get(CALLBACKS, {}), call_type)


def _options(options: dict[str, Any], is_model_options: bool) -> dict[str, Any]:
    found: dict[str, Any] = options.setdefault("transformer_options", {}) if is_model_options else options
    return found


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return copy_nested_dicts(value)
    return list(value) if isinstance(value, list) else value


def call_all(functions: Iterable[Callable[..., Any]], *args: Any) -> None:
    """Call each with the same arguments."""
    for function in functions:
        function(*args)
