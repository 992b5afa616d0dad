"""An upstream that keeps every byte it is sent and answers the bytes it is told.

It mends nothing and adds nothing: what a test scripts is what goes out.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.fakes.wire import Body, Head, read_body, read_head
from tests.fakes.witness import WITNESS

if TYPE_CHECKING:
    import ssl

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came."""

    head: Head
    body: Body
    tls_name: str | None = None  # the server name that the client asked for
    tls_peer: bool = False  # it showed a certificate

    @property
    def method(self) -> str:
        """The method of the request line."""
        return self.head.start.split(b" ")[0].decode("latin-1")

    @property
    def target(self) -> bytes:
        """The request target, byte for byte."""
        return self.head.start.split(b" ")[1]


@dataclass(slots=True)
class Exchange:
    """One request and the connection on which it is answered."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ended: bool = False

    async def send(self, data: bytes) -> None:
        """Bytes, now."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """End the connection with a FIN."""
        self.ended = True
        self.writer.close()

    def reset(self) -> None:
        """End the connection with a RST."""
        self.ended = True
        reset(self.writer)

    async def gone(self) -> None:
        """Wait until the other side has left."""
        with suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass
        self.ended = True


Reply = Callable[[Exchange], Awaitable[None]]


def say(raw: bytes, *, close: bool = False, cut: bool = False) -> Reply:
    """Answer `raw`; then end the connection in order (`close`) or by a reset (`cut`)."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(raw)
        if cut:
            exchange.reset()
        elif close:
            exchange.close()

    return reply


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a RST instead of a FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass(slots=True)
class RawUpstream:
    """A server on loopback; `script` is answered first, one entry per request, then `reply`.

    With `early`, a request is answered by it at its head, and its body is left unread.
    """

    reply: Reply = field(default_factory=lambda: say(OK))
    script: deque[Reply] = field(default_factory=deque)
    early: Reply | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    fragments: list[bytes] = field(default_factory=list)  # what came without becoming a request
    ssl: ssl.SSLContext | None = None
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.ssl, limit=1 << 20, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Its origin."""
        return f"{'https' if self.ssl else 'http'}://127.0.0.1:{self.port}"

    def renew(self) -> None:
        """Forget what was asked and scripted."""
        self.reply, self.early = say(OK), None
        self.script.clear()
        self.requests.clear()
        self.fragments.clear()
        self.connections = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while not await self._exchange(reader, writer):
                pass
        except asyncio.IncompleteReadError as short:
            if short.partial:
                self.fragments.append(short.partial)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await read_head(reader)
        WITNESS.header(head.get("Authorization"), head.get("DPoP"))
        tls = writer.get_extra_info("ssl_object")
        peer = bool(tls and tls.getpeercert(binary_form=True))
        name = getattr(tls, "asked_name", None)
        if self.early is not None:
            exchange = Exchange(Request(head, Body(), name, peer), reader, writer)
            self.requests.append(exchange.request)
            await self.early(exchange)
            return exchange.ended
        body = await read_body(reader, head, until_close=False)
        if not body.complete:
            self.fragments.append(head.raw + body.raw)
            return True
        WITNESS.form(body.data)
        exchange = Exchange(Request(head, body, name, peer), reader, writer)
        self.requests.append(exchange.request)
        await (self.script.popleft() if self.script else self.reply)(exchange)
        return exchange.ended
