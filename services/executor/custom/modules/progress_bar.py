"""The ProgressBar of `comfy.utils`: maps onto the running node's progress and previews."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PIL import Image, ImageOps

from services.executor.custom.running_node import running_node
from services.executor.engine.context import PreviewImage

PROGRESS_BAR_ENABLED = True

JPEG_QUALITY = 95
PNG_LEVEL = 1

#: format ("JPEG" or "PNG"), picture, longest side in pixels or None to leave it
Preview = tuple[str, Image.Image, int | None]

#: Called with the units done, how many there are, a preview or None, and `node_id`.
ProgressHook = Callable[..., Any]

_hook: ProgressHook | None = None


class ProgressBar:
    """How far a node is; `node_id` is taken from what runs."""

    def __init__(self, total: float, node_id: str | None = None) -> None:
        self.total = total
        self.current: float = 0
        self.node_id = node_id

    def update_absolute(self, value: float, total: float | None = None, preview: Sequence[Any] | None = None) -> None:
        """Say that `value` of `total` units are done, with a picture.

        Raises:
            Interrupted: somebody asked to stop.
        """
        if total is not None:
            self.total = total
        self.current = min(value, self.total)
        if _hook is not None:
            _hook(self.current, self.total, preview, node_id=self.node_id)
        else:
            report(self.current, self.total, preview)

    def update(self, value: float) -> None:
        """Say that `value` more units are done; raises as `update_absolute`."""
        self.update_absolute(self.current + value)


def set_progress_bar_enabled(enabled: bool) -> None:
    """Accepted and without effect: nothing is written to a terminal."""


def set_progress_bar_global_hook(function: ProgressHook | None) -> None:
    """Have every ProgressBar call this instead of telling clients; None ends that."""
    global _hook
    _hook = function


def report(value: float, maximum: float, preview: Sequence[Any] | None = None) -> None:
    """Report from the running node; outside of one nobody is there to be told."""
    if node := running_node():
        node.progress(value, maximum, preview_of(preview) if preview else None)


def preview_of(preview: Sequence[Any]) -> PreviewImage:
    """A preview as the engine takes it, encoded only if somebody watches."""
    kind, picture, longest_side = (*preview, None)[:3]
    if kind == "PNG":
        return PreviewImage("image/png", partial(_encoded, picture, longest_side, "PNG", compress_level=PNG_LEVEL))
    return PreviewImage("image/jpeg", partial(_encoded, picture, longest_side, "JPEG", quality=JPEG_QUALITY))


def _encoded(picture: Image.Image, longest_side: int | None, kind: str, **options: Any) -> bytes:
    if longest_side is not None:
        picture = ImageOps.contain(picture, (longest_side, longest_side), Image.Resampling.BILINEAR)
    if kind == "JPEG" and picture.mode not in ("RGB", "L"):
        picture = picture.convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
