from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
from comfyui_async_api_tool import ComfyClient

url, workflow = sys.argv[1:]
with open(workflow) as file:
    prompt = json.load(file)


async def main():
    async with aiohttp.ClientSession() as session:
        client = ComfyClient(session, servers=[url])
        kinds = []
        async for event in client.run(prompt, values={"3": {"seed": 13}}):
            kinds.append(event["type"])
            if event["type"] == "error":
                sys.exit(str(event))
        print(*dict.fromkeys(kinds))


asyncio.run(main())
