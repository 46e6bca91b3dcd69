"""Nodes of hooks that change weights, and of text encoders that follow them."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.hooks import HookGroup
from services.executor.environment import environment
from services.executor.nodes.checkpoint_parts import held_clip
from services.executor.nodes.declarations import Declaration, number
from services.executor.nodes.hooks import HOOKS, HookNode, checked_hooks
from services.executor.patching.clip import CLIP
from services.executor.patching.lora import load_lora
from services.executor.patching.weight_hooks import LoraHook, ModelHook, WeightHook

LORAS, CHECKPOINTS = "loras", "checkpoints"
STRENGTH = number(1.0, -20.0, 20.0, 0.01)


class WeightHookNode(HookNode):
    """A node that makes a hook of a file.

    Attributes:
        FILE: the name of the input, and the folder of the file.
        STRENGTHS: of what there is how much.
    """

    RETURN_TYPES = ("HOOKS",)
    FUNCTION = "create_hook"
    CATEGORY = "advanced/hooks/create"
    FILE = ("", "")
    STRENGTHS: tuple[str, ...] = ("strength_model", "strength_clip")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file, the strengths, and the hooks that it is added to."""
        name, folder = cls.FILE
        file: Declaration = (environment().model_names(folder),)
        required = {name: file, **dict.fromkeys(cls.STRENGTHS, STRENGTH)}
        return {"required": required, "optional": {"prev_hooks": HOOKS}}


class CreateHookLora(WeightHookNode):
    """A LoRA as a hook."""

    DISPLAY_NAME = "Create Hook LoRA"
    FILE = ("lora_name", LORAS)

    def create_hook(
        self, lora_name: str, strength_model: float, strength_clip: float = 0.0, prev_hooks: HookGroup | None = None
    ) -> tuple[HookGroup]:
        """Return the hooks with this one; without it where it has no strength.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no LoRA.
            ValueError: `prev_hooks` are something else.
        """
        if strength_model == 0 and strength_clip == 0:
            return (_joined(prev_hooks),)
        tensors = load_lora(environment().models.path(LORAS, lora_name))
        return (_joined(prev_hooks, LoraHook(tensors, strength_model, strength_clip)),)


class CreateHookLoraModelOnly(CreateHookLora):
    """A LoRA as a hook for the diffusion model alone."""

    DISPLAY_NAME = "Create Hook LoRA (MO)"
    STRENGTHS = ("strength_model",)


class CreateHookModelAsLora(WeightHookNode):
    """What tells the models of a checkpoint from those that it is used with, as a hook."""

    DISPLAY_NAME = "Create Hook Model as LoRA"
    FILE = ("ckpt_name", CHECKPOINTS)

    def create_hook(
        self, ckpt_name: str, strength_model: float, strength_clip: float = 0.0, prev_hooks: HookGroup | None = None
    ) -> tuple[HookGroup]:
        """Return the hooks with this one.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it cannot be used.
            ValueError: `prev_hooks` are something else.
        """
        here = environment()
        models = here.checkpoints.get(here.models.path(CHECKPOINTS, ckpt_name))
        weights = None if models.model is None else models.model.get_key_patches()
        weights_clip = None if models.clip is None else models.clip.get_key_patches()
        return (_joined(prev_hooks, ModelHook(weights, weights_clip, strength_model, strength_clip)),)


class CreateHookModelAsLoraModelOnly(CreateHookModelAsLora):
    """The same for the diffusion model alone."""

    DISPLAY_NAME = "Create Hook Model as LoRA (MO)"
    STRENGTHS = ("strength_model",)


class SetClipHooks(HookNode):
    """A text encoder that is changed by hooks."""

    DISPLAY_NAME = "Set CLIP Hooks"
    RETURN_TYPES = ("CLIP",)
    FUNCTION = "apply_hooks"
    CATEGORY = "advanced/hooks/clip"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The encoder, whether its conditionings carry the hooks, whether keyframes count for it, and the hooks."""
        applied, scheduled = ("BOOLEAN", {"default": True}), ("BOOLEAN", {"default": False})
        required = {"clip": ("CLIP",), "apply_to_conds": applied, "schedule_clip": scheduled}
        return {"required": required, "optional": {"hooks": HOOKS}}

    def apply_hooks(
        self, clip: CLIP | None, schedule_clip: bool, apply_to_conds: bool, hooks: HookGroup | None = None
    ) -> tuple[CLIP]:
        """Return the encoder; as it is without hooks.

        Raises:
            ValueError: there is no text encoder, or `hooks` are something else.
        """
        clip = held_clip(clip)
        group = checked_hooks(hooks, "hooks")
        if group is None:
            return (clip,)
        hooked = clip.clone()
        hooked.hooks, hooked.use_clip_schedule = group, schedule_clip
        if apply_to_conds:
            hooked.apply_hooks_to_conds = group
        return (hooked,)


def _joined(previous: HookGroup | None, *added: WeightHook) -> HookGroup:
    group = checked_hooks(previous, "prev_hooks") or HookGroup()
    return group.clone_and_combine(HookGroup(added))


NODES: tuple[type, ...] = (
    CreateHookLora,
    CreateHookLoraModelOnly,
    CreateHookModelAsLora,
    CreateHookModelAsLoraModelOnly,
    SetClipHooks,
)
