"""proxy/http/express/ticks.py: deadlines that are looked at together."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from proxy.http.express.ticks import TICK, Ticker


class Loop:
    """Keeps what is to be called later, and calls it when it is told."""

    def __init__(self) -> None:
        self.timers: list[asyncio.TimerHandle] = []
        self.now = 100.0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: object) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, callback, (), cast("asyncio.AbstractEventLoop", self))  # type: ignore[arg-type]
        self.timers.append(handle)
        return handle

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, object]) -> None:
        raise cast("Exception", context["exception"])

    def _timer_handle_cancelled(self, _handle: object) -> None:
        """asyncio's loop counts these."""

    def tick(self) -> None:
        """The next tick."""
        handles, self.timers = [handle for handle in self.timers if not handle.cancelled()], []
        self.now += TICK
        for handle in handles:
            handle._run()

    @property
    def ticking(self) -> bool:
        return any(not handle.cancelled() for handle in self.timers)


class Room:
    """A ticker whose clock the test sets."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.ticker = Ticker(cast("asyncio.AbstractEventLoop", self.loop), self.loop.time)
        self.late: list[str] = []

    def waiting(self, name: str, seconds: float) -> Waiting:
        waiting = Waiting(self, name, self.loop.now + seconds)
        self.ticker.watch(waiting)
        return waiting


class Waiting:
    """What waits; `fails` and `ends` say what it does when it is late."""

    def __init__(self, room: Room, name: str, deadline: float) -> None:
        self.room, self.name, self.deadline = room, name, deadline
        self.again = 0.0  # seconds
        self.fails = False
        self.ends: Waiting | None = None

    def late(self) -> None:
        self.room.late.append(self.name)
        if self.ends is not None:
            self.room.ticker.forget(self.ends)
        if self.fails:
            raise ValueError(self.name)
        if self.again:
            self.deadline, self.again = self.room.loop.now + self.again, 0.0
            self.room.ticker.watch(self)


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_deadline_is_noticed_within_a_tick(room: Room) -> None:
    """Not before its moment, and once."""
    room.waiting("a", 2.5 * TICK)
    seen = []
    for _ in range(4):
        room.loop.tick()
        seen.append(list(room.late))
    assert seen == [[], [], ["a"], ["a"]]


def test_who_is_forgotten_is_never_late(room: Room) -> None:
    """Also where its deadline has passed; and forgetting twice does no harm."""
    waiting = room.waiting("a", 0)
    room.waiting("b", 0)
    room.ticker.forget(waiting)
    room.ticker.forget(waiting)
    room.loop.tick()
    assert room.late == ["b"]


def test_a_deadline_that_moves(room: Room) -> None:
    """What counts is what it says at the tick."""
    waiting = room.waiting("a", TICK)
    for _ in range(3):
        waiting.deadline = room.loop.now + 2 * TICK
        room.loop.tick()
    assert room.late == []


def test_who_is_late_may_wait_again(room: Room) -> None:
    """In the same step."""
    room.waiting("a", TICK).again = TICK
    room.loop.tick()
    room.loop.tick()
    assert room.late == ["a", "a"]


def test_one_timer_for_all_and_none_for_nobody(room: Room) -> None:
    """However many wait; it goes a tick after the last of them, and comes back with the next."""
    for number in range(100):
        room.waiting(str(number), TICK)
    assert len(room.loop.timers) == 1
    room.loop.tick()
    assert (len(room.late), len(room.loop.timers)) == (100, 1)
    room.loop.tick()
    assert not room.loop.ticking
    room.waiting("a", TICK)
    assert room.loop.ticking


def test_one_that_fails_stops_no_other(room: Room) -> None:
    """A fault of ours in one call's end costs no other call its deadline."""
    room.waiting("bad", TICK).fails = True
    room.waiting("a", 2 * TICK)
    with pytest.raises(ValueError, match="bad"):
        room.loop.tick()
    room.loop.tick()
    room.waiting("b", 0)
    room.loop.tick()
    assert room.late == ["bad", "a", "b"]


def test_one_that_fails_stops_none_of_its_tick(room: Room) -> None:
    """The others of the same tick are late at the next one."""
    for name in "abc":
        room.waiting(name, TICK).fails = True
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^[abc]$"):
            room.loop.tick()
    room.loop.tick()
    assert (sorted(room.late), room.loop.ticking) == (["a", "b", "c"], False)


def test_one_that_ends_another(room: Room) -> None:
    """Who was forgotten by one that was late before it in the same tick is not late."""
    first, second = room.waiting("a", TICK), room.waiting("b", TICK)
    first.ends, second.ends = second, first
    room.loop.tick()
    assert len(room.late) == 1


def test_a_stopped_ticker_looks_at_nothing(room: Room) -> None:
    """At the end of a stop nothing is left."""
    room.waiting("a", 0)
    room.ticker.stop()
    room.ticker.stop()
    assert not room.loop.ticking
    room.loop.tick()
    assert room.late == []
