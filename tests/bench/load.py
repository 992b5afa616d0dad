"""Load without a framework: keep-alive connections that each have one call on its way, and an API that answers at once.

Both ends cost as little as asyncio allows, and the same whether or not bearerd stands between them.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

END = b"\r\n\r\n"
BODY = b'{"orders":[]}' + b" " * 1011  # bytes: 1 KiB
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"


class API(asyncio.Protocol):
    """Answers each GET with BODY if it carries a bearer token, else 401."""

    def __init__(self) -> None:
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        *heads, self._held = (self._held + data).split(END)
        self._transport.write(b"".join(OK if b"authorization: bearer " in head.lower() else REFUSED for head in heads))


@dataclass(slots=True)
class Tally:
    """What is still to be sent, and how long each answer took."""

    left: int
    seconds: list[float] = field(default_factory=list)


class Caller(asyncio.Protocol):
    """One connection: sends `request`, waits for the whole answer, sends it again while the tally has some left."""

    def __init__(self, request: bytes, tally: Tally, done: asyncio.Future[None]) -> None:
        self._request = request
        self._tally = tally
        self._done = done
        self._held = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._send()

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, end, body = self._held.partition(END)
        if not end or len(body) < len(BODY):
            if end and not head.startswith(b"HTTP/1.1 200 "):
                self._end(RuntimeError(f"not the API's answer: {self._held[:300].decode(errors='replace')}"))
            return
        self._tally.seconds.append(time.perf_counter() - self._sent)
        self._held = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionResetError("closed with a call on its way"))

    def _send(self) -> None:
        if not self._tally.left:
            self._end(None)
            return
        self._tally.left -= 1
        self._sent = time.perf_counter()
        assert self._transport is not None
        self._transport.write(self._request)

    def _end(self, exc: Exception | None) -> None:
        if self._done.done():
            return
        if exc is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(exc)
        assert self._transport is not None
        self._transport.close()


async def call(port: int, request: bytes, *, calls: int, connections: int) -> list[float]:
    """Seconds that each of `calls` took, over `connections` at once.

    Raises:
        RuntimeError: an answer was not the API's 200.
        ConnectionError: a connection ended before its answer.
    """
    loop = asyncio.get_running_loop()
    tally = Tally(calls)
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: Caller(request, tally, end), "127.0.0.1", port)  # type: ignore[misc]  # mypy does not infer a lambda with a default
    await asyncio.gather(*ends)
    return tally.seconds
