"""What tests with real processes share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Stack, running

EXAMPLE = Path(__file__).resolve().parents[2] / "services" / "command" / "examples" / "red_circle.json"

#: Models of other programs that the shared stack looks at, beside its data.
EXTRA_MODEL_PATHS = """
webui:
    base_path: webui
    checkpoints: models/Stable-diffusion
    loras: |
        models/Lora
        models/LyCORIS
    ipadapter: ipadapter
"""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests that leave it whole."""
    data = tmp_path_factory.mktemp("stack")
    extra = data / "extra_model_paths.yaml"
    extra.write_text(EXTRA_MODEL_PATHS)
    with running(data, extra_model_paths=str(extra)) as stack:
        yield stack


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests that end its worker: a prompt has one attempt, and a second to hear of its interrupt."""
    with running(tmp_path_factory.mktemp("fragile"), max_attempts="1", interrupt_seconds="1") as stack:
        yield stack


@pytest.fixture
def example() -> dict[str, Any]:
    """The example workflow, in API format."""
    graph: dict[str, Any] = json.loads(EXAMPLE.read_bytes())
    return graph
