"""What is known of keys beside their tokens: a fetch that runs, failures in a row.

Callers bring subjects without end, so what no longer matters is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, ItemsView

    from proxy.errors import TokenError
    from proxy.oauth.token import Token, TokenKey

PRUNE_FROM = 1024  # keys; up to so many, none is forgotten


@dataclass(slots=True, eq=False)
class Progress:
    """What is known of a key; changed by CachedTokenSource alone, between two awaits."""

    flight: asyncio.Task[Token] | None = None
    refused: str | None = None  # a token that was discarded while this flight ran
    failures: int = 0  # in a row
    cause: TokenError | None = None
    blocked_until: float = 0.0  # monotonic seconds
    secret: object = None  # the secret's version that the failed flight began with
    look_at: float = 0.0  # monotonic seconds, from which the secret may be compared again
    had_token: bool = False  # and it was not discarded

    def forget_failure(self) -> None:
        """As if nothing had failed."""
        self.failures = 0
        self.cause = None
        self.blocked_until = 0.0


class Known:
    """The progress of every key; `matters` says of which one it has to be kept. A client's own key is never forgotten."""

    def __init__(self, matters: Callable[[TokenKey, Progress], bool]) -> None:
        self._matters = matters
        self._progress: dict[TokenKey, Progress] = {}
        self._prune_at = PRUNE_FROM

    def __len__(self) -> int:
        return len(self._progress)

    def of(self, key: TokenKey) -> Progress:
        """The key's progress, a new one where nothing is known."""
        progress = self._progress.get(key)
        if progress is None:
            if len(self._progress) >= self._prune_at:
                self._prune()
            progress = self._progress[key] = Progress()
        return progress

    def items(self) -> ItemsView[TokenKey, Progress]:
        """Every key and its progress."""
        return self._progress.items()

    def _prune(self) -> None:
        kept = {key: progress for key, progress in self._progress.items() if not key.subject or self._matters(key, progress)}
        self._progress = kept
        self._prune_at = max(PRUNE_FROM, 2 * len(kept))  # so that a key costs the same however many there are
