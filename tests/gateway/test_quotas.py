"""What users hear whose quota of files is used up."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.gateway.over_files import gateways

QUOTA = 1_000


async def upload(client: httpx.AsyncClient, size: int, headers: dict[str, str] | None = None) -> httpx.Response:
    content = size.to_bytes(4) * (size // 4)
    return await client.post("/upload/image", files={"image": ("a.png", content, "image/png")}, headers=headers)


async def test_what_does_not_fit_is_refused_and_others_are_not_concerned(tmp_path: Path) -> None:
    async with gateways(tmp_path, multi_user=True, quota=QUOTA) as [client]:
        ann, bob = [
            {"comfy-user": (await client.post("/users", json={"username": name})).json()} for name in ("ann", "bob")
        ]
        assert (await upload(client, 800, ann)).status_code == 200
        refused = await upload(client, 400, ann)
        assert refused.status_code == 507
        assert f"uses 800 bytes of a quota of {QUOTA}, 400 more do not fit" in refused.text
        document = await client.post("/userdata/a.json", content=bytes(300), headers=ann)
        assert document.status_code == 507
        assert (await client.post("/userdata/a.json", content=bytes(200), headers=ann)).status_code == 200
        assert (await upload(client, 400, bob)).status_code == 200
        assert (await upload(client, 2_000)).status_code == 200
        assert (await client.delete("/userdata/a.json", headers=ann)).status_code == 204
        assert (await upload(client, 200, ann)).status_code == 200


async def test_who_is_not_told_apart_has_no_quota_for_uploads(tmp_path: Path) -> None:
    async with gateways(tmp_path, quota=QUOTA) as [client]:
        assert (await upload(client, 2_000)).status_code == 200
