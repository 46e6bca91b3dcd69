from __future__ import annotations

import sys

from comfyuiclient import ComfyUIClient

url, workflow = sys.argv[1:]
client = ComfyUIClient(url.removeprefix("http://"), workflow)
client.connect()
client.set_data(key="KSampler", seed=14)
pictures = client.generate(["Save Image"])
client.close()
print(pictures["Save Image"].size)
