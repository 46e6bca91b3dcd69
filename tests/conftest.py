"""What every test gets: an environment without anything of the user's Silverprint in it."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SILVERPRINT_")]:
        monkeypatch.delenv(name)
