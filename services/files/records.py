"""The file service's records: names, descriptions, what to do when a name is taken."""

from __future__ import annotations

import enum

import msgspec


class FileKind(enum.Enum):
    """What a file is for; the values are ComfyUI's words and the names of the folders."""

    INPUT = "input"  #: what users brought
    OUTPUT = "output"  #: what workflows made
    TEMP = "temp"  #: what workflows showed; emptied when the service starts
    USERDATA = "user"  #: settings and workflows of users
    MODELS = "models"  #: checkpoints and the like; read-only
    EXTENSIONS = "extensions"  #: scripts that node packs have for browsers
    PACKS = "packs"  #: what node packs have for front ends beside that

    @property
    def is_read_only(self) -> bool:
        """Whether the service only reads files of this kind."""
        return self is FileKind.MODELS


class FileName(msgspec.Struct, frozen=True):
    """Where a file is found; `services.files.names` knows what may be in it."""

    kind: FileKind
    #: relative, "/" between parts, empty for the top; for models the first part is the model folder, for extensions and
    #: packs the pack, for userdata the user
    subfolder: str
    #: one path part
    filename: str

    @property
    def path(self) -> str:
        """Subfolder and filename, relative to the kind's folder."""
        return f"{self.subfolder}/{self.filename}" if self.subfolder else self.filename

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.path}"


class FileInfo(msgspec.Struct, frozen=True):
    """What is known about a file."""

    name: FileName
    #: bytes
    size: int
    #: of the content, lowercase hex; None where it is not known yet
    blake3: str | None
    #: seconds since the epoch, to the microsecond
    modified_at: float


class OnConflict(enum.Enum):
    """What to do when a name is taken."""

    FAIL = "fail"  #: refuse
    OVERWRITE = "overwrite"  #: replace, in one step
    RENAME = "rename"  #: "name (1).ext", "name (2).ext"…, or the one that has this very content
    NUMBER = "number"  #: the filename is a prefix: "PREFIX_00001_.ext", one above the highest number


class Target(msgspec.Struct, frozen=True):
    """Where a content that is to come belongs, and what was promised about it."""

    name: FileName  #: with NUMBER its filename is a prefix
    on_conflict: OnConflict
    #: with NUMBER: the extension, such as ".png"
    numbered_extension: str = ""
    #: verified when set
    expected_blake3: str | None = None
    #: bytes; verified when set
    expected_size: int | None = None
    #: with OVERWRITE: replace the file only while its content has this digest
    replaced_blake3: str | None = None
    #: whose quota it counts towards; nobody's when empty
    owner: str = ""


class Upload(msgspec.Struct, frozen=True):
    """A content that is on its way in, and may be interrupted."""

    upload_id: str
    #: bytes that came, and so where it goes on
    offset: int
    #: seconds since the epoch; it is forgotten then unless more comes
    expires_at: float
