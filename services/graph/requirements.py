"""What an executor must have to run a prompt: node classes, and the model files that their inputs name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec
from blake3 import blake3

from services.graph.definitions import Catalogue, NodeDefinition
from services.graph.model import Graph, Node
from services.graph.traversal import Ancestry

#: How files of models end. Other choices, such as samplers, come with the class, and input files from the file service.
MODEL_SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf", ".onnx")


class ModelChoice(msgspec.Struct, frozen=True, order=True):
    """A model file that an input of a class names."""

    class_type: str
    input_name: str
    model: str


class Requirement(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a prompt needs; both sequences are sorted, so that equal needs are equal."""

    classes: tuple[str, ...] = ()
    choices: tuple[ModelChoice, ...] = ()
    #: bytes
    device_memory: int = 0

    @cached_property
    def placement(self) -> int:
        """A number that stands for it: 63 bits of its BLAKE3, 0 for no requirement at all."""
        if not self.classes and not self.device_memory:
            return 0
        return int.from_bytes(blake3(msgspec.msgpack.encode(self)).digest(8)) >> 1

    @cached_property
    def models(self) -> frozenset[str]:
        """The model files, by name."""
        return frozenset(choice.model for choice in self.choices)

    def lacking(self, catalogue: Catalogue) -> Iterator[str]:
        """What an executor with this catalogue has not, in words."""
        for class_type in self.classes:
            if class_type not in catalogue:
                yield f"node class {class_type}"
        for choice in self.choices:
            definition = catalogue.get(choice.class_type)
            declared = definition.inputs.get(choice.input_name) if definition else None
            if declared is not None and declared.choices is not None and choice.model not in declared.choices:
                yield f"model {choice.model}"


def requirement_of(
    graph: Graph, catalogue: Catalogue, output_node_ids: Iterable[str], device_memory: int = 0
) -> Requirement:
    """What is needed to produce these outputs; every class of theirs is in the catalogue."""
    nodes = [graph.nodes[node_id] for node_id in Ancestry(output_node_ids, graph.sources).order]
    choices = {choice for node in nodes for choice in _choices(node, catalogue[node.class_type])}
    return Requirement(
        classes=tuple(sorted({node.class_type for node in nodes})),
        choices=tuple(sorted(choices)),
        device_memory=device_memory,
    )


def _choices(node: Node, definition: NodeDefinition) -> Iterator[ModelChoice]:
    for name, value in node.inputs.items():
        if isinstance(value, str) and value.lower().endswith(MODEL_SUFFIXES):
            declared = definition.inputs.get(name)
            if declared is not None and declared.choices is not None:
                yield ModelChoice(node.class_type, name, value)
