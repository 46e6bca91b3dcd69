"""Records to protobuf messages and back: the only place in the queue that knows both."""

from __future__ import annotations
