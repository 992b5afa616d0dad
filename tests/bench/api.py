"""Our own API and token endpoint: for what nginx cannot do, which is to answer late and to refuse a token that it took before.

It listens in a thread of the harness, on the harness's core; what it does for a call is the same whoever calls.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable

END = b"\r\n\r\n"
BODY = b'{"orders":[]}' + b" " * 1011  # bytes: 1 KiB
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Request-Id: %08x\r\n\r\n" + BODY
REFUSED = b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error="invalid_token"\r\nContent-Length: 0\r\n\r\n'
ISSUED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n%s"


@dataclass(slots=True)
class Issuer:
    """Which tokens are good: `key.N`, of which those before `oldest` were withdrawn."""

    lifetime: int = 3600  # seconds, as it is told with each token
    key: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    issued: int = 0
    oldest: int = 0

    def issue(self) -> bytes:
        """The token endpoint's answer; each has another token."""
        self.issued += 1
        token = f"{self.key}.{self.issued}"
        body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}).encode()
        return ISSUED % (len(body), body)

    def withdraw(self) -> None:
        """Refuse, from now on, every token that was issued until now."""
        self.oldest = self.issued + 1

    def takes(self, head: bytes) -> bool:
        """Whether a request's head carries a good token."""
        key, _, number = head.partition(b"uthorization: Bearer ")[2].partition(b"\r\n")[0].partition(b".")
        return key == self.key.encode() and number.isdigit() and int(number) >= self.oldest


class _Caller(asyncio.Protocol):
    """A connection that stands in `connections` while it is open."""

    def __init__(self, issuer: Issuer, connections: set[asyncio.Transport]) -> None:
        self._issuer = issuer
        self._connections = connections
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._connections.add(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self._transport)


class Api(_Caller):
    """GETs over one keep-alive connection: 1 KiB, or 401, `delay` seconds after the request came."""

    def __init__(self, issuer: Issuer, connections: set[asyncio.Transport], delay: float) -> None:
        super().__init__(issuer, connections)
        self._delay = delay
        self._answered = 0

    def data_received(self, data: bytes) -> None:
        *heads, self._held = (self._held + data).split(END)
        for head in heads:
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._answer, head)
            else:
                self._answer(head)

    def _answer(self, head: bytes) -> None:
        if self._transport.is_closing():  # the caller left while it waited
            return
        self._answered += 1
        good = self._issuer.takes(head + b"\r\n")
        self._transport.write(OK % (len(BODY), self._answered) if good else REFUSED)


class TokenEndpoint(_Caller):
    """Client credentials, whichever they are; what a client proves is not what is measured."""

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, end, body = self._held.partition(END)
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        if end and len(body) >= length:
            self._held = body[length:]
            self._transport.write(self._issuer.issue())


class Backdrop:
    """The thread with a token endpoint for each issuer, and APIs; all of it ends with it."""

    def __enter__(self) -> Self:
        self._connections: set[asyncio.Transport] = set()
        self._servers: list[asyncio.Server] = []
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def token_endpoint(self, issuer: Issuer) -> int:
        """The port of a new token endpoint."""
        return self._listen(lambda: TokenEndpoint(issuer, self._connections))

    def api(self, issuer: Issuer, *, delay: float = 0.0) -> int:
        """The port of a new API that takes the issuer's tokens and answers `delay` seconds late."""
        return self._listen(lambda: Api(issuer, self._connections, delay))

    def _listen(self, make: Callable[[], asyncio.Protocol]) -> int:
        async def listen() -> int:
            server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, backlog=1024)
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)

    async def _close(self) -> None:
        for transport in self._connections:
            transport.abort()
        for server in self._servers:
            server.close()
            await server.wait_closed()

    def _run(self, started: threading.Event) -> None:
        self._loop = uvloop.new_event_loop()
        self._loop.call_soon(started.set)
        self._loop.run_forever()
        self._loop.close()
