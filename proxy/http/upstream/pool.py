"""Keep-alive connections to one upstream, last in first out.

A request that must not be sent twice takes only a connection that is certainly alive.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from proxy.errors import UpstreamBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.http.routing import PoolOptions
    from proxy.http.upstream.connect import Connector
    from proxy.http.upstream.connection import Connection

SURELY_ALIVE = 3.0  # seconds idle, below which a non-idempotent request trusts a connection


class ConnectionPool:
    """At most `connections` at once; who finds none free waits in line."""  # guards _idle, _active

    def __init__(self, connector: Connector, options: PoolOptions, *, clock: Callable[[], float], name: str, wait: float) -> None:
        self._connector = connector
        self._options = options
        self._clock = clock
        self._name = name
        self._wait = wait  # seconds in line
        self._idle: deque[Connection] = deque()
        self._active: set[Connection] = set()
        self._opening = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def idle(self) -> int:
        """Connections at rest."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """Connections in an exchange."""
        return len(self._active)

    async def acquire(self, *, idempotent: bool, fresh: bool = False) -> Connection:
        """A connection: an idle one, else a new one; `fresh` asks for a new one.

        Raises:
            UpstreamError: none could be opened, or none became free in time.
        """
        while len(self._active) + self._opening >= self._options.connections:
            await self._stand_in_line()
        connection = None if fresh else self._take_idle(idempotent=idempotent)
        if connection is None:
            self._opening += 1
            try:
                connection = await self._connector.connect()
            except BaseException:
                self._wake_next()
                raise
            finally:
                self._opening -= 1
        self._active.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """The exchange is over; the connection rests if it is clean, else it ends."""
        self._active.discard(connection)
        young = self._clock() - connection.created < self._options.max_age
        if connection.reusable() and young and not self._closed:
            connection.rest()
            self._idle.append(connection)
            self._schedule_sweep()
        else:
            connection.abort()
        self._wake_next()

    def close(self) -> None:
        """Idle connections end now, active ones when they are released."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._idle.pop().abort()

    def _take_idle(self, *, idempotent: bool) -> Connection | None:
        now = self._clock()
        while self._idle:
            connection = self._idle.pop()
            rested = now - connection.idle_since
            if not connection.alive() or rested >= self._options.idle_timeout or now - connection.created >= self._options.max_age:
                connection.abort()
                continue
            if not idempotent and (rested >= SURELY_ALIVE or _has_input(connection.fileno())):
                self._idle.append(connection)
                return None
            return connection
        return None

    async def _stand_in_line(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            async with asyncio.timeout(self._wait):
                await place
        except TimeoutError as exc:
            key = f"routes.{self._name}.pool.connections"
            raise UpstreamBusyError("no connection became free in time", key=key, retry_after=1) from exc
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._wake_next()  # the turn passes to the next in line
            raise
        finally:
            with suppress(ValueError):
                self._line.remove(place)

    def _wake_next(self) -> None:
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _schedule_sweep(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._options.idle_timeout, self._sweep_idle)

    def _sweep_idle(self) -> None:
        self._sweep = None
        now = self._clock()
        kept = deque(
            connection for connection in self._idle if connection.alive() and now - connection.idle_since < self._options.idle_timeout
        )
        for connection in self._idle:
            if connection not in kept:
                connection.abort()
        self._idle = kept
        if kept and not self._closed:
            self._schedule_sweep()


def _has_input(descriptor: int) -> bool:
    """Whether an idle socket has bytes or an end of file pending."""
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
