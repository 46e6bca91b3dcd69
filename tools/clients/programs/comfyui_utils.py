from __future__ import annotations

import asyncio
import json
import sys

from comfyui_utils.comfy import Callbacks, ComfyAPI

url, workflow = sys.argv[1:]
api = ComfyAPI(url.removeprefix("http://"))


class Reports(Callbacks):
    async def queue_position(self, position):
        print("position", position)

    async def in_progress(self, node_id, progress, total):
        pass

    async def completed(self, outputs, cached):
        await api.fetch(outputs["images"][0], self.fetched)

    async def fetched(self, picture):
        print(len(picture.read()), "bytes")


with open(workflow) as file:
    prompt = json.load(file)
prompt["3"]["inputs"]["seed"] = 12
asyncio.run(api.submit(prompt, Reports()))
