"""`extra_model_paths.yaml`: what it may say, and what is said about what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.errors import InvalidArgument
from services.files.models.extra_paths import ExtraPaths, read_extra_paths

#: As people have it, from templates of ComfyUI.
USUAL = """\
#config for a1111 ui
a111:
    base_path: /srv/webui/

    checkpoints: models/Stable-diffusion
    loras: |
         models/Lora
         models/LyCORIS

    embeddings: embeddings   # beside models

comfyui:
    base_path: comfy
    is_default: true
    diffusion_models: |
                 models/diffusion_models
                 models/unet
    clip: /mnt/clip/
    custom_nodes: custom_nodes

#other_ui:
#    checkpoints: models/checkpoints
"""


def read(tmp_path: Path, text: str | bytes) -> ExtraPaths:
    file = tmp_path / "extra_model_paths.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_extra_paths([file])


def found(paths: ExtraPaths) -> list[tuple[str, str, bool]]:
    return [(it.folder, it.path, it.is_default) for it in paths.folders]


def test_sections_have_a_base_and_one_or_several_paths_for_a_kind(tmp_path: Path) -> None:
    paths = read(tmp_path, USUAL)
    assert found(paths) == [
        ("checkpoints", "/srv/webui/models/Stable-diffusion", False),
        ("loras", "/srv/webui/models/Lora", False),
        ("loras", "/srv/webui/models/LyCORIS", False),
        ("embeddings", "/srv/webui/embeddings", False),
        ("diffusion_models", f"{tmp_path}/comfy/models/diffusion_models", True),
        ("diffusion_models", f"{tmp_path}/comfy/models/unet", True),
        ("clip", "/mnt/clip", True),
    ]
    assert paths.custom_nodes == (f"{tmp_path}/comfy/custom_nodes",)
    assert paths.folders[0].said_in == f"{tmp_path}/extra_model_paths.yaml line 5, section 'a111'"


def test_without_a_base_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    assert found(read(tmp_path, "a:\n  vae: ../vae\n  loras: /l\n")) == [
        ("vae", str(tmp_path.parent / "vae"), False),
        ("loras", "/l", False),
    ]


def test_home_and_variables_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("BIG", "/big")
    assert found(read(tmp_path, "a:\n  base_path: $BIG/x\n  vae: vae\n  loras: ~/l\n")) == [
        ("vae", "/big/x/vae", False),
        ("loras", "/home/me/l", False),
    ]


def test_paths_may_be_a_list_with_spaces_and_in_unicode(tmp_path: Path) -> None:
    text = "\ufeffa:\n  vae:\n    - /a b\n    - '/模型: ü'\n  loras:\n  ipadapter: /i\n"
    assert found(read(tmp_path, text)) == [
        ("vae", "/a b", False),
        ("vae", "/模型: ü", False),
        ("ipadapter", "/i", False),
    ]


@pytest.mark.parametrize("text", ["", "# all of it is commented out\n", "a:\nb:\n", "a: {}\n", "---\n"])
def test_a_file_may_say_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ExtraPaths()


def test_several_files_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(f"s:\n  vae: /{name}\n")
    assert [it.path for it in read_extra_paths([tmp_path / "b", tmp_path / "a"]).folders] == ["/b", "/a"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a:\n\tvae: x\n", "line 2, column 1: found character '\\t'"),
        ("a:\n  vae: x\n b: y\n", "line 3, column"),
        ("a: [\n", "line 2, column 1: "),
        ("- a\n- b\n", "line 1: there are no sections"),
        ("just text\n", "line 1: there are no sections"),
        ("# where\nbase_path: /x\nvae: y\n", "line 2: 'base_path' is no section: put it below one, indented"),
        ("a:\n  - vae\n", "line 1: 'a' is no section"),
        ("a:\n  vae: /x\n  vae: /y\n", "line 3: 'vae' is in line 2 already"),
        ("a:\n  vae: /x\na:\n  vae: /y\n", "line 3: 'a' is in line 1 already"),
        ("a:\n  vae: {x: y}\n", "line 2: 'vae' in section 'a' is neither a path nor paths, one a line"),
        ("a:\n  vae: [[x]]\n", "line 2: 'vae' in section 'a' is neither"),
        ("a:\n  is_default: perhaps\n", "line 2: 'is_default' in section 'a' is neither true nor false"),
        ("a:\n  base_path: |\n    /x\n    /y\n", "line 2: 'base_path' in section 'a' is not one path"),
        ("a:\n  base_path:\n  vae: x\n", "line 2: 'base_path' in section 'a' is not one path"),
        ("a:\n  ../x: /y\n", "line 2: '../x' in section 'a'"),
        ("a:\n  x/y: /y\n", "line 2: 'x/y' in section 'a' is not the name of a folder of models"),
        ("a:\n  ? [x]\n  : /y\n", "line 2: a name is text"),
        ("a: *nobody\n", "line 1, column 4: found undefined alias"),
        ("a:\n  vae: /x\x00\n", "is no YAML: unacceptable character"),
        (b"a:\n  vae: \xff\n", "is no text in UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str | bytes, complaint: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        read(tmp_path, text)
    assert error.value.message.startswith(f"extra-model-paths: {tmp_path}/extra_model_paths.yaml ")
    assert complaint in error.value.message
    assert "\n" not in error.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="nowhere.yaml cannot be read: No such file"):
        read_extra_paths([tmp_path / "nowhere.yaml"])


def test_no_code_is_run_and_no_bomb_goes_off(tmp_path: Path) -> None:
    doubled = "".join(f"  x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 30))
    with pytest.raises(InvalidArgument, match="neither a path nor paths"):
        read(tmp_path, f"a:\n  x0: &x0 [/x]\n{doubled}")
    with pytest.raises(InvalidArgument, match="neither"):
        read(tmp_path, "a:\n  vae: !!python/object/apply:os.system ['touch /tmp/x']\n  loras: !!python/name:os.x {}\n")
