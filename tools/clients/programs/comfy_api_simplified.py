from __future__ import annotations

import sys

from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper

url, workflow = sys.argv[1:]
api, prompt = ComfyApiWrapper(f"{url}/"), ComfyWorkflowWrapper(workflow)
prompt.set_node_param("KSampler", "seed", 11)
for name, content in api.queue_and_wait_images(prompt, "Save Image").items():
    print(name, len(content), "bytes")
