"""What can be done with assets, here or of another process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from services.files.assets.records import (
    Asset,
    AssetChange,
    AssetFilter,
    AssetOrder,
    AssetPage,
    Created,
    NewAsset,
    TagPage,
    TagsChanged,
)


class AssetLibrary(ABC):
    """Assets of contents in a file store.

    An asset that is another owner's is one that there is not. One that has expired is gone, and its content with it,
    unless that has other names. Everything raises `InvalidArgument` for what cannot be kept: see `checks`.
    """

    @abstractmethod
    async def create(self, new: NewAsset) -> Created:
        """Make an asset of a content that is here.

        Raises:
            NotFound: there is no such content, or it is another user's.
            AlreadyExists: the id is that of another asset.
        """

    @abstractmethod
    async def get(self, owner: str, id: str, *, to_read: bool = False) -> Asset:
        """One asset; with `to_read` it counts as used now, unless it was within the last minute.

        Raises:
            NotFound: the owner has none of this id.
        """

    @abstractmethod
    async def list(
        self,
        wanted: AssetFilter,
        *,
        order: AssetOrder = AssetOrder.CREATED,
        descending: bool = True,
        limit: int = 0,
        offset: int = 0,
    ) -> AssetPage:
        """At most `limit` assets that fit, 100 when it is 0, less the first `offset`."""

    @abstractmethod
    async def update(self, owner: str, id: str, change: AssetChange) -> Asset:
        """Change what is known about a content.

        Raises:
            NotFound: the owner has none of this id.
        """

    @abstractmethod
    async def add_tags(self, owner: str, id: str, tags: Sequence[str]) -> TagsChanged:
        """Give an asset more tags.

        Raises:
            NotFound: the owner has none of this id.
        """

    @abstractmethod
    async def remove_tags(self, owner: str, id: str, tags: Sequence[str]) -> TagsChanged:
        """Take tags away from an asset.

        Raises:
            NotFound: the owner has none of this id.
        """

    @abstractmethod
    async def delete(self, owner: str, id: str, *, keep_content: bool = False) -> None:
        """Forget an asset; its file goes as well when no other asset is of it, unless it is a model or to be kept.

        Raises:
            NotFound: the owner has none of this id.
        """

    @abstractmethod
    async def tags(
        self, wanted: AssetFilter, *, prefix: str = "", by_name: bool = False, limit: int = 0, offset: int = 0
    ) -> TagPage:
        """The tags of the assets that fit, the most used first or by name; at most `limit`, 100 when it is 0."""

    @abstractmethod
    async def has_content(self, owner: str, blake3: str) -> bool:
        """Whether the owner may make an asset of a content by its digest."""
