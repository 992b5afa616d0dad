"""Keep-alive connections to one upstream, last in first out.

A request that must not be sent twice takes only a connection that is certainly alive.
"""

from __future__ import annotations

import asyncio
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
    """At most `connections` at once, idle ones included; who finds none free waits in line, first come, first served."""

    def __init__(self, connector: Connector, options: PoolOptions, *, clock: Callable[[], float], name: str, wait: float) -> None:
        self._connector = connector
        self._options = options
        self._clock = clock
        self._name = name
        self._wait = wait  # seconds in line
        self._idle: deque[Connection] = deque()
        self._active: set[Connection] = set()
        self._places = 0  # taken: by an active connection, or by one that is being opened
        self._line: deque[asyncio.Future[None]] = deque()  # a place is handed over, so that nobody can push in
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

    def take(self, *, idempotent: bool) -> Connection | None:
        """An idle connection, if there is one and nobody waits in line."""
        if self._places >= self._options.connections:
            return None
        connection = self._take_idle(idempotent=idempotent)
        if connection is not None:
            self._places += 1
            self._active.add(connection)
        return connection

    async def acquire(self, *, idempotent: bool, fresh: bool = False) -> Connection:
        """A connection: an idle one, else a new one; `fresh` asks for a new one.

        Raises:
            UpstreamError: none could be opened, or none became free in time.
        """
        await self._take_place()
        try:
            connection = None if fresh else self._take_idle(idempotent=idempotent)
            if connection is None:
                self._make_room()
                connection = await self._connector.connect()
        except BaseException:
            self._give_place()
            raise
        self._active.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """The exchange is over; the connection rests if it is clean, else it ends."""
        if connection not in self._active:
            return
        self._active.remove(connection)
        young = self._clock() - connection.created < self._options.max_age
        if young and not self._closed and connection.reusable():
            connection.rest()
            self._idle.append(connection)
            if self._sweep is None:
                self._schedule_sweep()
        else:
            connection.abort()
        if self._line:
            self._give_place()
        else:
            self._places -= 1

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
            if self._is_spent(connection, now):
                connection.abort()
            elif idempotent or now - connection.idle_since < SURELY_ALIVE:
                return connection
            else:
                self._idle.append(connection)
                return None
        return None

    def _is_spent(self, connection: Connection, now: float) -> bool:
        options = self._options
        return not connection.alive() or now - connection.idle_since >= options.idle_timeout or now - connection.created >= options.max_age

    def _make_room(self) -> None:
        """A new connection beside idle ones must not be one too many."""
        while self._idle and len(self._idle) + self._places > self._options.connections:
            self._idle.popleft().abort()

    async def _take_place(self) -> None:
        if self._places < self._options.connections:
            self._places += 1
            return
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._line.append(place)
        timer = loop.call_later(self._wait, _give_up, place)
        try:
            await place
        except TimeoutError as exc:
            key = f"routes.{self._name}.pool.connections"
            raise UpstreamBusyError("no connection became free in time", key=key, retry_after=1) from exc
        except asyncio.CancelledError:
            if not place.cancelled() and place.exception() is None:
                self._give_place()  # it had just been handed over
            raise
        finally:
            timer.cancel()
            with suppress(ValueError):
                self._line.remove(place)

    def _give_place(self) -> None:
        """To the next in line, if there is one."""
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._places -= 1

    def _schedule_sweep(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(self._options.idle_timeout, self._sweep_idle)

    def _sweep_idle(self) -> None:
        self._sweep = None
        now = self._clock()
        resting, self._idle = self._idle, deque()
        for connection in resting:
            if self._is_spent(connection, now):
                connection.abort()
            else:
                self._idle.append(connection)
        if self._idle:
            self._schedule_sweep()


def _give_up(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_exception(TimeoutError())
