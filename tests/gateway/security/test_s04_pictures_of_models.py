"""The picture beside a model lies in the folder of its kind, and nowhere else (S4).

Links below models are followed wherever they lead: only the operator makes them, for want of room, and executors follow
them as well. No name leads anywhere by itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway import model_files
from tests.gateway.over_files import gateways

NAMES = [
    "..%2F..%2Fdata%2Fsecret.safetensors",
    "%2e%2e%2f%2e%2e%2fdata%2fsecret.safetensors",
    "sub%2F..%2F..%2F..%2Fdata%2Fsecret.safetensors",
    "..%2Fvae%2Fsecret.safetensors",
    "..%2Floras.safetensors",
    "link%2F..%2Fsecret.safetensors",
    "link%2F..%2F..%2Fdata%2Fsecret.safetensors",
    "%2Fdata%2Fsecret.safetensors",
    "*.safetensors",
    "secre%3F.safetensors",
    "[s]ecret.safetensors",
    "..%5Csecret.safetensors",
    "secret.safetensors%00",
    "",
    "%2e",
]


@pytest.mark.parametrize("index", ["0", "1", "-1", "99999999999999999999", "%30%2F.."])
async def test_no_name_leads_out_of_the_folder(tmp_path: Path, index: str) -> None:
    secret = {"data/secret.png": model_files.picture(), "models/vae/secret.png": model_files.picture()}
    model_files.store(tmp_path, {**secret, "models/loras.png": model_files.picture(), "models/loras/sub/a.pt": b"x"})
    loras = tmp_path / "models/loras"
    (loras / "link").symlink_to(tmp_path / "data")
    async with gateways(tmp_path) as [client]:
        for name in NAMES:
            answer = await client.get(f"/experiment/models/preview/loras/{index}/{name}")
            assert answer.status_code in (400, 404), name
            metadata = await client.get(f"/view_metadata/loras?filename={name}")
            assert metadata.status_code == 404, name
            assert str(tmp_path) not in answer.text + metadata.text
