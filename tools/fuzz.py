"""Asks a gateway everything that its OpenAPI document allows, and much that it does not, and holds the answers to it.

    python -m tools.fuzz [--seconds 600] [--url URL] [FLAGS OF SCHEMATHESIS]

A stack of its own is started when there is no URL. Never name one that matters: prompts are cancelled, files deleted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import httpx

from bench.client import own_stack
from services.gateway.routes.prompts import EXAMPLE

#: No answer of the 5xx that says that we failed, none that the document does not know.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)

#: What can be asked for by the examples of the document.
_FILES = {"/userdata/workflows%2Fexample.json": b"{}", "/userdata/user.css": b"a{}"}


def command(url: str, *flags: str) -> list[str]:
    """The command line of schemathesis for the gateway at `url`."""
    document = [f"{url}/openapi.json", "--url", url, "--checks", ",".join(CHECKS), "--continue-on-failure"]
    return [sys.executable, "-m", "schemathesis.cli", "run", *document, "--warnings", "off", "--no-color", *flags]


def prepare(url: str) -> None:
    """Store what the examples of the document name."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        client.post("/prompt", json=EXAMPLE).raise_for_status()
        client.post("/upload/image", files={"image": ("example.png", b"none")}).raise_for_status()
        for path, content in _FILES.items():
            client.post(path, content=content).raise_for_status()


async def fuzz(url: str | None, flags: Sequence[str]) -> int:
    """Run schemathesis to its end; returns its exit status."""
    async with AsyncExitStack() as stack:
        server = url or (await stack.enter_async_context(own_stack())).url
        await asyncio.to_thread(prepare, server)
        process = await asyncio.create_subprocess_exec(*command(server, *flags))
        return await process.wait()


def main() -> None:
    """Ask for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--seconds", type=int, default=600)
    arguments, flags = parser.parse_known_args()
    sys.exit(asyncio.run(fuzz(arguments.url, ["--max-time", str(arguments.seconds), *flags])))


if __name__ == "__main__":
    main()
