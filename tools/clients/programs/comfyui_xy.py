from __future__ import annotations

import json
import sys

from comfyui_xy import ComfyUiClient

url, workflow = sys.argv[1:]
with open(workflow) as file:
    prompt = json.load(file)
prompt["3"]["inputs"]["seed"] = 15
with ComfyUiClient(url, raise_on_error=True) as client:
    [answer] = client.process_workflow(prompt)
    print(answer.filename, len(answer.data), "bytes")
