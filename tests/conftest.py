"""What every test gets: stubs of the protos as they are, an environment without anything of the user's Silverprint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres import postgres as postgres

PROTOS = Path(__file__).parents[1] / "protos"


#: Services that tests start serve their metrics on a free port, as several run at once.
METRICS = {"SILVERPRINT_METRICS_LISTEN": "127.0.0.1:0"}

#: Workers that tests start are many, and their models tiny: more threads than this take a third more CPU in all.
THREADS = {"OMP_NUM_THREADS": "1"}

# Tests start hundreds of processes: each would compile what it imports again where nothing may be written down.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure() -> None:
    """Compile the stubs anew when protos have changed since, as they do when somebody else's work is merged."""
    os.environ.update(METRICS | THREADS)
    sources = list(PROTOS.rglob("*.proto"))
    stubs = [source.with_name(f"{source.stem}_pb2.py") for source in sources]
    if not all(stub.exists() for stub in stubs) or _latest(sources) > min(stub.stat().st_mtime for stub in stubs):
        subprocess.run([sys.executable, PROTOS / "build.py"], check=True)


def _latest(paths: list[Path]) -> float:
    return max(path.stat().st_mtime for path in paths)


@pytest.fixture(autouse=True)
def _no_settings_from_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SILVERPRINT_") and name not in METRICS]:
        monkeypatch.delenv(name)
