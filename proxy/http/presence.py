"""Whether a caller is still there, where its connection does not say so: half closed, or not read for now.

Nothing is made and nothing is done for a caller that is neither.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

UNREAD_PROBE = 1.0  # seconds between two looks at a client whose upload is not read for now
HALF_CLOSED_PROBE = 1.0  # seconds between two looks at a client that closed its sending side
STILL_LOOKS = 2  # looks at which nothing had been written, before an answer that has begun is given up
_LINGER_0 = struct.pack("ii", 1, 0)  # SO_LINGER: a close becomes a reset
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Watched(Protocol):
    """A caller's connection, as far as its presence shows in it."""

    begun: bool  # a byte of the final response was written
    written: int  # bytes of responses written so far

    @property
    def transport(self) -> asyncio.Transport | None:
        """None once it is lost."""

    @property
    def writing_paused(self) -> bool:
        """Whether the caller takes no more for now."""

    @property
    def may_continue(self) -> bool:
        """Whether an HTTP/1.1 request waits for the first byte of its answer."""


class Presence:
    """Looks after one caller, and aborts the connection of one that left."""

    __slots__ = ("_caller", "_guard", "_late", "_loop", "_probe", "_still", "_written")

    def __init__(self, caller: Watched, loop: asyncio.AbstractEventLoop) -> None:
        self._caller = caller
        self._loop = loop
        self._probe: asyncio.TimerHandle | None = None
        self._guard: asyncio.TimerHandle | None = None
        self._late = False  # it closed its sending side in the middle of an answer: more likely gone than waiting
        self._written = -1  # bytes, at the last look
        self._still = 0

    def half_closed(self) -> None:
        """It closed its sending side, and may still wait for its answer (RFC 9112 §9.6)."""
        self._late = self._caller.begun
        self._watch()

    def unread(self) -> None:
        """What it sends is not read from now on."""
        if self._guard is None:
            self._guard = self._loop.call_later(UNREAD_PROBE, self._look_unread)

    def read_again(self) -> None:
        """What it sends is read again; the loop sees it leave."""
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    def stop(self) -> None:
        """Look no more."""
        self.read_again()
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _watch(self) -> None:
        self._still = self._still + 1 if self._caller.written == self._written else 0
        self._written = self._caller.written
        self._probe = self._loop.call_later(HALF_CLOSED_PROBE, self._look)

    def _look(self) -> None:
        """Is the half-closed caller still there? One that left answers any byte with a reset."""
        self._probe = None
        caller = self._caller
        transport = caller.transport
        if transport is None:
            return
        if caller.may_continue:
            transport.write(_CONTINUE)  # RFC 9110 §15.2.1: skipped by all, those too that skip no other 1xx
        elif self._late and self._still >= STILL_LOOKS and caller.written == self._written and not caller.writing_paused:
            transport.abort()  # an answer that stands still to a caller that sends nothing more
            return
        self._watch()

    def _look_unread(self) -> None:
        """Who is not read for now may have left; neither loop sees a reset then."""
        self._guard = None
        transport = self._caller.transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is None or _was_reset(sock.fileno()):
            transport.abort()
        else:
            self.unread()


def cut(transport: asyncio.Transport) -> None:
    """End the connection so that the caller sees an answer cut short: a reset, not an end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
    transport.abort()


def _was_reset(descriptor: int) -> bool:
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, 0)  # errors and resets are told unasked
    return bool(poll.poll(0))
