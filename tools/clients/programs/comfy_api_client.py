from __future__ import annotations

import asyncio
import json
import sys

from comfy_api_client import create_client

url, workflow = sys.argv[1:]
with open(workflow) as file:
    prompt = json.load(file)


async def main():
    prompt["3"]["inputs"]["seed"] = 18
    # Its tracker over WebSocket calls a method that its client does not have.
    async with create_client(url.removeprefix("http://"), start_state_tracker="http") as client:
        print((await client.get_system_stats()).system.os)
        result = await (await client.submit_workflow(prompt)).future
        print(result.output_images[0].image.size)


asyncio.run(main())
