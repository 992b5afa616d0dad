"""A secret: where it is kept, never what it is.

Pure: what reads places is `proxy.secrets.sources`, whose members are the only Secrets there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class SecretUnreadableError(ValueError):
    """The secret cannot be read now; the message names the place, never the value."""


class Secret(ABC):  # no Protocol: whether a value is one is asked of every option, and takes a Protocol 40 us
    """A secret's place; equal places are equal, and no repr shows a value.

    `at_hand` says whether reading it costs little: a program that has to run is asked for its secret only when a token is fetched.
    """

    __slots__ = ()

    kind: ClassVar[str]
    at_hand: ClassVar[bool]

    @property
    @abstractmethod
    def path(self) -> Path | None:
        """The file that holds it, if a file does."""

    @property
    @abstractmethod
    def after(self) -> Secret | None:
        """What comes in its place when a server refuses it: the next secret of a rotation."""

    @abstractmethod
    def relative_to(self, folder: Path) -> Secret:
        """This secret with a relative path taken from `folder`."""

    @abstractmethod
    def read(self) -> str:
        """The secret's value now; the caller waits for one that is not at hand.

        Raises:
            SecretUnreadableError: unset variable, missing, unreadable, oversized or empty file, a program that fails.
        """

    @abstractmethod
    async def obtain(self) -> str:
        """The secret's value now, without holding others up; raises as `read`."""

    @abstractmethod
    def known(self) -> str:
        """The value that it is known to have, so that it can be hidden; "" where it is unreadable or was never obtained.

        It runs nothing.
        """

    @abstractmethod
    def doubt(self) -> None:
        """A server did not take it: where a value is kept, it is soon got anew."""
