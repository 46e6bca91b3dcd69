from __future__ import annotations

import json
import sys

from comfy_ui_client.client import ComfyUIClient

url, workflow = sys.argv[1:]
with open(workflow) as file:
    prompt = json.load(file)
prompt["3"]["inputs"]["seed"] = 17
print(ComfyUIClient(url.removeprefix("http://")).get_outputs(prompt)["images"])
