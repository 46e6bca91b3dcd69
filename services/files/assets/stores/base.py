"""A database of assets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self, TypeVar

from services.database.steps import Transaction

T = TypeVar("T")


class AssetDatabase(ABC):
    """Carries out transactions on the tables of assets; opens with `async with`."""

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Make the tables, or bring them up to date.

        Raises:
            InvalidArgument: the database cannot be used, or a newer version of silverprint made the tables.
            FailedPrecondition: another process has it.
            Unavailable: it does not answer.
        """

    @abstractmethod
    async def __aexit__(self, *_: object) -> None:
        """Close it."""

    @abstractmethod
    async def read(self, transaction: Transaction[T]) -> T:
        """The answer of a transaction that changes nothing.

        Raises:
            Unavailable: the database cannot be read.
        """

    @abstractmethod
    async def change(self, transaction: Transaction[T]) -> T:
        """The answer of a transaction, once it is durable; it may be carried out anew from its beginning.

        Raises:
            Unavailable: the database cannot be written.
        """
