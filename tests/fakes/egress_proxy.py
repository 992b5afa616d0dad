"""An HTTP proxy on the way out: tunnels by CONNECT and forwards plain requests, for those who say who they are.

It keeps what it was asked, and mends nothing that passes through.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from tests.fakes.wire import Head, read_head

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
UNKNOWN = b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="out"\r\nContent-Length: 0\r\n\r\n'


@dataclass(slots=True)
class EgressProxy:
    """A proxy on loopback; `expected` is the Proxy-Authorization that it wants, "" for none."""

    expected: str = ""
    asked: list[Head] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
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
        """What `egress.proxy` says."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        """The request lines, in order."""
        return [head.start.decode() for head in self.asked]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._pass(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        self.asked.append(head)
        if self.expected and head.get("Proxy-Authorization") != self.expected:
            writer.write(UNKNOWN)
            await writer.drain()
            return
        method, target, _ = head.start.decode().split(" ")
        tunnel = method == "CONNECT"
        place = urlsplit(f"//{target}" if tunnel else target)
        there, back = await asyncio.open_connection(place.hostname, place.port)
        try:
            if tunnel:
                writer.write(ESTABLISHED)
            else:
                back.write(_forwarded(head))
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.close()


def _forwarded(head: Head) -> bytes:
    """The head of a plain request as it goes on: in origin-form, without what is said to the proxy alone."""
    method, target, version = head.start.decode().split(" ")
    place = urlsplit(target)
    path = f"{place.path}?{place.query}" if place.query else place.path
    kept = [f"{name.decode()}: {value.decode()}" for name, value in head.headers if not name.lower().startswith(b"proxy-")]
    return "\r\n".join([f"{method} {path} {version}", *kept, "", ""]).encode()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
