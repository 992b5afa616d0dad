"""Cuts a caller's stream into messages, strictly, with a fresh parser for each.

Any doubt about framing ends the connection, and none of the doubtful bytes are handed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

from proxy.errors import HeadTooLargeError, MethodNotAllowedError, ProxyError, RequestMalformedError
from proxy.http.wire import ChunkScanner, MalformedError, RequestHead, TooLargeError, check_request_head, check_unfinished

if TYPE_CHECKING:
    import asyncio

    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

READ_AHEAD = 64 << 10  # bytes of a body kept before reading pauses; twice that is the high-water mark
PIPELINE_LIMIT = 64 << 10  # bytes kept of requests that came before their turn
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a listener allows; times in seconds, `head_limit` in bytes."""

    head_timeout: float
    idle_timeout: float
    head_limit: int
    max_headers: int


class RefusedError(BadHttpMessage):
    """A ProxyError on its way through aiohttp to `handle_error`."""

    def __init__(self, error: ProxyError) -> None:
        super().__init__(error.facts)
        self.error = error


class CutterOwner(Protocol):
    """The connection whose stream is cut."""

    def hold_reading(self, *, hold: bool) -> None:
        """Pause or resume reading because of requests that came before their turn."""

    def head_timed_out(self) -> None:
        """The head did not arrive within `head_timeout`."""


class RequestCutter:
    """Stands where aiohttp's parser stood: cuts the stream into messages, a fresh C parser for each head.

    Bodies are counted and de-chunked here, so that no parser lives past its message: a trailer of one never
    becomes a header of the next. The next message is handed out when the one before it was answered.
    """

    def __init__(self, owner: CutterOwner, protocol: BaseProtocol, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self._owner = owner
        self._protocol = protocol
        self._loop = loop
        self._limits = limits
        self._buffer = b""
        self._payload: StreamReader | None = None  # of the message whose body still comes
        self._remaining = 0
        self._scanner: ChunkScanner | None = None
        self._busy = False
        self._broken = False
        self._deadline: asyncio.TimerHandle | None = None
        self.head: RequestHead | None = None

    def feed_data(self, data: bytes) -> tuple[list[tuple[RawRequestMessage, StreamReader]], bool, bytes]:
        """(at most one message with its payload, False, b""): what aiohttp's parser would return.

        Raises:
            RefusedError: the head is doubtful, too large or a CONNECT.
        """
        if self._broken:
            return [], False, b""
        if self._payload is not None:
            data = self._feed_body(self._payload, data)
        self._buffer = self._buffer + data if self._buffer else data
        if self._busy or self._payload is not None or not self._buffer:
            self._owner.hold_reading(hold=len(self._buffer) > PIPELINE_LIMIT)
            return [], False, b""
        try:
            message = self._cut_head()
        except ProxyError as exc:
            self.stop()
            raise RefusedError(exc) from exc
        return ([message] if message else []), False, b""

    @property
    def busy(self) -> bool:
        """Whether a request was handed out and its answer is not complete."""
        return self._busy

    @property
    def broken(self) -> bool:
        """Whether nothing more is read from this connection."""
        return self._broken

    @property
    def idle(self) -> bool:
        """Whether nothing was begun that is not complete, and more may come."""
        return not (self._busy or self._broken or self._buffer) and self._payload is None

    def answered(self) -> bool:
        """The response is complete; whether bytes of a next message wait."""
        self._busy = False
        self._owner.hold_reading(hold=False)
        return bool(self._buffer) and self._payload is None

    @property
    def pending(self) -> bool:
        """Whether bytes of a next message are here."""
        return bool(self._buffer)

    def stop(self) -> None:
        """Nothing more is read from this connection."""
        self._broken = True
        self._buffer = b""
        self._set_deadline(running=False)

    def end(self) -> bool:
        """The client closed its sending side; whether an answer is owed: to a request received whole, or to a refused one."""
        if self._payload is not None:
            self._break_body(ConnectionResetError("the client left in the middle of the body"))
            return False
        return self._busy or self._broken

    def feed_eof(self) -> None:
        """aiohttp says that the connection ended."""
        self._set_deadline(running=False)

    def message_consumed(self) -> None:
        """aiohttp took a message from its queue; the queue here never holds more than one."""

    def pause_reading(self) -> None:
        """The payload is full; the transport is paused by the protocol."""

    def set_upgraded(self, _upgraded: bool) -> None:  # noqa: FBT001  # aiohttp's signature
        """No upgrade passes."""

    def _cut_head(self) -> tuple[RawRequestMessage, StreamReader] | None:
        if empty := _EMPTY_LINES.match(self._buffer):  # RFC 9112 §2.2: empty lines before a request
            self._buffer = self._buffer[empty.end() :]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > self._limits.head_limit:
            self._check_unfinished(self._buffer if end < 0 else self._buffer[:end])
            self._set_deadline(running=bool(self._buffer))
            return None
        self._set_deadline(running=False)
        raw, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
        if raw.startswith(b"CONNECT "):
            raise MethodNotAllowedError("CONNECT is not taken here")
        message, payload = self._parse(raw)
        try:
            self.head = check_request_head(raw[:end], message.raw_headers, self._limits.max_headers)
        except TooLargeError as exc:
            raise HeadTooLargeError(str(exc), key="listeners[].max_headers") from exc
        except MalformedError as exc:
            raise RequestMalformedError(str(exc)) from exc
        self._busy = True
        self._begin_body(payload)
        return message, payload

    def _check_unfinished(self, head: bytes) -> None:
        if len(head) > self._limits.head_limit:
            raise HeadTooLargeError(f"the request head is over {self._limits.head_limit} bytes", key="listeners[].head_limit")
        try:
            check_unfinished(head)
        except MalformedError as exc:
            raise RequestMalformedError(str(exc)) from exc

    def _parse(self, raw: bytes) -> tuple[RawRequestMessage, StreamReader]:
        size = self._limits.head_limit
        if raw.count(b"\r\n") - 2 > self._limits.max_headers:  # the parser would call it malformed
            raise HeadTooLargeError(f"more than {self._limits.max_headers} header fields", key="listeners[].max_headers")
        parser = HttpRequestParser(
            self._protocol,
            self._loop,
            READ_AHEAD,
            max_line_size=size,
            max_field_size=size,
            max_headers=self._limits.max_headers,
            auto_decompress=False,
        )
        try:
            messages, _, _ = parser.feed_data(raw)
        except HttpProcessingError as exc:
            raise RequestMalformedError("the request head is not valid HTTP/1.1") from exc
        if len(messages) != 1:
            raise RequestMalformedError("the request head is not one message")
        message, payload = messages[0]
        return message, payload

    def _begin_body(self, payload: StreamReader) -> None:
        framing = self.head.framing if self.head else None
        if framing is None or framing.kind == "none" or (framing.kind == "length" and not framing.length):
            return
        self._payload = payload
        self._remaining = framing.length
        self._scanner = ChunkScanner() if framing.kind == "chunked" else None
        self._buffer = self._feed_body(payload, self._buffer)

    def _feed_body(self, payload: StreamReader, data: bytes) -> bytes:
        """Feeds what belongs to the body; returns what lies behind it."""
        if self._scanner is None:
            piece, rest = data[: self._remaining], data[self._remaining :]
            self._remaining -= len(piece)
            payload.feed_data(piece)
            if not self._remaining:
                self._end_body(payload)
            return rest
        try:
            for piece in self._scanner.feed(data):
                payload.feed_data(piece)
        except MalformedError as exc:
            self._break_body(RequestMalformedError(f"the request body: {exc}"))
            return b""
        if not self._scanner.done:
            return b""
        rest = self._scanner.rest
        self._end_body(payload)
        return rest

    def _end_body(self, payload: StreamReader) -> None:
        self._payload, self._scanner = None, None
        payload.feed_eof()

    def _break_body(self, why: Exception) -> None:
        """The body cannot be completed: its reader is told, and the connection is of no further use."""
        payload = self._payload
        self.stop()
        if payload is not None:
            self._payload = None
            if self._busy:  # else nobody reads it: aiohttp only waits for its end
                payload.set_exception(why)
            payload.feed_eof()

    def _set_deadline(self, *, running: bool) -> None:
        if running and self._deadline is None:
            self._deadline = self._loop.call_later(self._limits.head_timeout, self._owner.head_timed_out)
        elif not running and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
