"""Memory of the host that really runs out: a process with a limit decodes a picture that is too large for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

DECODE = """
import resource, sys
import torch
from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.memory.current import planner
from services.executor.patching import vae as module
from services.executor.patching.autoencoding import Tiles
from tests.executor.diffusion.golden import GOLDEN

module.DECODED_TILES = Tiles(16, 16, 4)
vae = LoadedCheckpoints().get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors").vae
with torch.inference_mode():
    vae.decode_tiled(torch.zeros(1, 4, 40, 40))  # what kernels need once is there
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    whole = vae.memory_used_decode((1, 4, 40, 40), torch.float32)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    print(tuple(vae.decode(torch.zeros(1, 4, 40, 40)).shape))
    print(sorted(planner().counters.steps))
"""


def decoded(room: str) -> list[str]:
    """What a process says that may have so many more bytes."""
    code = DECODE.replace("ROOM", room)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are kept by Linux")
@pytest.mark.timeout(180)  # on a busy machine torch alone takes many seconds to be there
def test_a_picture_that_does_not_fit_into_the_host_is_decoded_in_tiles() -> None:
    assert decoded("whole // 2") == ["(1, 320, 320, 3)", "['free_caches', 'tile']"]
