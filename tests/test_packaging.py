"""What a wheel holds beside code."""

from __future__ import annotations

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = "services/executor/bundled"


def test_what_comes_with_the_product_is_in_its_wheel() -> None:
    files = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {
        f"{BUNDLED}/checkpoints/silverprint-tiny.safetensors",
        f"{BUNDLED}/upscale_models/realesr-animevideov3-x4.safetensors",
        f"{BUNDLED}/upscale_models/LICENSE",
        f"{BUNDLED}/custom_nodes/line_preprocessors/__init__.py",
    } <= files
