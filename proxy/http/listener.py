"""aiohttp's server, made fit for a proxy: strict heads, a parser per message, limits in time and size, half-closed clients.

Any doubt about framing ends the connection, and none of the doubtful bytes are forwarded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from aiohttp.web_request import BaseRequest

from proxy.errors import HeadTimeoutError, ProxyError
from proxy.http.cutter import Limits, RefusedError, RequestCutter
from proxy.http.presence import Presence, cut

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from proxy.http.call import Client
    from proxy.http.wire import RequestHead


class Incoming(BaseRequest):
    """A request with its head as it came; None only where the head was refused."""

    ATTRS = BaseRequest.ATTRS | frozenset({"head"})
    head: RequestHead | None = None

    @property
    def client(self) -> ClientProtocol:
        """The connection it came on."""
        return cast("ClientProtocol", self._protocol)


class Answered:
    """What aiohttp takes for a response whose bytes have been written already."""

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive

    async def prepare(self, _request: BaseRequest) -> None:
        """Nothing is left to do."""

    async def write_eof(self) -> None:
        """Nothing is left to do."""

    @staticmethod
    def of(*, keep_alive: bool) -> web.StreamResponse:
        """An Answered in the type that aiohttp's handlers return."""
        return cast("web.StreamResponse", Answered(keep_alive=keep_alive))


class ClientProtocol(RequestHandler):
    """One caller's connection."""

    __slots__ = (
        "_back",
        "_presence",
        "_retired",
        "begun",
        "cutter",
        "half_closed",
        "refuse",
        "written",
    )

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        refuse: Callable[[Client, ProxyError], None],
        retired: bool = False,
    ) -> None:
        super().__init__(manager, loop=loop, keepalive_timeout=limits.idle_timeout, access_log=cast("Any", None), auto_decompress=False)
        self.cutter = RequestCutter(self, self, loop, limits)
        self._parser = cast("Any", self.cutter)
        self.refuse = refuse
        self.begun = False  # a byte of the final response was written
        self.half_closed = False
        self.written = 0
        self._presence = Presence(self, loop)
        self._retired = retired
        self._back: Callable[[], None] | None = None

    @property
    def closing(self) -> bool:
        """Whether the connection ends after this answer."""
        return self._retired or self.cutter.broken or (self.half_closed and not self.cutter.pending)

    @property
    def may_continue(self) -> bool:
        """Whether an HTTP/1.1 request waits for the first byte of its answer."""
        head = self.cutter.head
        return not self.begun and head is not None and bool(head.minor)

    def take(self, transport: asyncio.Transport, data: bytes, *, back: Callable[[], None]) -> None:
        """Serve a connection that another protocol began; see ClientServer.take."""
        self._back = back
        self.connection_made(transport)
        transport.set_protocol(self)
        self.data_received(data)

    def retire(self) -> None:
        """Close now if idle, else after the answer in progress; its body is still received."""
        self._retired = True
        if not (self.cutter.busy or self._request_in_progress or self._messages) and self.transport is not None:
            self.transport.close()

    def write(self, data: bytes) -> None:
        """Send bytes to the caller.

        Raises:
            ConnectionResetError: the caller left.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        self.written += len(data)
        transport.write(data)

    async def drain(self) -> None:
        """Wait until the caller takes more.

        Raises:
            ConnectionError: the caller left.
        """
        if self._paused or self.transport is None:
            await self._drain_helper()

    def cut(self) -> None:
        """End the connection so that the caller sees an answer cut short: a reset, not an end."""
        if self.transport is not None:
            cut(self.transport)

    def force_close(self) -> None:
        """The end of a stop: an answer in progress is cut, since an end would make it look whole."""
        if self.begun:
            self.cut()
        super().force_close()

    def hold_reading(self, *, hold: bool) -> None:
        """Pause or resume reading because of requests that came before their turn."""
        if hold and not self._buffer_paused:
            self._pause_reading_for_buffer()
        elif not hold and self._buffer_paused:
            self._resume_reading_for_buffer()

    def head_timed_out(self) -> None:
        """The head did not arrive in time: 408 and close."""
        error = HeadTimeoutError("the request head did not arrive in time", key="listeners[].head_timeout")
        self.cutter.stop()
        self._messages.append((_ErrInfo(status=408, exc=RefusedError(error), message=error.facts), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        result = await super().finish_response(request, resp, start_time)
        self.begun = False
        pending = self.cutter.answered()
        if not resp.keep_alive:
            return result
        if pending:
            self.data_received(b"")
        if (self._retired or self.half_closed) and not self.cutter.busy and not self._messages:
            self.close()  # no whole request is left, and none will come
        elif self._back is not None and self._idle:
            self._give_back(self._back)
        return result

    def handle_error(
        self,
        request: BaseRequest,  # noqa: ARG002  # aiohttp's signature
        status: int = 500,  # noqa: ARG002
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """A problem+json answer instead of aiohttp's text."""
        if isinstance(exc, RefusedError):
            self.refuse(self, exc.error)
        else:  # a fault of ours, and an answer may have gone out already
            self.log_exception("a call failed outside its walk", exc_info=exc)
            self.cut()
        return Answered.of(keep_alive=False)

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp returns None and so closes; asyncio takes a bool
        """A client may close its sending side and still wait for its answer (RFC 9112 §9.6)."""
        self.half_closed = True
        if not self.cutter.end() and not self._messages:
            return False
        self._presence.half_closed()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        self._presence.stop()
        self.cutter.stop()
        super().connection_lost(exc)

    def _pause_transport_reading(self) -> None:
        super()._pause_transport_reading()
        self._presence.unread()

    def _resume_transport_reading(self) -> None:
        super()._resume_transport_reading()
        self._presence.read_again()

    @property
    def _idle(self) -> bool:
        """Whether nothing is left of the requests so far, and nothing stands in the way of another."""
        transport = self.transport
        held = self._paused or self._reading_paused or self._buffer_paused
        ending = self._close or self._force_close or self._retired or self.half_closed
        return not (held or ending or self._messages) and self.cutter.idle and transport is not None and not transport.is_closing()

    def _give_back(self, back: Callable[[], None]) -> None:
        """Let go of the connection, in one step with `back`, so that no byte falls between the two protocols."""
        self.transport = None
        self._task_handler = None  # it ends by itself, since aiohttp is told that the connection is lost
        self.connection_lost(None)
        back()


class ClientServer(web.Server):
    """Makes a ClientProtocol for each connection and an Incoming for each request."""

    def __init__(
        self,
        walk: Callable[[Incoming], Awaitable[bool]],
        limits: Limits,
        refuse: Callable[[Client, ProxyError], None],
    ) -> None:
        super().__init__(cast("Any", self._answered), request_factory=self._incoming, handler_cancellation=True)
        self._walk = walk
        self._limits = limits
        self._refuse = refuse
        self._retired = False

    def retire(self) -> None:
        """Every idle connection ends now, every other after its answer, a new one after its first."""
        self._retired = True
        for client in self.connections:
            cast("ClientProtocol", client).retire()

    def take(
        self,
        transport: asyncio.Transport,
        data: bytes,
        *,
        back: Callable[[], None],
        writing_paused: bool = False,
        half_closed: bool = False,
    ) -> None:
        """Serve a connection that another protocol began, from the first byte of a request on, which `data` begins with.

        It is being read; `writing_paused` and `half_closed` are what its protocol was told before. Once everything that came
        is answered and the connection stays open, `back` is called, which makes another protocol the transport's in the same
        step; then nothing is paused. A connection that ends before is never given back.
        """
        client = self()
        if writing_paused:
            client.pause_writing()
        client.take(transport, data, back=back)
        if half_closed and not client.eof_received():
            transport.close()

    def __call__(self) -> ClientProtocol:
        return ClientProtocol(self, loop=self._loop, limits=self._limits, refuse=self._refuse, retired=self._retired)

    async def _answered(self, request: Incoming) -> web.StreamResponse:
        return Answered.of(keep_alive=await self._walk(request))

    def _incoming(self, message: Any, payload: Any, protocol: RequestHandler, writer: Any, task: Any) -> Incoming:
        request = Incoming(message, payload, protocol, writer, task, self._loop)
        request.head = cast("ClientProtocol", protocol).cutter.head
        return request
