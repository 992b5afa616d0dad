"""proxy/http/presence.py: whether a caller is still there."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from proxy.http.presence import HALF_CLOSED_PROBE, STILL_LOOKS, UNREAD_PROBE, Presence

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass
class Timer:
    """What a loop returns for a call to come."""

    delay: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clock:
    """A loop, as far as it tells the time."""

    timers: list[Timer] = field(default_factory=list)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(delay, callback))
        return self.timers[-1]

    @property
    def running(self) -> list[Timer]:
        return [timer for timer in self.timers if not timer.cancelled]

    def tick(self) -> None:
        """The time of every timer has come."""
        timers, self.timers = self.running, []
        for timer in timers:
            timer.callback()


@dataclass
class Transport:
    """A transport that keeps what is written."""

    sock: socket.socket | None = None
    sent: list[bytes] = field(default_factory=list)
    aborted: bool = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def abort(self) -> None:
        self.aborted = True

    def get_extra_info(self, _name: str) -> socket.socket | None:
        return self.sock


class Caller:
    """A connection, watched."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self.made = Transport(sock)
        self.transport: asyncio.Transport | None = cast("asyncio.Transport", self.made)
        self.begun = False
        self.written = 0
        self.writing_paused = False
        self.may_continue = True
        self.clock = Clock()
        self.presence = Presence(self, cast("Any", self.clock))

    def begin(self) -> None:
        """The first byte of an answer is written."""
        self.begun, self.may_continue, self.written = True, False, self.written + 1


def test_nothing_is_done_for_who_is_there() -> None:
    """No timer, and stopping needs none."""
    caller = Caller()
    caller.presence.stop()
    caller.presence.read_again()
    assert caller.clock.timers == []


def test_who_waits_half_closed_is_asked() -> None:
    """Once a second, until the answer begins (RFC 9110 §15.2.1)."""
    caller = Caller()
    caller.presence.half_closed()
    assert [timer.delay for timer in caller.clock.running] == [HALF_CLOSED_PROBE]
    caller.clock.tick()
    caller.clock.tick()
    caller.begin()
    caller.clock.tick()
    assert (caller.made.sent, caller.made.aborted, len(caller.clock.running)) == ([CONTINUE, CONTINUE], False, 1)


def test_nobody_else_is_asked() -> None:
    """HTTP/1.0 knows no interim answers."""
    caller = Caller()
    caller.may_continue = False
    caller.presence.half_closed()
    for _ in range(10):
        caller.clock.tick()
    assert (caller.made.sent, caller.made.aborted, len(caller.clock.running)) == ([], False, 1)


@pytest.mark.parametrize(
    ("late", "grows", "paused", "given_up"),
    [(True, False, False, True), (False, False, False, False), (True, True, False, False), (True, False, True, False)],
)
def test_an_answer_that_stands_still_is_given_up(*, late: bool, grows: bool, paused: bool, given_up: bool) -> None:
    """Where the caller closed in its middle, and nothing waits for the caller to take it."""
    caller = Caller()
    if late:
        caller.begin()
    caller.presence.half_closed()
    if not late:
        caller.begin()
    caller.writing_paused = paused
    looks = 0
    while caller.clock.running and looks < 10:
        looks += 1
        caller.written += grows
        caller.clock.tick()
    assert (caller.made.aborted, looks, caller.made.sent) == (given_up, STILL_LOOKS + 1 if given_up else 10, [])


def test_a_stopped_watch_is_over() -> None:
    """No timer stays, whatever ran."""
    caller = Caller()
    caller.presence.half_closed()
    caller.presence.unread()
    caller.presence.stop()
    assert caller.clock.running == []


@pytest.mark.parametrize("watch", [Presence.half_closed, Presence.unread])
def test_a_lost_connection_is_let_go(watch: Callable[[Presence], None]) -> None:
    """A look at one ends the watch."""
    caller = Caller()
    watch(caller.presence)
    caller.transport = None
    caller.clock.tick()
    assert (caller.clock.running, caller.made.sent) == ([], [])


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        left = socket.create_connection(server.getsockname())
        right, _ = server.accept()
        with left, right:
            yield left, right


def stay(_sock: socket.socket) -> None:
    """It stays."""


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def half_close(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(("how", "gone"), [(stay, False), (reset, True), (half_close, False)])
def test_who_is_not_read_is_looked_at(
    pair: tuple[socket.socket, socket.socket], how: Callable[[socket.socket], None], *, gone: bool
) -> None:
    """Once a second; a reset ends the connection, an end in order is read in its turn."""
    caller = Caller(pair[0])
    caller.presence.unread()
    caller.presence.unread()
    assert [timer.delay for timer in caller.clock.running] == [UNREAD_PROBE]
    how(pair[1])
    caller.clock.tick()
    assert (caller.made.aborted, len(caller.clock.running)) == (gone, 0 if gone else 1)
    caller.presence.read_again()
    assert caller.clock.running == []


@pytest.mark.parametrize("closed", [True, False])
def test_a_socket_that_is_gone_is_no_caller(*, closed: bool) -> None:
    """Its connection is ended."""
    sock = socket.socket()
    sock.close()
    caller = Caller(sock if closed else None)
    caller.presence.unread()
    caller.clock.tick()
    assert caller.made.aborted
