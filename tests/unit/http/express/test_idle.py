"""proxy/http/express/idle.py: how long a connection may rest."""

from __future__ import annotations

from typing import Any, cast

from proxy.http.express.idle import Idle


class Room:
    """A clock, and the only timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: float | None = None
        self.callback: Any = None
        self.busy = False
        self.slow = False  # an end waits for the caller
        self.ends: list[float] = []
        self.idle = Idle(10, cast("Any", self), lambda: self.now, rests=lambda: not self.busy, end=self.end)

    def end(self) -> None:
        self.ends.append(self.now)
        if not self.slow:
            self.idle.stop()  # as a connection that is lost does

    def call_later(self, delay: float, callback: Any) -> Room:
        self.at, self.callback = self.now + delay, callback
        return self

    def cancel(self) -> None:
        self.at = None

    def until(self, moment: float) -> list[float]:
        """What ended until then."""
        while self.at is not None and self.at <= moment:
            self.now, self.at = self.at, None
            self.callback()
        self.now = moment
        return self.ends


def test_a_connection_that_never_asks() -> None:
    """It ends after the limit, once."""
    assert Room().until(100) == [10]


def test_a_rest_begins_with_the_last_answer() -> None:
    """However many came before, one timer is enough."""
    room = Room()
    for moment in (3, 6, 9):
        room.until(moment)
        room.idle.begin()
    assert room.until(100) == [19]


def test_what_is_busy_does_not_rest() -> None:
    """However long it takes."""
    room = Room()
    room.busy = True
    assert room.until(95) == []
    room.busy = False
    room.idle.begin()
    assert room.until(200) == [105]


def test_an_end_that_waits_is_looked_at_again() -> None:
    """A caller that takes nothing holds its connection no longer than another limit."""
    room = Room()
    room.slow = True
    assert room.until(35) == [10, 20, 30]


def test_a_stopped_timer_ends_nothing() -> None:
    """The connection is gone, or somebody else's."""
    room = Room()
    room.idle.stop()
    assert room.until(100) == []
