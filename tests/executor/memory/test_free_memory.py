from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from services.executor.memory.free_memory import free_memory, total_memory


def control_group(folder: Path, limit: str, used: int, droppable: int) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_anon 7\ninactive_file {droppable}\nactive_file 9\n")
    return folder


@pytest.mark.parametrize(("used", "left"), [(600, 500), (5000, 0)])
def test_a_container_has_what_is_left_of_its_limit_with_what_the_kernel_would_drop(
    tmp_path: Path, used: int, left: int
) -> None:
    assert free_memory(control_group(tmp_path, "1000", used, 100)) == left


@pytest.mark.parametrize("limit", ["max", str(1 << 62), ""])
def test_without_a_limit_below_it_the_host_decides(tmp_path: Path, limit: str) -> None:
    total = psutil.virtual_memory().total

    assert 0 < free_memory(control_group(tmp_path, limit, 600, 100)) <= total
    assert 0 < free_memory(tmp_path / "elsewhere") <= total


def test_a_container_has_its_limit_in_all(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    assert total_memory(control_group(tmp_path, "1000", 600, 100)) == 1000
    assert total_memory(control_group(tmp_path, "max", 600, 100)) == total
    assert total_memory(tmp_path / "elsewhere") == total
