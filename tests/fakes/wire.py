"""HTTP/1.1 messages as bytes, for the raw server and the raw client.

Nothing is mended: what was read is kept as it came, and a message that ends early says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """A start line and its header lines; `raw` ends with the empty line."""

    raw: bytes
    start: bytes
    headers: Headers

    @classmethod
    def of(cls, raw: bytes) -> Head:
        """The parts of a head; values lose the spaces around them."""
        start, *lines = raw[:-4].split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        return cls(raw, start, tuple((name, value.strip(b" \t")) for name, _, value in pairs))

    def all(self, name: str) -> list[bytes]:
        """Every value of a header, in order."""
        wanted = name.lower().encode()
        return [value for key, value in self.headers if key.lower() == wanted]

    def get(self, name: str) -> str:
        """The values of a header joined by a comma, as text; empty when there is none."""
        return ", ".join(value.decode("latin-1") for value in self.all(name))


@dataclass(frozen=True, slots=True)
class Body:
    """A body: the bytes on the wire, the bytes meant, and whether it ended as its framing says."""

    raw: bytes = b""
    data: bytes = b""
    complete: bool = True


async def read_head(reader: asyncio.StreamReader) -> Head:
    """The next head.

    Raises:
        asyncio.IncompleteReadError: the connection ended before its empty line.
    """
    return Head.of(await reader.readuntil(b"\r\n\r\n"))


async def read_body(reader: asyncio.StreamReader, head: Head, *, until_close: bool) -> Body:
    """The body that follows `head`; one without framing lasts until the connection ends if `until_close`."""
    if b"chunked" in head.get("Transfer-Encoding").lower().encode():
        return await _read_chunks(reader)
    lengths: Sequence[bytes] = head.all("Content-Length")
    if lengths:
        return await _read_exactly(reader, int(lengths[0]))
    return await _read_to_end(reader) if until_close else Body()


async def _read_exactly(reader: asyncio.StreamReader, length: int) -> Body:
    try:
        data = await reader.readexactly(length)
    except asyncio.IncompleteReadError as short:
        return Body(short.partial, short.partial, complete=False)
    except ConnectionError:
        return Body(complete=False)
    return Body(data, data)


async def _read_to_end(reader: asyncio.StreamReader) -> Body:
    data = bytearray()
    try:
        while part := await reader.read(1 << 16):
            data += part
    except ConnectionError:
        return Body(bytes(data), bytes(data), complete=False)
    return Body(bytes(data), bytes(data))


async def _read_chunks(reader: asyncio.StreamReader) -> Body:
    raw, data = bytearray(), bytearray()
    try:
        while True:
            line = await reader.readuntil(b"\r\n")
            raw += line
            size = int(line.split(b";")[0], 16)
            if not size:
                break
            part = await reader.readexactly(size + 2)
            raw += part
            data += part[:-2]
        while line != b"\r\n":
            line = await reader.readuntil(b"\r\n")
            raw += line
    except asyncio.IncompleteReadError as short:
        return Body(bytes(raw + short.partial), bytes(data), complete=False)
    except ConnectionError:
        return Body(bytes(raw), bytes(data), complete=False)
    return Body(bytes(raw), bytes(data))


def chunked(data: bytes, size: int = 16 << 10) -> bytes:
    """`data` in chunks of `size` bytes, with the last chunk."""
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
