"""Textual inversions that prompts name, from their files to the conditioning."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.embeddings import Embeddings
from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.model_folders import ModelFolders
from services.executor.patching.clip import CLIP
from tests.executor.diffusion.text_models import encoders

GOLDEN = Path(__file__).parents[1] / "golden"
SMALL = GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors"
VECTORS = torch.arange(8.0).reshape(2, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "embeddings"
    folder.mkdir()
    return folder


@pytest.fixture
def find(folder: Path) -> Callable[[str], Tensor | None]:
    return Embeddings(ModelFolders([folder.parent])).of_encoder("l", 4)


@pytest.mark.parametrize(
    "content",
    [
        {"emb_params": VECTORS},
        {"string_to_param": {"*": VECTORS}, "string_to_token": {"*": 265}, "name": "x", "step": 3},
        {"<my-word>": VECTORS},
        VECTORS,
    ],
    ids=["emb_params", "string_to_param", "a word", "a tensor"],
)
def test_every_layout_is_read(folder: Path, find: Callable[[str], Tensor | None], content: object) -> None:
    torch.save(content, folder / "mine.pt")
    found = find("mine")
    assert found is not None
    assert torch.equal(found, VECTORS)


@pytest.mark.parametrize("name", ["mine", "mine.safetensors", "sub/mine"])
def test_a_name_may_leave_out_the_extension(folder: Path, find: Callable[[str], Tensor | None], name: str) -> None:
    (folder / "sub").mkdir()
    for path in (folder, folder / "sub"):
        save_file({"emb_params": VECTORS[0]}, path / "mine.safetensors")
    found = find(name)
    assert found is not None
    assert torch.equal(found, VECTORS[:1])


@pytest.mark.parametrize("name", ["nothing", "../checkpoints/mine", "/etc/passwd", "a\0b", ""])
def test_what_is_not_there_is_not_found(find: Callable[[str], Tensor | None], name: str) -> None:
    assert find(name) is None


def test_vectors_for_another_family_are_left_out_with_a_warning(
    folder: Path, find: Callable[[str], Tensor | None], caplog: pytest.LogCaptureFixture
) -> None:
    save_file({"emb_params": torch.zeros(1, 5)}, folder / "wide.safetensors")
    assert find("wide") is None
    assert "wide" in caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.safetensors", b"\xff" * 64), ("a.pt", b"no pickle"), ("a.pt", b""), ("a.bin", b"\x80\x02.")],
)
def test_a_file_that_is_none_is_named(
    folder: Path, find: Callable[[str], Tensor | None], name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        find("a")


def test_a_pickle_does_not_run(folder: Path, find: Callable[[str], Tensor | None], tmp_path: Path) -> None:
    torch.save({"emb_params": VECTORS, "trap": _Trap(tmp_path / "sprung")}, folder / "evil.pt")
    with pytest.raises(CheckpointError, match="evil"):
        find("evil")
    assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_prompt_that_names_one_gets_its_vectors(folder: Path) -> None:
    shutil.copy(GOLDEN / "embeddings" / "goldtest.safetensors", folder)
    clip = LoadedCheckpoints(Embeddings(ModelFolders([folder.parent]))).get(SMALL).clip
    assert clip
    plain, unknown = clip.encode("a cat"), clip.encode("a embedding:mine cat")
    assert torch.equal(unknown, plain)
    save_file({"emb_params": torch.ones(2, plain.shape[-1])}, folder / "mine.safetensors")
    assert not torch.equal(clip.encode("a embedding:mine cat"), plain)
    assert torch.equal(clip.encode("a embedding:goldtest cat"), plain), "it is for wider text encoders"


def test_each_of_two_text_encoders_gets_its_own_vectors(folder: Path) -> None:
    save_file({"clip_g": VECTORS, "clip_l": VECTORS[:, :3].contiguous()}, folder / "mine.safetensors")
    embeddings = Embeddings(ModelFolders([folder.parent]))
    found = {name: embeddings.of_encoder(name, width)("mine") for name, width in (("g", 4), ("l", 3))}
    assert torch.equal(found["g"], VECTORS)  # type: ignore[arg-type]
    assert torch.equal(found["l"], VECTORS[:, :3])  # type: ignore[arg-type]


def test_vectors_for_one_of_two_text_encoders_change_that_one(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = CLIP(encoders("l", "g"), Embeddings(ModelFolders([folder.parent])).of_encoder)
    plain = clip.encode("a cat")
    save_file({"clip_g": torch.ones(2, 16), "clip_l": torch.ones(2, 8)}, folder / "mine.safetensors")
    changed = clip.encode("a embedding:mine cat")
    assert torch.equal(changed[..., :16], plain[..., :16])
    assert not torch.equal(changed[..., 16:], plain[..., 16:])
    assert "embedding mine is for text encoders of width 8, not 16" in caplog.text
