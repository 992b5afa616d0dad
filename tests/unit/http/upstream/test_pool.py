"""proxy/http/upstream/pool.py: which connection a request gets, and who waits."""

from __future__ import annotations

import asyncio
import select
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest

from proxy.errors import UpstreamBusyError, UpstreamUnreachableError
from proxy.http.routing import PoolOptions
from proxy.http.upstream import ConnectionPool
from proxy.units import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.http.upstream import Connection


class Clock:
    """Seconds that stand still until they are set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Fake:
    """A connection on a socket pair, without HTTP."""

    def __init__(self, clock: Clock, number: int) -> None:
        self.clock, self.number = clock, number
        self.ours, self.theirs = socket.socketpair()
        self.created = self.idle_since = clock()
        self.clean, self.open = True, True

    def reusable(self) -> bool:
        return self.clean and self.open

    def alive(self) -> bool:
        return self.open and not select.select([self.ours], [], [], 0)[0]

    def rest(self) -> None:
        self.idle_since = self.clock()

    def abort(self) -> None:
        self.open = False


class Connector:
    """Opens fakes while its gate is open."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.opened: list[Fake] = []
        self.errors: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def connect(self) -> Fake:
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop()
        self.opened.append(Fake(self.clock, len(self.opened)))
        return self.opened[-1]


class Room:
    """A pool and its parts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.connector = Connector(self.clock)
        self.pool = self.make()

    def make(self, *, connections: int = 2, wait: float = 60.0) -> ConnectionPool:
        options = PoolOptions(connections=connections, idle_timeout=Seconds(30), max_age=Seconds(600))
        self.pool = ConnectionPool(cast("Any", self.connector), options, clock=self.clock, name="r", wait=wait)
        return self.pool

    async def take(self, *, idempotent: bool = True, fresh: bool = False) -> Fake:
        return cast("Fake", await self.pool.acquire(idempotent=idempotent, fresh=fresh))

    def quick(self, *, idempotent: bool = True) -> Fake | None:
        return cast("Fake | None", self.pool.take(idempotent=idempotent))

    def give(self, *fakes: Fake) -> None:
        for fake in fakes:
            self.pool.release(cast("Connection", fake))

    async def waiting(self) -> asyncio.Task[Fake]:
        task = asyncio.create_task(self.take())
        await asyncio.sleep(0)
        return task

    @property
    def count(self) -> tuple[int, int]:
        return self.pool.active, self.pool.idle


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    yield room
    room.pool.close()
    for fake in room.connector.opened:
        fake.ours.close()
        fake.theirs.close()


async def test_a_clean_connection_is_used_again(room: Room) -> None:
    """Keep-alive."""
    first = await room.take()
    room.give(first)
    assert (await room.take(), room.count) == (first, (1, 0))


async def test_the_last_one_in_is_the_first_one_out(room: Room) -> None:
    """LIFO, so that what is not needed grows old and goes."""
    first, second = await room.take(), await room.take()
    room.give(first, second)
    assert [await room.take(), await room.take()] == [second, first]


async def test_what_is_not_clean_ends(room: Room) -> None:
    """An aborted or unfinished exchange is never used again."""
    first = await room.take()
    first.clean = False
    room.give(first)
    assert (first.open, room.count, (await room.take()).number) == (False, (0, 0), 1)


async def test_a_second_release_changes_nothing(room: Room) -> None:
    """Whoever holds the connection by then keeps it."""
    first = await room.take()
    room.give(first)
    assert await room.take() is first
    room.give(first)
    room.give(first)
    assert (room.count, first.open) == ((0, 1), True)


async def test_fresh_asks_for_a_new_one(room: Room) -> None:
    """After a stale connection no other old one is tried (rule 7)."""
    first = await room.take()
    room.give(first)
    assert ((await room.take(fresh=True)).number, room.count) == (1, (1, 1))


@pytest.mark.parametrize(
    ("idempotent", "rested", "reused"),
    [
        (True, 0.0, True),
        (True, 2.9, True),
        (True, 29.9, True),
        (True, 30.0, False),
        (False, 2.9, True),
        (False, 3.0, False),
        (False, 29.0, False),
    ],
)
async def test_how_long_a_rest_is_trusted(room: Room, idempotent: bool, rested: float, reused: bool) -> None:  # noqa: FBT001  # columns of the table
    """What must not be sent twice takes only a connection idle for less than 3 s (rule 7)."""
    first = await room.take()
    room.give(first)
    room.clock.now += rested
    assert (await room.take(idempotent=idempotent) is first) is reused


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\n\r\n", b""], ids=["bytes", "end of file"])
async def test_what_has_input_at_rest_is_not_used(room: Room, idempotent: bool, stray: bytes) -> None:  # noqa: FBT001  # a column of the table
    """Unasked bytes and a pending end of file end the connection, also before the loop has read them (MUSTS 4)."""
    first = await room.take()
    room.give(first)
    first.theirs.send(stray) if stray else first.theirs.close()
    assert ((await room.take(idempotent=idempotent)).number, first.open, room.count) == (1, False, (1, 0))


async def test_what_died_at_rest_is_not_used(room: Room) -> None:
    """The next one is tried."""
    first, second = await room.take(), await room.take()
    room.give(first, second)
    second.open = False
    assert await room.take() is first


@pytest.mark.parametrize(("age", "reused"), [(599.0, True), (600.0, False)])
async def test_an_old_connection_ends(room: Room, age: float, reused: bool) -> None:  # noqa: FBT001  # a column of the table
    """`max_age` bounds a connection's whole life, at release and at use."""
    first, second = await room.take(), await room.take()
    room.give(first)
    first.idle_since = room.clock.now + age
    room.clock.now += age
    room.give(second)
    assert (second.open, await room.take() in {first, second}) == (reused, reused)


async def test_no_more_than_connections_at_once(room: Room) -> None:
    """Idle ones are counted: the oldest goes where a new one is needed."""
    first, second = await room.take(), await room.take()
    room.give(first, second)
    room.clock.now += 5
    third = await room.take(idempotent=False)
    assert (room.count, first.open, second.open, third.number) == ((1, 1), False, True, 2)


async def test_who_finds_none_free_waits_in_line(room: Room) -> None:
    """First come, first served, and a newcomer never pushes in."""
    room.make(connections=1)
    first = await room.take()
    line = [await room.waiting(), await room.waiting()]
    room.give(first)
    newcomer = await room.waiting()
    assert await line[0] is first
    assert [line[1].done(), newcomer.done()] == [False, False]
    room.give(first)
    assert await line[1] is first
    room.give(first)
    assert await newcomer is first


async def test_waiting_ends_in_time(room: Room) -> None:
    """503, a key and a Retry-After; the place in line is gone."""
    room.make(connections=1, wait=0.0)
    first = await room.take()
    with pytest.raises(UpstreamBusyError) as raised:
        await room.take()
    room.give(first)
    assert (raised.value.key, raised.value.retry_after, await room.take()) == ("routes.r.pool.connections", 1, first)


@pytest.mark.parametrize("handed_over", [True, False])
async def test_who_leaves_the_line_takes_no_place_along(room: Room, handed_over: bool) -> None:  # noqa: FBT001  # a column of the table
    """Also when its turn had just come: the next in line has it."""
    room.make(connections=1)
    first = await room.take()
    leaves, stays = await room.waiting(), await room.waiting()
    if handed_over:
        room.give(first)
        leaves.cancel()
    else:
        leaves.cancel()
        await asyncio.wait({leaves})
        room.give(first)
    assert (await stays is first, leaves.cancelled()) == (True, True)
    room.give(first)
    assert (await room.take() is first, room.count) == (True, (1, 0))


async def test_a_turn_and_its_timeout_at_once_lose_no_place(room: Room) -> None:
    """Whichever comes first decides, and nothing is left taken."""
    room.make(connections=1, wait=0.0)
    first = await room.take()
    waits = asyncio.create_task(room.take())
    asyncio.get_running_loop().call_soon(room.give, first)
    await asyncio.wait({waits})
    taken = [] if waits.exception() else [waits.result()]
    room.give(*taken)
    assert (await room.take(), room.count) == (first, (1, 0))


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_connection_that_cannot_be_opened_takes_no_place(room: Room, cancelled: bool) -> None:  # noqa: FBT001  # a column of the table
    """Whether it fails or its caller leaves; the next in line tries."""
    room.make(connections=1)
    room.connector.gate.clear()
    fails, stays = await room.waiting(), await room.waiting()
    if cancelled:
        fails.cancel()
    else:
        room.connector.errors.append(UpstreamUnreachableError("no"))
    room.connector.gate.set()
    await asyncio.wait({fails})
    assert ((await stays).number, room.count) == (0, (1, 0))


async def test_the_sweep_ends_what_rested_too_long(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle connections do not wait for the next request to end."""
    first, second = await room.take(), await room.take()
    room.give(first)
    room.clock.now += 20
    room.give(second)
    room.clock.now += 10
    room.pool._sweep_idle()
    assert (first.open, second.open, room.count, room.pool._sweep is not None) == (False, True, (0, 1), True)
    room.pool.close()


async def test_a_closed_pool_keeps_nothing(room: Room) -> None:
    """Idle connections end at once, active ones when they come back."""
    first, second = await room.take(), await room.take()
    room.give(first)
    room.pool.close()
    assert (first.open, second.open) == (False, True)
    room.give(second)
    assert (second.open, room.count) == (False, (0, 0))


async def test_take_gives_what_is_at_rest(room: Room) -> None:
    """The last one in, at once; with none at rest it opens none, and takes no place."""
    assert (room.quick(), room.count) == (None, (0, 0))
    first, second = await room.take(), await room.take()
    room.give(first, second)
    assert [room.quick() for _ in range(3)] == [second, first, None]
    assert room.count == (2, 0)
    room.give(first, second)
    assert (room.count, room.pool._places) == ((0, 2), 0)


async def test_take_does_not_push_in(room: Room) -> None:
    """While somebody waits in line, whoever is quick gets nothing; the place is theirs."""
    first, second = await room.take(), await room.take()
    waiting = await room.waiting()
    room.give(first)
    assert room.quick() is None
    assert await waiting is first
    room.give(second)
    assert room.quick() is second


@pytest.mark.parametrize(
    ("rested", "idempotent", "taken"), [(2.9, False, True), (3.0, False, False), (3.0, True, True), (30.0, True, False)]
)
async def test_take_judges_as_acquire_does(room: Room, rested: float, idempotent: bool, taken: bool) -> None:  # noqa: FBT001  # columns of the table
    """What must not be sent twice takes only a connection that is surely alive; nobody takes a spent one."""
    first = await room.take()
    room.give(first)
    room.clock.now += rested
    assert (room.quick(idempotent=idempotent) is first) is taken
    assert room.pool._places == taken


async def test_take_meets_a_connection_that_had_ended(room: Room) -> None:
    """It ends it, and looks at the next."""
    first, second = await room.take(), await room.take()
    room.give(first, second)
    second.theirs.close()
    assert (room.quick(), second.open, room.count) == (first, False, (1, 0))


async def test_a_closed_pool_has_nothing_to_take(room: Room) -> None:
    """Its connections are gone."""
    room.give(await room.take())
    room.pool.close()
    assert room.quick() is None
