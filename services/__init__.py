"""Silverprint: ComfyUI workflows as a platform of queue, files, executor and gateway."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# Our processes start others by exec, never by a bare fork: gRPC's fork handlers only cost a warning per child. It reads
# this when it is first imported, whoever does that.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
