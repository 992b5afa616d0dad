"""The API behind the proxy: it asks the authorization server about every bearer token and echoes what it was sent.

`/api/...` wants a token; `/open/...` answers the same without one, for clients that call it directly.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from aiohttp import ClientSession, TCPConnector, web

from tests.fakes.witness import WITNESS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.integration.authorization import AuthorizationServer

PATTERN = bytes(range(256)) * 256  # 64 KiB
INVALID = 'Bearer realm="echo", error="invalid_token", error_description="not active"'
SCOPE = web.RequestKey("scope", str)
NARROW = 'Bearer realm="echo", error="insufficient_scope", scope="api:write"'


@dataclass(frozen=True, slots=True)
class Call:
    """One request that the API answered."""

    method: str
    target: str
    token: str
    status: int
    digest: str = ""


@dataclass(slots=True)
class Gate:
    """Holds calls until it is opened; `waiting` counts them."""

    waiting: int = 0
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_through(self) -> None:
        """Wait until it is open."""
        async with self._arrived:
            self.waiting += 1
            self._arrived.notify_all()
        await self._open.wait()

    async def crowd(self, size: int) -> None:
        """Wait until `size` calls have come."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.waiting >= size)

    def open(self) -> None:
        """Let everyone through, from now on."""
        self._open.set()


@dataclass(slots=True)
class EchoAPI:
    """An HTTP API on loopback; `script` holds answers given instead of the next ones: (status, headers)."""

    server: AuthorizationServer
    calls: list[Call] = field(default_factory=list)
    script: deque[tuple[int, Mapping[str, str]]] = field(default_factory=deque)
    gates: dict[str, Gate] = field(default_factory=dict)
    port: int = 0
    _runner: web.AppRunner | None = None
    _session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._checked], client_max_size=1 << 30)
        zone = "/{zone:(?:api|open)}"
        app.router.add_route("*", zone + "/echo{rest:.*}", self._echo)
        app.router.add_route("*", zone + "/gate/{name}", self._echo)
        app.router.add_post(zone + "/write", self._write)
        app.router.add_get(zone + "/bytes/{size:\\d+}", self._bytes)
        app.router.add_get(zone + "/events/{name}", self._events)
        self._session = ClientSession(connector=TCPConnector(limit=64))
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, max_line_size=1 << 16, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    @property
    def url(self) -> str:
        """What a route's `upstream` says: the zone that wants a token."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def open_url(self) -> str:
        """The zone that wants none."""
        return f"http://127.0.0.1:{self.port}/open"

    def gate(self, name: str) -> Gate:
        """The gate of /gate/NAME: a call waits there before its token is looked at."""
        return self.gates.setdefault(name, Gate())

    @web.middleware
    async def _checked(self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        WITNESS.secret(token)
        if "name" in request.match_info and request.path.startswith(("/api/gate/", "/open/gate/")):
            await self.gate(request.match_info["name"]).pass_through()
        if request.match_info.get("zone") == "api":
            scope = await self._scope(token) if scheme.lower() == "bearer" else None
            if scope is None:
                return await self._refuse(request, token, 401, {"WWW-Authenticate": INVALID})
            request[SCOPE] = scope
        if self.script:
            status, headers = self.script.popleft()
            return await self._refuse(request, token, status, headers)
        return await handler(request)

    async def _refuse(self, request: web.Request, token: str, status: int, headers: Mapping[str, str]) -> web.StreamResponse:
        digest = hashlib.sha256(await request.read()).hexdigest()
        self.calls.append(Call(request.method, request.raw_path, token, status, digest))
        return web.Response(status=status, headers=headers, text=f"refused with {status}\n")

    async def _scope(self, token: str) -> str | None:
        assert self._session is not None
        us = self.server.introspector
        form = {"token": token, "client_id": us.id, "client_secret": us.secret}
        async with self._session.post(self.server.introspection_url, data=form) as response:
            told = await response.json()
        return told.get("scope", "") if told["active"] else None

    async def _write(self, request: web.Request) -> web.StreamResponse:
        if "api:write" not in request.get(SCOPE, "").split():
            return await self._refuse(request, _token(request), 403, {"WWW-Authenticate": NARROW})
        return await self._echo(request)

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        digest, length = hashlib.sha256(), 0
        async for part in request.content.iter_any():
            digest.update(part)
            length += len(part)
        self.calls.append(Call(request.method, request.raw_path, _token(request), 200, digest.hexdigest()))
        told = {
            "method": request.method,
            "target": request.raw_path,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers],
            "length": length,
            "sha256": digest.hexdigest(),
        }
        headers = {"X-Sha256": digest.hexdigest(), "X-Length": str(length), "X-Method": request.method, "X-Query": request.query_string}
        return web.Response(text=json.dumps(told) + "\n", content_type="application/json", headers=headers)

    async def _bytes(self, request: web.Request) -> web.StreamResponse:
        size = int(request.match_info["size"])
        response = web.StreamResponse(headers={"X-Sha256": pattern_digest(size)})
        if "chunked" in request.query:
            response.enable_chunked_encoding()
        else:
            response.content_length = size
        await response.prepare(request)
        if request.method != "HEAD":
            for at in range(0, size, len(PATTERN)):
                await response.write(PATTERN[: size - at])
        self.calls.append(Call(request.method, request.raw_path, _token(request), 200))
        return response

    async def _events(self, request: web.Request) -> web.StreamResponse:
        gate = self.gate(request.match_info["name"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        await gate.pass_through()
        await response.write(b"data: second\n\n")
        return response


def _token(request: web.Request) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2]


def pattern(size: int) -> bytes:
    """`size` bytes that do not repeat within a chunk."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def pattern_digest(size: int) -> str:
    """SHA-256 of `pattern(size)`, in hex."""
    return hashlib.sha256(pattern(size)).hexdigest()
