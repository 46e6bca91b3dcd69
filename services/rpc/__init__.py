"""What every gRPC end shares: channel, server, errors, health."""

from __future__ import annotations
