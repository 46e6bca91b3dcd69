"""Which of the input files a node class offers for choice; any other can still be named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

import msgspec


class InputList(msgspec.Struct, frozen=True, omit_defaults=True):
    """A list of input files, or of the folders that they are in."""

    #: what their names end with, in lower case; whatever they do where there are none
    suffixes: tuple[str, ...] = ()
    #: the folder that they are in, with those in it; the top alone when empty
    below: str = ""
    #: the folders at the top, and those named here, which need not be there; no folders but files where there are none
    folders: tuple[str, ...] = ()

    def choices(self, paths: Iterable[str]) -> list[str]:
        """What is offered of all input files, in order."""
        if self.folders:
            return sorted({*self.folders, *(path.split("/")[0] for path in paths if "/" in path)})
        return sorted(path for path in paths if self._is_here(path) and self.fits(path))

    def fits(self, path: str) -> bool:
        """Whether it is a file of such a kind."""
        return not self.suffixes or PurePosixPath(path).suffix.lower() in self.suffixes

    def _is_here(self, path: str) -> bool:
        return path.startswith(f"{self.below}/") if self.below else "/" not in path


PICTURES = InputList(
    (
        *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
        *(".avif", ".ppm", ".tga", ".jp2"),
    )
)
VIDEOS = InputList((".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ogv", ".ts", ".flv"))
SOUNDS = InputList((".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aiff", *VIDEOS.suffixes))
ANY = InputList()

#: By the flag of an input that front ends upload files for.
OF_UPLOADS = {"image_upload": PICTURES, "video_upload": VIDEOS, "audio_upload": SOUNDS}
