from __future__ import annotations

import sys

from comfy_toolkit import ComfyClient

url, workflow = sys.argv[1:]
client = ComfyClient(url)
prompt = client.load_workflow(workflow)
prompt["3"]["inputs"]["seed"] = 16
print(client.system_stats()["devices"][0]["name"], client.queue_status())
[picture] = client.wait_for_images(client.submit(prompt))
print(len(client.download(picture)), "bytes")
