"""Deadlines without a timer for each request: what waits is looked at once in every tick.

A deadline is noticed within TICK seconds of its moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

TICK = 0.05  # seconds


class Waiting(Protocol):
    """What must not wait beyond `deadline`, monotonic seconds."""

    deadline: float

    def late(self) -> None:
        """The deadline has passed; it is forgotten by then, and may be watched again."""


class Ticker:
    """Looks at all that waits, while anything does."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = loop
        self._clock = clock
        self._waiting: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, waiting: Waiting) -> None:
        """Look at it in every tick from now on."""
        self._waiting.add(waiting)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)

    def forget(self, waiting: Waiting) -> None:
        """It waits no more."""
        self._waiting.discard(waiting)

    def stop(self) -> None:
        """Look at nothing more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        self._timer = self._loop.call_later(TICK, self._tick)  # first: one that fails stops no other
        now = self._clock()
        for waiting in [waiting for waiting in self._waiting if waiting.deadline <= now]:
            if waiting in self._waiting:  # one before it may have ended it
                self._waiting.discard(waiting)
                waiting.late()
