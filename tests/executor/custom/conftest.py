"""Packs written for one test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.executor.custom.packs import MODULE_PREFIX
from tests.executor.custom.bench import PackBench, pack_bench

#: Takes packs as file name and source.
Load = Callable[..., PackBench]


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(MODULE_PREFIX):
            del sys.modules[name]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    with ExitStack() as stack:

        def load_sources(**sources: str) -> PackBench:
            folder = tmp_path / "custom_nodes"
            folder.mkdir(exist_ok=True)
            for name, source in sources.items():
                (folder / f"{name}.py").write_text(source)
            return stack.enter_context(pack_bench(tmp_path, folder))

        yield load_sources
