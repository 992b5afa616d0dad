"""The express lane of one listener: every caller's connection begins here, and shares what all of them need.

The connections that are not plain are aiohttp's for as long as that lasts.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from proxy.http.express.front import Front
from proxy.http.express.plan import Plans
from proxy.http.express.ticks import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.http.cutter import Limits
    from proxy.http.handler import Handler
    from proxy.http.listener import ClientServer

SPARE = 64  # plans that are kept for new connections


class ExpressServer:
    """Makes a Front for each connection.

    Args:
        clients: aiohttp's server, which takes what is not plain.
        handler: the one in service now; a reload brings another.
        clock: monotonic seconds.
    """

    def __init__(
        self, clients: ClientServer, limits: Limits, handler: Callable[[], Handler], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.clients = clients
        self.limits = limits
        self.handler = handler
        self.clock = clock
        self.ticker = Ticker(self.loop, self.clock)
        self.fronts: set[Front] = set()
        self.retired = False  # whether a connection ends after its first answer
        self._spare: list[Plans] = []  # of connections that ended
        self._spare_of: Handler | None = None
        self._walks: set[asyncio.Task[bool]] = set()

    def __call__(self) -> Front:
        return Front(self)

    def forget(self, front: Front) -> None:
        """The connection ended; its plans are the next one's, since who connects anew for each call repeats itself too."""
        self.fronts.discard(front)
        self.ticker.forget(front)
        handler = self.handler()
        if front.plans.hand_on(handler) and len(self._current(handler)) < SPARE:
            self._spare.append(front.plans)

    def plans(self) -> Plans:
        """For a new connection."""
        spare = self._current(self.handler())
        return spare.pop() if spare else Plans()

    def _current(self, handler: Handler) -> list[Plans]:
        """The spare plans, without those of an earlier configuration."""
        if self._spare_of is not handler:
            self._spare, self._spare_of = [], handler
        return self._spare

    def own(self, walk: asyncio.Task[bool]) -> None:
        """A request's walk, which is awaited at the end."""
        self._walks.add(walk)
        walk.add_done_callback(self._walks.discard)

    def retire(self) -> None:
        """Every idle connection ends now, every other after its answer, a new one after its first."""
        self.retired = True
        self.clients.retire()
        for front in tuple(self.fronts):
            front.retire()

    async def shutdown(self, timeout: float) -> None:  # noqa: ASYNC109  # aiohttp's signature
        """End every connection, and wait for what was served on them."""
        await self.clients.shutdown(timeout)
        for front in tuple(self.fronts):
            front.force_close()
        if self._walks:
            await asyncio.wait(self._walks, timeout=timeout)
        self.ticker.stop()
