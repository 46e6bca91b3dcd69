"""What can be asked about models, here or of another process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Sequence

from services.files.models.records import Inventory, Model, ModelFolder, ModelMetadata, ModelPage
from services.files.records import FileInfo, FileName, OnConflict


class ModelLibrary(ABC):
    """The models of a file store.

    A kind of model is a folder, such as "checkpoints"; some lie in several directories (see `kinds`). Of equal names
    the one in the first directory counts, as it does for loaders.
    """

    @abstractmethod
    async def folders(self) -> Sequence[ModelFolder]:
        """The kinds of model: those of ComfyUI in its order, then others that have a folder, by name."""

    @abstractmethod
    async def list(self, folder: str, *, page_size: int = 0, page_token: str = "") -> ModelPage:
        """One page of the models of a kind by name, those in subfolders too; none of a kind that has no folder.

        Raises:
            InvalidArgument: this is no folder's name, the page size is negative, or the token was never given.
        """

    @abstractmethod
    async def get(self, folder: str, name: str, *, directory_index: int | None = None, digest: bool = False) -> Model:
        """One model, or a file beside one; in any directory of its kind when no index says in which.

        With `digest` its digest is computed when it is not known, which reads the file once.

        Raises:
            NotFound: there is none.
            InvalidArgument: this is no name of a model.
        """

    @abstractmethod
    async def metadata(self, folder: str, name: str, *, tensors: bool = False) -> ModelMetadata:
        """What the header of a safetensors file says; the weights are not read.

        Raises:
            NotFound: there is no such file.
            InvalidArgument: this is no name of a model.
            FailedPrecondition: it is no safetensors file, or damaged; the message says how.
            ResourceExhausted: the header is longer than is read.
        """

    @abstractmethod
    async def picture(self, folder: str, name: str, *, directory_index: int | None = None) -> FileInfo:
        """The picture that lies beside a model.

        Raises:
            NotFound: there is none.
            InvalidArgument: this is no name of a model.
        """

    @abstractmethod
    async def inventory(self, known_version: str = "") -> Inventory | None:
        """The names of all models, up to a second old; None while they are those of `known_version`.

        Hidden files, and those in hidden folders, are not among them: no loader offers them.
        """

    @abstractmethod
    async def upload(
        self,
        folder: str,
        name: str,
        chunks: AsyncIterable[bytes],
        on_conflict: OnConflict = OnConflict.FAIL,
        *,
        expected_blake3: str | None = None,
        expected_size: int | None = None,
    ) -> Model:
        """Store a model, durable on return; FAIL or OVERWRITE.

        The header of a safetensors file is looked at before the rest of it is taken, and all that it tells of has to be
        there.

        Raises:
            InvalidArgument: this is no name of a model, or the content is none.
            FailedPrecondition: a pickled file, which is not allowed here.
            AlreadyExists: FAIL, and there is one of that name.
            DataLoss: the content is not what was promised.
            ResourceExhausted: there is no space left.
        """

    @abstractmethod
    async def take(
        self, source: FileName | str, folder: str, name: str, on_conflict: OnConflict = OnConflict.FAIL
    ) -> Model:
        """Make a model of a content that is here already, by the name of a file or by its digest.

        Raises:
            NotFound: there is no such content.
            Aborted: its file changed while it was read.
            InvalidArgument, FailedPrecondition, AlreadyExists, ResourceExhausted: as `upload`.
        """
