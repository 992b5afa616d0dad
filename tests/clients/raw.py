"""A client that sends the bytes it is told and tells the bytes it got.

It never mends: an answer that is cut, reset or followed by more bytes says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.fakes.raw import reset
from tests.fakes.wire import Body, Head, read_body, read_head

if TYPE_CHECKING:
    import ssl

PATIENCE = 60.0  # seconds; nothing that a test waits for takes longer, on a busy machine either
BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """One final response and the interim ones before it."""

    head: Head
    body: Body
    interim: tuple[Head, ...] = ()

    @property
    def status(self) -> int:
        """Its status code."""
        return int(self.head.start.split(b" ")[1])

    def get(self, name: str) -> str:
        """A header's values, joined by a comma."""
        return self.head.get(name)


@dataclass(frozen=True, slots=True)
class RawClient:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int, *, context: ssl.SSLContext | None = None) -> Self:
        """Connect to loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=1 << 20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def send(self, data: bytes) -> None:
        """Bytes, now."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Head:
        """The next head, interim ones included."""
        async with asyncio.timeout(PATIENCE):
            return await read_head(self.reader)

    async def answer(self, method: str = "GET") -> Answer:
        """The next final response to a request with `method`."""
        interim = []
        head = await self.head()
        while head.start.split(b" ")[1].startswith(b"1"):
            interim.append(head)
            head = await self.head()
        status = int(head.start.split(b" ")[1])
        if method == "HEAD" or status in BODILESS:
            return Answer(head, Body(), tuple(interim))
        async with asyncio.timeout(PATIENCE):
            return Answer(head, await read_body(self.reader, head, until_close=True), tuple(interim))

    async def ask(self, request: bytes) -> Answer:
        """Send a request and read its final response."""
        await self.send(request)
        return await self.answer(request.split(b" ", 1)[0].decode("latin-1"))

    async def rest(self) -> bytes:
        """Everything until the connection ends.

        Raises:
            ConnectionResetError: it ended by a reset.
        """
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def part(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    def half_close(self) -> None:
        """Send no more; read on."""
        self.writer.write_eof()

    def reset(self) -> None:
        """End the connection by a reset."""
        reset(self.writer)


def request(target: str = "/", *, method: str = "GET", headers: str = "", body: bytes | None = None, version: str = "1.1") -> bytes:
    """A plain request to `target`; `headers` is whole lines that end in CRLF."""
    length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
    return f"{method} {target} HTTP/{version}\r\nHost: bearerd.test\r\n{length}{headers}\r\n".encode("latin-1") + (body or b"")
