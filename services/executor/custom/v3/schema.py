"""What a node declares."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.executor.custom.v3.inputs import Input, Output, declarations


class Hidden(enum.StrEnum):
    """What a node may know without an input."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"
    api_key_comfy_org = "API_KEY_COMFY_ORG"


class HiddenHolder:
    """The values of `Hidden` for one call, None for those that were not declared."""

    def __init__(self, **values: Any) -> None:
        for member in Hidden:
            setattr(self, member.name, values.get(member.name))

    unique_id: Any
    prompt: Any
    extra_pnginfo: Any
    dynprompt: Any
    auth_token_comfy_org: Any
    api_key_comfy_org: Any


@dataclass
class Schema:
    """A node class; the words are ComfyUI's."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: Sequence[Input] = field(default_factory=list)
    outputs: Sequence[Output] = field(default_factory=list)
    hidden: Sequence[Hidden] = field(default_factory=list)
    description: str = ""
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_api_node: bool = False
    not_idempotent: bool = False
    #: what it shows is shown again when its result is reused, though it is no output node
    has_intermediate_output: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    search_aliases: Sequence[str] = field(default_factory=list)
    essentials_category: str | None = None

    @property
    def all_hidden(self) -> list[Hidden]:
        """What is declared, and what nodes of this sort get anyway."""
        more = [Hidden.auth_token_comfy_org, Hidden.api_key_comfy_org] if self.is_api_node else []
        more += [Hidden.prompt, Hidden.extra_pnginfo] if self.is_output_node else []
        return list(dict.fromkeys([*(self.hidden or ()), *more]))

    def input_types(self) -> dict[str, Any]:
        """What INPUT_TYPES returns."""
        declared = {"required": {}, **declarations(self.inputs or ())}
        if self.all_hidden:
            declared["hidden"] = {member.name: member.value for member in self.all_hidden}
        return declared

    @property
    def output_templates(self) -> list[str | None] | None:
        """For each output the id of the template that gives it its type; None when no output has one."""
        ids = [getattr(getattr(output, "template", None), "template_id", None) for output in self.outputs or ()]
        return ids if any(ids) else None

    def check(self) -> None:
        """Refuse what no node can be.

        Raises:
            ValueError: two inputs or two outputs have one id.
        """
        for what, members in (("inputs", self.inputs), ("outputs", self.outputs)):
            ids = [member.id for member in members or () if member.id is not None]
            if twice := sorted({id for id in ids if ids.count(id) > 1}):
                raise ValueError(f"{self.node_id} declares {what} twice: {', '.join(twice)}")
