from __future__ import annotations

import asyncio
import sys

from comfykit import ComfyKit

url, workflow = sys.argv[1:]


async def main():
    result = await ComfyKit(comfyui_url=url).execute(workflow, {})
    print(result.status, result.images)
    sys.exit(result.status != "completed")


asyncio.run(main())
