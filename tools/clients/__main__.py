"""Installs published clients of ComfyUI, and has each run the example workflow.

    python -m tools.clients [--url URL] [--folder FOLDER] [NAME …]

A stack of its own is started when there is no URL. Clients come from PyPI and npm, each in a folder of its own below
FOLDER, where a later run finds them again. What they do is in `programs/`: as their documentation says, no more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.client import own_stack

PROGRAMS = Path(__file__).parent / "programs"
WORKFLOW = Path(__file__).parents[2] / "services" / "command" / "examples" / "red_circle.json"

#: Seconds that a client has for one picture, and its packages to arrive.
PATIENCE = 120.0
INSTALLING = 900.0


@dataclass(frozen=True)
class Published:
    """A client, as it is installed, and the program that uses it."""

    program: str
    packages: tuple[str, ...]

    @property
    def is_python(self) -> bool:
        """Whether it comes from PyPI; else from npm."""
        return not self.program.endswith(".mjs")

    def installing(self, folder: Path) -> list[list[str]]:
        """The commands that install it."""
        if self.is_python:
            pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
            return [[sys.executable, "-m", "venv", str(folder)], [*pip, *self.packages]]
        return [["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(folder), *self.packages]]

    def running(self, folder: Path, url: str) -> list[str]:
        """The command that has it run the workflow."""
        # Beside its packages, where Node looks for them; under another name than theirs, since Python looks there too.
        program = folder / f"run_{self.program}"
        program.write_bytes((PROGRAMS / self.program).read_bytes())
        interpreters = {".mjs": "node", ".sh": "bash", ".py": str(folder / "bin" / "python")}
        return [interpreters[program.suffix], str(program), url, str(WORKFLOW)]


CLIENTS = (
    Published("comfy_api_client.py", ("comfy-api-client==0.1.0",)),
    Published("comfy_api_simplified.py", ("comfy-api-simplified==1.6.0",)),
    Published("comfy_cli.sh", ("comfy-cli==1.23.0",)),
    Published("comfy_toolkit.py", ("comfy-toolkit==0.1.0",)),
    Published("comfy_ui_client.py", ("comfy-ui-client==0.0.1.10",)),
    Published("comfykit.py", ("comfykit==0.1.12",)),
    Published("comfyui_async_api_tool.py", ("comfyui-async-api-tool==0.1.0",)),
    Published("comfyui_utils.py", ("comfyui-utils==0.0.1",)),
    Published("comfyui_workflow_client.py", ("comfyui-workflow-client==0.1.0",)),
    Published("comfyui_xy.py", ("comfyui-xy==0.3.0",)),
    Published("comfy_ui_client.mjs", ("comfy-ui-client@0.1.2",)),
    Published("saintno.mjs", ("@saintno/comfyui-sdk@0.3.1",)),
    Published("stable_canvas.mjs", ("@stable-canvas/comfyui-client@1.5.9", "ws@8")),
)


async def checked(client: Published, folder: Path, url: str) -> bool:
    """Install a client where that was not done yet, have it run the workflow, and say what came of it."""
    home = folder / client.program.replace(".", "_")
    environment = os.environ | {"HOME": str(home), "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    if not (home / "installed").exists():
        home.mkdir(parents=True, exist_ok=True)
        for command in client.installing(home):
            status, said = await _run(command, home, environment, INSTALLING)
            if status:
                print(f"{client.program}: not installed: {said[-300:]}")
                return False
        (home / "installed").touch()
    status, said = await _run(client.running(home, url), home, environment, PATIENCE)
    print(f"{client.program}: {'works' if status == 0 else f'status {status}'}: {said[-300:]}", flush=True)
    return status == 0


async def _run(command: Sequence[str], folder: Path, environment: dict[str, str], patience: float) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(patience):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        return -1, f"no end within {patience:.0f} s"
    return process.returncode or 0, " ".join(said.decode(errors="replace").split())


async def main() -> None:
    """Check all clients, or those named; the exit status is how many failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--url")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    chosen = [client for client in CLIENTS if not arguments.names or client.program in arguments.names]
    async with AsyncExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = arguments.url or (await stack.enter_async_context(own_stack())).url
        failed = [client for client in chosen if not await checked(client, folder.absolute(), url)]
    sys.exit(len(failed))


if __name__ == "__main__":
    asyncio.run(main())
