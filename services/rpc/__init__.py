"""What every gRPC end shares: channel, server, errors, health."""

from __future__ import annotations

import os

# Our processes start others by exec, never by a bare fork: gRPC's fork handlers only cost a warning per child.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
