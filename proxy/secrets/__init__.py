"""A secret: where it is kept, never what it is.

Pure: what reads places is `proxy.secrets.sources`, whose members are the only Secrets there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path


class SecretUnreadableError(ValueError):
    """The secret cannot be read now; the message names the place, never the value."""


@runtime_checkable
class Secret(Protocol):
    """A secret's place; equal places are equal, and no repr shows a value.

    `at_hand` says whether reading it costs little: a program that has to run is asked for its secret only when a token is fetched.
    """

    @property
    def kind(self) -> str: ...
    @property
    def at_hand(self) -> bool: ...
    @property
    def path(self) -> Path | None:
        """The file that holds it, if a file does."""

    @property
    def after(self) -> Secret | None:
        """What comes in its place when a server refuses it: the next secret of a rotation."""

    def relative_to(self, folder: Path) -> Secret:
        """This secret with a relative path taken from `folder`."""

    def read(self) -> str:
        """The secret's value now; the caller waits for one that is not at hand.

        Raises:
            SecretUnreadableError: unset variable, missing, unreadable, oversized or empty file, a program that fails.
        """

    async def obtain(self) -> str:
        """The secret's value now, without holding others up; raises as `read`."""

    def known(self) -> str:
        """The value that it is known to have, so that it can be hidden; "" where it is unreadable or was never obtained.

        It runs nothing.
        """

    def doubt(self) -> None:
        """A server did not take it: where a value is kept, it is soon got anew."""
