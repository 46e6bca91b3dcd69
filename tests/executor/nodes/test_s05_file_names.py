"""Names that lead out of their folder, given to the inputs of nodes (S5, S24): refused here, whoever let them in.

Which inputs take names is found out: those that offer the files of a host on which every folder has just one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.errors import InvalidArgument, NotFound
from services.executor import environment
from services.executor.custom.pack_models import KNOWN_FOLDERS
from services.executor.model_folders import ModelFolders
from services.executor.nodes import NODE_CLASSES
from tests.executor.nodes.conftest import Surroundings
from tests.hostile_names import HOSTILE_PARTS

#: What every folder holds, as a file or a folder.
ONLY = "only"
MODEL = f"{ONLY}.safetensors"

OUTSIDE = ["../secret.safetensors", "../../secret.safetensors", "/etc/passwd", "a/../../../secret.safetensors"]
HOSTILE = OUTSIDE + [part for part in HOSTILE_PARTS.values() if part not in ("a/b", ".", "")]


@pytest.fixture
def host(surroundings: Surroundings, tmp_path: Path) -> Iterator[Surroundings]:
    models = tmp_path / "models"
    for folder in KNOWN_FOLDERS:
        (models / folder).mkdir(parents=True)
        (models / folder / MODEL).write_bytes(b"a model")
    (models / "diffusers" / ONLY / "unet").mkdir(parents=True)
    (models / "diffusers" / ONLY / "unet" / MODEL).write_bytes(b"a model")
    for place in (tmp_path, models, tmp_path / "input"):
        (place / "secret.safetensors").write_bytes(b"a secret")
    before = environment.environment()
    environment.install(
        environment.Environment(
            ModelFolders((models,)),
            lambda: [f"{ONLY}.png", f"{ONLY}.latent", f"{ONLY}.mp4"],
            list_inputs_below=lambda folder: [f"{folder}/{ONLY}.glb"],
            list_input_folders=lambda: [ONLY],
        )
    )
    for _ in range(2):
        for node in NODE_CLASSES.values():
            node.INPUT_TYPES()  # type: ignore[attr-defined]
        environment.environment().refresh()
    yield surroundings
    environment.install(before)


def declared(node: Any) -> dict[str, Any]:
    inputs = node.INPUT_TYPES()
    return {**inputs.get("required", {}), **inputs.get("optional", {})}


def choices(declaration: Any) -> list[Any] | None:
    kind = declaration[1].get("options", []) if declaration[0] == "COMBO" else declaration[0]
    return list(kind) if isinstance(kind, (list, tuple)) else None


def usual(declaration: Any) -> Any:
    """A value for an input that is not in question; anything at all for what no client could send."""
    options = declaration[1] if len(declaration) > 1 else {}
    offered = choices(declaration)
    if offered is not None:
        return offered[0]
    return options.get("default", {"INT": 1, "FLOAT": 1.0, "STRING": ""}.get(declaration[0], object()))


def named_inputs() -> list[tuple[str, str]]:
    return [
        (name, field)
        for name, node in NODE_CLASSES.items()
        for field, declaration in declared(node).items()
        if any(ONLY in str(choice) for choice in choices(declaration) or ())
    ]


def test_the_inputs_that_take_names_are_found(host: Surroundings) -> None:
    found = named_inputs()
    assert len(found) >= 30
    assert {("LoadImage", "image"), ("LoadVideo", "file"), ("LoraLoader", "lora_name")} <= set(found)


def test_no_input_takes_a_name_that_leads_out(host: Surroundings) -> None:
    for node_name, field in named_inputs():
        node: Any = NODE_CLASSES[node_name]
        values = {name: usual(declaration) for name, declaration in declared(node).items()}
        for text in HOSTILE:
            with pytest.raises((InvalidArgument, NotFound)):
                getattr(node(), node.FUNCTION)(**{**values, field: text})
                pytest.fail(f"{node_name}.{field} took {text!r}")
