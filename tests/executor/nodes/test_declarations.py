"""What node classes declare, against the methods that do the work."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from services.executor.nodes import (
    NODE_CLASSES,
    alpha,
    blending,
    canny,
    colour_spaces,
    composites,
    image_batches,
    image_noise,
    image_scaling,
    image_stitch,
    image_transforms,
    mask_shapes,
    masks,
    morphology,
    outpainting,
    quantizing,
    sharpness,
)

#: Families whose nodes need pictures, masks and values, and nothing else.
PURE = (
    *(alpha.NODES, blending.NODES, canny.NODES, colour_spaces.NODES, composites.NODES, image_batches.NODES),
    *(image_noise.NODES, image_scaling.NODES, image_stitch.NODES, image_transforms.NODES, mask_shapes.NODES),
    *(masks.NODES, morphology.NODES, outpainting.NODES, quantizing.NODES, sharpness.NODES),
)


@pytest.mark.parametrize("name", NODE_CLASSES)
def test_every_declared_input_is_a_parameter(name: str) -> None:
    node: Any = NODE_CLASSES[name]
    parameters = inspect.signature(getattr(node, node.FUNCTION)).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    groups = node.INPUT_TYPES()
    declared = {name for group in groups.values() for name in group}
    assert declared <= {parameter.name for parameter in parameters} - {"self"}
    needed = {parameter.name for parameter in parameters if parameter.default is parameter.empty} - {"self"}
    assert needed <= set(groups.get("required", {})) | set(groups.get("hidden", {}))


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("node", [node for family in PURE for node in family])
def test_a_node_works_with_its_defaults_and_leaves_its_inputs_alone(node: Any) -> None:
    def value(kind: Any, options: dict[str, Any]) -> Any:
        match kind:
            case "IMAGE":
                return torch.rand(2, 6, 8, 4 if node.__name__ == "ImageToMask" else 3)
            case "MASK":
                return torch.rand(2, 6, 8)
            case "COMBO":
                return options.get("default", options["options"][0])
            case str():
                return options["default"]
        return options.get("default", kind[0])

    declared = node.INPUT_TYPES()
    inputs = {
        name: value(config[0], config[1] if len(config) > 1 else {})
        for group in ("required", "optional")
        for name, config in declared.get(group, {}).items()
    }
    before = {name: given.clone() for name, given in inputs.items() if isinstance(given, torch.Tensor)}
    outputs = getattr(node(), node.FUNCTION)(**inputs)
    assert len(outputs) == len(node.RETURN_TYPES)
    for kind, output in zip(node.RETURN_TYPES, outputs, strict=True):
        if kind in ("IMAGE", "MASK"):
            assert output.dtype == torch.float32
            assert output.ndim == (4 if kind == "IMAGE" else 3)
            assert bool(output.isfinite().all())
    assert all(torch.equal(inputs[name], was) for name, was in before.items())
