"""One caller's connection on the express lane: cuts plain requests, has them served in order, hands over what is not plain.

One request is served at a time; bytes of the next ones wait, up to a bound, and reading pauses beyond it.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from proxy.errors import HeadTimeoutError
from proxy.http.express.exchange import Exchange
from proxy.http.express.idle import Idle
from proxy.http.express.writing import Writing
from proxy.http.plain import may_be_plain
from proxy.http.presence import Presence

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from proxy.http.express.arriving import Arriving
    from proxy.http.express.server import ExpressServer

PIPELINE_LIMIT = 64 << 10  # bytes kept of requests that came before their turn
AT_ONCE = 64 << 10  # bytes of a body that are waited for until the next tick, before it is sent on as it comes
Phase = Literal["rest", "head", "body", "linger"]
LINGER = 10.0  # seconds that a caller may go on sending a body that nobody wants, so that it sees its answer


class Front(Writing):
    """One caller's connection."""

    __slots__ = (
        "_buffer",
        "_exchange",
        "_half_closed",
        "_idle",
        "_lane",
        "_payload",
        "_phase",
        "_presence",
        "_reading_held",
        "_retired",
        "_task",
        "_wanted",
        "deadline",
        "plans",
    )

    def __init__(self, lane: ExpressServer) -> None:
        super().__init__()
        self._lane = lane
        self._buffer = b""  # of requests that wait for their turn, or are not whole
        self._wanted = 0  # bytes of the buffer that make a whole request
        self._exchange: Exchange | None = None  # what is being served at a glance
        self._task: asyncio.Task[bool] | None = None  # or takes the walk
        self._payload: Arriving | None = None  # of the request in service, as long as it is not all here
        self._phase: Phase = "rest"  # what the deadline is of
        self.plans = lane.plans()
        self._presence = Presence(self, lane.loop)
        self._reading_held = False
        self._half_closed = False
        self._retired = lane.retired
        self.deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._lane.fronts.add(self)
        self._idle = Idle(self._lane.limits.idle_timeout, self._lane.loop, self._lane.clock, rests=self._rests, end=self.end_rest)

    def data_received(self, data: bytes) -> None:
        if self._payload is not None and not (data := self._feed(self._payload, data)):
            return
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) >= self._wanted and not self._busy:
            self._next()
        if len(self._buffer) > PIPELINE_LIMIT:
            self._regulate()

    def eof_received(self) -> bool:
        """A caller may close its sending side and still wait for its answer (RFC 9112 §9.6)."""
        if self._payload is not None:
            self._payload.fail(ConnectionResetError("the client left in the middle of the body"))
        if self._payload is not None or not (self._busy or self._held_back):
            return False
        self._half_closed = True
        self._presence.half_closed()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._lane.forget(self)
        if self._exchange is not None:
            self._exchange.client_left()  # which still asks the transport for the caller's address
        self.transport = None
        self._idle.stop()
        self._presence.stop()
        if self._payload is not None:
            self._payload.fail(ConnectionResetError("the client left in the middle of the body"))
        if self._task is not None:
            self._lane.loop.call_soon(self._task.cancel)  # not before its first step, which makes its walk responsible for its end
        self._wake(ConnectionResetError("the client left"))

    def pause_writing(self) -> None:
        self.writing_paused = True
        if self._exchange is not None:
            self._exchange.hold()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._exchange is not None:
            self._exchange.resume()
        elif not self._wake() and not self._busy and self._buffer:
            self._go_on()

    @property
    def closing(self) -> bool:
        """Whether the connection ends after this answer."""
        return self._retired or (self._half_closed and not self._buffer)

    @property
    def may_continue(self) -> bool:
        """Whether a request waits for the first byte of its answer."""
        return not self.begun and self._busy

    def _rests(self) -> bool:
        return not self._busy and (self.stands_still() if self.pending else not self._buffer)

    @property
    def _held_back(self) -> bool:
        """Whether a request may be here that waits until the caller takes what was written."""
        return self.writing_paused and bool(self._buffer)

    @property
    def _busy(self) -> bool:
        return self._exchange is not None or self._task is not None or self._phase == "linger"

    def _next(self) -> None:
        """Serve the request that the buffer begins with, if it is whole; nothing is being served."""
        buffer = self._buffer
        if self.writing_paused or not buffer:
            return
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._wait_for_head(buffer)
            return
        limits = self._lane.limits
        plan = self.plans.of(self._lane.handler(), buffer[: end + 2], limits.max_headers) if end <= limits.head_limit else None
        if plan is None:
            self._hand_over()
            return
        start, length = end + 4, plan.fields.length or 0
        here = len(buffer) - start
        if here < length <= AT_ONCE and self._phase != "body":
            self._wanted = start + length
            self._wait("body", 0.0)
            return
        self._stop_waiting()
        exchange = Exchange(self, plan, buffer[start : start + length] if length else b"")
        self._buffer = buffer[start + length :]
        if here < length or not exchange.begin():
            payload = exchange.serve(self._regulate)
            self._payload = None if payload.is_eof() else payload

    def began(self, exchange: Exchange) -> None:
        """The request is being served at a glance."""
        self._exchange = exchange
        self._lane.ticker.watch(exchange)

    def over(self, exchange: Exchange) -> None:
        """It is no more."""
        self._exchange = None
        self._lane.ticker.forget(exchange)

    def walk(self, walking: Coroutine[None, None, bool]) -> None:
        """The request is being served by the walk, until it says whether the connection may serve another."""
        self._task = self._lane.loop.create_task(walking)
        self._lane.own(self._task)
        self._task.add_done_callback(self._walked)

    def _walked(self, task: asyncio.Task[bool]) -> None:
        self._task = None
        if not task.cancelled() and (failed := task.exception()) is not None:  # a fault of ours, outside its walk
            logging.getLogger(__name__).error("a call failed outside its walk", exc_info=failed)
            self.cut()
            return
        self.answered(keep_alive=not task.cancelled() and task.result())

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is complete."""
        self.begun = False
        if self.transport is not None and keep_alive:
            self._idle.begin()
            self._go_on()
        elif self.transport is not None:
            self._end()

    def _go_on(self) -> None:
        """Serve the next request, where it is here; nothing is being served."""
        if self._buffer:
            self._next()
        if self._reading_held:
            self._regulate()
        if (self._retired or self._half_closed) and not (self._busy or self._held_back):
            self.close()  # no whole request is left, and none will come

    def close(self) -> None:
        """Serve nothing more (RFC 9112 §9.6), and end the connection when everything is sent."""
        self._buffer = b""
        super().close()

    def _end(self) -> None:
        """Close; where the rest of the request still comes, it is thrown away first, since a reset would cost the caller its answer."""
        if self._payload is None:
            self.close()
        else:
            self._payload.forget()
            self._regulate()
            self._wait("linger", LINGER)

    def _feed(self, payload: Arriving, data: bytes) -> bytes:
        rest = payload.feed(data)
        if payload.is_eof():
            self._payload = None
            if self._phase == "linger":
                self.close()
        self._regulate()
        return rest

    def _regulate(self) -> None:
        """Read as long as there is room for what comes."""
        waiting = self._busy or self.writing_paused
        hold = (waiting and len(self._buffer) > PIPELINE_LIMIT) or (self._payload is not None and self._payload.full)
        if hold == self._reading_held or self.transport is None:
            return
        self._reading_held = hold
        if hold:
            self.transport.pause_reading()
            self._presence.unread()
        else:
            self.transport.resume_reading()
            self._presence.read_again()

    def _hand_over(self) -> None:
        """From this request on, aiohttp's protocol serves the connection, until everything that came is answered."""
        transport, data = self.transport, self._buffer
        if transport is None:
            return
        self._stop_waiting()
        self._idle.stop()
        self._presence.stop()
        self._lane.fronts.discard(self)
        self.transport, self._buffer = None, b""
        if self._reading_held:
            self._reading_held = False
            transport.resume_reading()
        self._lane.clients.take(
            transport, data, back=partial(self._take_back, transport), writing_paused=self.writing_paused, half_closed=self._half_closed
        )

    def _take_back(self, transport: asyncio.Transport) -> None:
        transport.set_protocol(self)
        self.writing_paused = False
        self.connection_made(transport)

    def _wait_for_head(self, buffer: bytes) -> None:
        if len(buffer) > self._lane.limits.head_limit or not may_be_plain(buffer):
            self._hand_over()
        elif self._phase != "head":
            self._wait("head", self._lane.limits.head_timeout)

    def _wait(self, phase: Phase, seconds: float) -> None:
        self._phase = phase
        self.deadline = self._lane.clock() + seconds
        self._lane.ticker.watch(self)

    def _stop_waiting(self) -> None:
        if self._phase != "rest":
            self._phase, self._wanted = "rest", 0
            self._lane.ticker.forget(self)

    def late(self) -> None:
        """What was waited for did not come in time."""
        match self._phase:
            case "head":
                error = HeadTimeoutError("the request head did not arrive in time", key="listeners[].head_timeout")
                self._lane.handler().refuse(self, error)
                self._end()
            case "body":
                self._next()
            case _:
                self.force_close()

    def retire(self) -> None:
        """Close now if idle, else after the answer in progress; its body is still received."""
        self._retired = True
        if not (self._busy or self._held_back):
            self.close()
