"""One HTTP/1.1 connection to an upstream: an exchange at a time, flow control both ways.

Bytes after a complete response, or on an idle connection, end it: they are nobody's answer.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from typing import TYPE_CHECKING, Protocol, cast

from proxy.errors import UpstreamClosedError, UpstreamResponseInvalidError, UpstreamTLSError
from proxy.http.response import ResponseReader
from proxy.http.wire import NO_BODY, MalformedError

if TYPE_CHECKING:
    from proxy.http.wire import Framing, ResponseHead

HIGH_WATER = 256 << 10  # bytes kept before reading pauses
LOW_WATER = 64 << 10
PEEK_PAUSE = 0.05  # seconds without a new byte after which a body is judged by what is here
PEEK_TOTAL = 1.0  # seconds that a peek may take in all


class BodyCutError(Exception):
    """The response body ended before its end, or was malformed."""


class Receiver(Protocol):
    """Takes the bytes of a response as they come."""

    def received(self, data: bytes) -> None:
        """The next bytes."""

    def ended(self) -> None:
        """There will be no more."""


class Connection(asyncio.Protocol):
    """A connection; `begin`, `write`, `head`, `read` make an exchange, `reusable` says what may follow.

    An exchange may begin as `lend`, whose receiver takes the bytes of the response itself: it ends it by `settle`, or gives back by
    `read_on` what it took, and `head` and `read` go on as if they had been there from the start.
    """

    def __init__(self, key: str) -> None:
        self._key = key  # `routes.NAME`, to name what repairs a failure
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._response: ResponseReader | None = None  # None while idle or lent
        self._receiver: Receiver | None = None  # who has it on loan
        self._clean = False  # what the receiver said of its exchange
        self._poll = select.poll()
        self._pending = self._poll.poll
        self._failure: Exception | None = None
        self._kept = 0  # bytes of the body that wait for `read`
        self._reading_paused = False
        self._writing_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._drain_waiter: asyncio.Future[None] | None = None
        self.used = 0  # exchanges begun
        self.created = self._loop.time()
        self.idle_since = self.created

    # the exchange

    def begin(self, method: bytes) -> None:
        """A new exchange; the response to HEAD has no body (RFC 9110 §9.3.2)."""
        self._response = ResponseReader(method)
        self.used += 1

    def lend(self, receiver: Receiver, request: bytes) -> None:
        """A new exchange: `request` is sent, and its response goes to `receiver` as it comes."""
        self._receiver = receiver
        self.used += 1
        if self._transport is not None:
            self._transport.write(request)

    def read_on(self, method: bytes, taken: bytes) -> None:
        """The receiver gives back the response to `method`, with all that it took of it."""
        self._receiver = None
        self._response = ResponseReader(method)
        if taken:
            self.data_received(taken)

    def settle(self, *, clean: bool) -> None:
        """The receiver has the whole response, or wants no more; `clean`: the connection may serve another exchange."""
        self._receiver, self._clean = None, clean

    def hold(self) -> None:
        """No more is taken for now."""
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """More is taken."""
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send `data`; what a dead connection cannot take is lost, and `head` or `drain` says so."""
        if self._transport is not None:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the transport takes more.

        Raises:
            UpstreamClosedError: the connection ended.
        """
        if self._transport is None:
            raise UpstreamClosedError("the connection ended while the request was sent")
        if self._writing_paused:
            self._drain_waiter = self._loop.create_future()
            try:
                await self._drain_waiter
            finally:
                self._drain_waiter = None

    async def head(self) -> ResponseHead:
        """The next response head: interim ones (1xx) first, then the final one.

        Raises:
            UpstreamClosedError: the connection ended first.
            UpstreamResponseInvalidError: what came is not HTTP/1.1.
            UpstreamTLSError: TLS ended the connection.
        """
        while True:
            if self._response is not None and self._response.heads:
                return self._response.heads.popleft()
            if self._failure is not None:
                raise self._failure
            await self._wait()

    async def read(self) -> bytes:
        """The next bytes of the body, without chunk framing; b"" at its end.

        Raises:
            BodyCutError: the body ended early.
        """
        while True:
            response = self._response
            if response is None or (response.done and not response.pieces):
                return b""
            if response.pieces:
                break
            if self._failure is not None:
                raise self._failure
            await self._wait()
        data = response.pieces.popleft() if len(response.pieces) == 1 else b"".join(response.pieces)
        response.pieces.clear()
        self._kept = 0
        self.go_on()
        return data

    async def peek(self, size: int, *, pause: float = PEEK_PAUSE, total: float = PEEK_TOTAL) -> bytes:
        """Up to the first `size` bytes of the body; they are read again by `read`.

        Fewer where the body ends, is cut, brings nothing for `pause` seconds, or takes longer than `total` seconds.
        """
        start = b""
        try:
            async with asyncio.timeout(total):
                while len(start) < size and (piece := await self._soon(pause)):
                    start += piece
        except (BodyCutError, TimeoutError):
            pass  # the relay meets a cut again, and waits as long as it may
        if start and self._response is not None:
            self._response.pieces.appendleft(start)
            self._kept += len(start)
        return start[:size]

    async def _soon(self, seconds: float) -> bytes:
        async with asyncio.timeout(seconds):
            return await self.read()

    def has_input(self) -> bool:
        """Whether `read` returns, or fails, without waiting."""
        response = self._response
        return response is None or bool(response.pieces) or response.done or self._failure is not None

    @property
    def framing(self) -> Framing:
        """Where the body ends, once the final head has arrived."""
        return (self._response and self._response.framing) or NO_BODY

    @property
    def answered(self) -> bool:
        """Whether a byte of this exchange's response has arrived."""
        return self._response is not None and self._response.begun

    def finished(self) -> bool:
        """Whether the whole response has arrived."""
        return self._response is not None and self._response.done

    def reusable(self) -> bool:
        """Whether another exchange may follow."""
        response = self._response
        clean = self._clean if response is None else response.done and response.keep_alive and not response.spilled
        return clean and self._open()

    def rest(self) -> None:
        """The exchange is over; from now on any byte ends the connection."""
        self._response, self._clean = None, False
        self._kept = 0
        self.idle_since = self._loop.time()
        if self._reading_paused:
            self.go_on()

    def alive(self) -> bool:
        """Whether the idle connection still stands, and nothing came on it unasked; an end of file counts as something."""
        transport = self._transport
        standing = self._failure is None and transport is not None and not transport.is_closing()
        return standing and self._response is None and not self._pending(0)

    def abort(self) -> None:
        """End the connection now."""
        self._fail(UpstreamClosedError("the connection was ended"))
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)
        self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.received(data)
            return
        response = self._response
        if response is None or self._failure is not None:
            self.abort()
            return
        try:
            self._kept += response.feed(data)
        except MalformedError as exc:
            self._fail(BodyCutError(str(exc)) if response.in_body else UpstreamResponseInvalidError(str(exc)))
            self.abort()
            return
        if response.spilled and self._transport is not None:
            self._transport.abort()
        elif self._kept > HIGH_WATER:
            self.hold()
        self._wake()

    def eof_received(self) -> bool:
        if self._response is not None and self._failure is None:
            self._response.feed_eof()
            self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._receiver is not None:
            self._receiver.ended()
        if self._response is not None and self._response.in_body:
            self._fail(BodyCutError("the response body was cut"))
        elif isinstance(exc, ssl.SSLError):  # TLS 1.3: a client certificate is refused only now
            facts = "the upstream ended TLS, as when it wants a client certificate"
            self._fail(UpstreamTLSError(facts, key=f"{self._key}.tls.cert", log_detail=str(exc)))
        else:
            kind = "was reset" if exc is not None else "ended"
            self._fail(UpstreamClosedError(f"the connection {kind} before a response"))
        if self._drain_waiter is not None and not self._drain_waiter.done():
            self._drain_waiter.set_exception(UpstreamClosedError("the connection ended while the request was sent"))

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._drain_waiter is not None and not self._drain_waiter.done():
            self._drain_waiter.set_result(None)

    def _open(self) -> bool:
        return self._failure is None and self._transport is not None and not self._transport.is_closing()

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        self._wake()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
