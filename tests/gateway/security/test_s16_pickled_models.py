"""Models in formats that can hold code do not come in, however they are called (S16)."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tests.gateway.over_files import gateways


class Evil:
    """Runs a command when it is unpickled by somebody who trusts it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit",)


@pytest.mark.parametrize("name", ["x.ckpt", "x.pt", "x.PTH", "x.bin", "x.pkl", "x.safetensors", "x.sft"])
async def test_a_pickled_model_is_refused_and_nothing_of_it_is_kept(tmp_path: Path, name: str) -> None:
    async with gateways(tmp_path) as [client]:
        for path, form in (
            ("/api/assets", {"tags": ["models", "checkpoints"]}),
            ("/api/v2/assets", {"content_type": "application/x-model", "file_path": f"models/checkpoints/{name}"}),
        ):
            answer = await client.post(path, files={"file": (name, pickle.dumps(Evil()))}, data=form)
            assert answer.status_code in (400, 415, 422), answer.text
        assert (await client.get("/models/checkpoints")).json() == []
    assert list((tmp_path / "models").rglob("x.*")) == []
    assert list((tmp_path / "data").rglob("x.*")) == []
