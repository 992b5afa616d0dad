"""How long a caller's connection may rest: one timer for each connection, not one for each request.

The timer looks when the time would be over, had nothing come since the last look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Idle:
    """Calls `end` when `limit` seconds have passed since `begin` and `rests` holds; `clock` is in monotonic seconds."""

    __slots__ = ("_clock", "_end", "_limit", "_loop", "_rests", "_since", "_timer")

    def __init__(
        self,
        limit: float,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        *,
        rests: Callable[[], bool],
        end: Callable[[], None],
    ) -> None:
        self._limit = limit
        self._loop = loop
        self._clock = clock
        self._rests = rests
        self._end = end
        self._since = clock()
        self._timer = loop.call_later(limit, self._look)

    def begin(self) -> None:
        """It rests from now on."""
        self._since = self._clock()

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._since + self._limit - self._clock() if self._rests() else self._limit
        self._timer = self._loop.call_later(left if left > 0 else self._limit, self._look)  # an end may wait for what is not taken
        if left <= 0:
            self._end()
