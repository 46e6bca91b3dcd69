"""Latents kept in files."""

from __future__ import annotations

import json

import pytest
import safetensors
import safetensors.torch
import torch

from services.errors import NotFound
from services.executor import environment
from services.executor.model_folders import ModelFolders
from services.executor.nodes.latent_files import LoadLatent, SaveLatent
from tests.executor.nodes.conftest import Surroundings


def test_a_saved_latent_is_read_again(surroundings: Surroundings) -> None:
    latent = torch.randn(2, 4, 3, 5)
    saved = SaveLatent().save({"samples": latent}, "latents/mine")["ui"]["latents"]
    assert saved == [{"filename": "mine_00001_.latent", "subfolder": "latents", "type": "output"}]
    (read,) = LoadLatent().load("latents/mine_00001_.latent [output]")
    assert torch.equal(read["samples"], latent)


def test_a_saved_latent_holds_the_workflow(surroundings: Surroundings) -> None:
    SaveLatent().save({"samples": torch.zeros(1, 4, 1, 1)}, "x", {"1": {}}, {"workflow": {"nodes": []}})
    with safetensors.safe_open(surroundings.folder / "output" / "x_00001_.latent", "pt") as file:
        assert {key: json.loads(value) for key, value in file.metadata().items()} == {
            "prompt": {"1": {}},
            "workflow": {"nodes": []},
        }


def test_a_latent_of_an_old_file_is_unscaled(surroundings: Surroundings) -> None:
    path = surroundings.folder / "input" / "old.latent"
    safetensors.torch.save_file({"latent_tensor": torch.full((1, 4, 1, 1), 0.18215, dtype=torch.float16)}, path)
    (read,) = LoadLatent().load("old.latent")
    torch.testing.assert_close(read["samples"], torch.ones(1, 4, 1, 1), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a file of tensors", "bad.latent cannot be read"),
        (safetensors.torch.save({"other": torch.zeros(1)}), "bad.latent holds no latent"),
        (safetensors.torch.save({"latent_tensor": torch.zeros(1)}), "bad.latent holds no latent"),
    ],
)
def test_a_file_without_a_latent_is_named(surroundings: Surroundings, content: bytes, message: str) -> None:
    (surroundings.folder / "input" / "bad.latent").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        LoadLatent().load("bad.latent")


def test_only_files_that_are_there_may_be_named(surroundings: Surroundings) -> None:
    (surroundings.folder / "input" / "a.latent").write_bytes(b"1")
    assert LoadLatent.VALIDATE_INPUTS("a.latent") is True
    assert LoadLatent.VALIDATE_INPUTS("b.latent") == "Invalid latent file: b.latent"
    assert LoadLatent.VALIDATE_INPUTS("../a.latent") == "Invalid latent file: ../a.latent"
    with pytest.raises(NotFound):
        LoadLatent().load("b.latent")


def test_another_content_is_another_result(surroundings: Surroundings) -> None:
    path = surroundings.folder / "input" / "a.latent"
    path.write_bytes(b"1")
    before = LoadLatent.IS_CHANGED("a.latent")
    path.write_bytes(b"2")
    assert LoadLatent.IS_CHANGED("a.latent") != before


def test_only_latents_are_listed() -> None:
    before = environment.environment()
    here = environment.Environment(ModelFolders(()), list_inputs=lambda: ["b.latent", "a.png"])
    here.refresh()
    environment.install(here)
    try:
        assert LoadLatent.INPUT_TYPES() == {"required": {"latent": (["b.latent"],)}}
    finally:
        environment.install(before)
