"""PyAV, which is installed with the extra "video"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import av.container

Target = str | IO[bytes]

#: What is opened: containers that people send around. Others, such as playlists, have FFmpeg open further files.
FORMATS = ("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "ogg", "gif")


def pyav() -> ModuleType:
    """The module `av`.

    Raises:
        ValueError: it is not installed; says how to get it.
    """
    try:
        import av
    except ImportError as error:
        raise ValueError(f"videos need the extra: pip install 'silverprint[video]' ({error})") from error
    return av


@contextmanager
def opened(source: Target, name: str) -> Iterator[av.container.InputContainer]:
    """A video file to read from; whatever is wrong with it, also while it is decoded, is a ValueError.

    Raises:
        ValueError: it is no video, none of a known container, or damaged; `name` is what errors call it.
    """
    av = pyav()
    try:
        with av.open(source, options={"format_whitelist": ",".join(FORMATS)}) as container:
            if not container.streams.video:
                raise ValueError(f"{name} holds no video")
            yield container
    except av.FFmpegError as error:
        raise ValueError(f"{name} is no video of a known format, or damaged: {error.strerror}") from error
