"""The demonstration's API: orders, invoices and prices, each behind a bearer token and a scope.

It asks the authorization server about every token; only while that is gone, an answer of the last minute counts.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from aiohttp import ClientConnectionError, ClientSession, encode_basic_auth, web

from proxy.cli.demonstration.authorization_server import HOST

if TYPE_CHECKING:
    from proxy.cli.demonstration.authorization_server import AuthorizationServer, Client

REMEMBERED = 60.0  # seconds; RFC 7662 §4 allows to cache, for as long as a revocation may stay unseen
NEEDED = {
    ("GET", "/v1/orders"): "orders.read",
    ("POST", "/v1/orders"): "orders.write",
    ("GET", "/v1/invoices"): "invoices.read",
    ("GET", "/v1/prices"): "prices.read",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the API saw it; `token` and `body` are digests."""

    method: str
    path: str
    status: int
    token: str
    body: str


class API:
    """Serves on a free port of loopback; `outages` holds, for the next calls, the seconds of a 503's Retry-After."""

    def __init__(self, authorization: AuthorizationServer, client: Client) -> None:
        self.calls: list[Call] = []
        self.outages = deque[int]()
        self.port = 0
        self._authorization = authorization
        self._client = client
        self._active: dict[str, tuple[float, frozenset[str]]] = {}  # token -> when it was asked about, its scope
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        for method, path in NEEDED:
            application.router.add_route(method, path, self._serve)
        self._session = ClientSession()
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://{HOST}:{self.port}"

    async def _serve(self, request: web.Request) -> web.Response:
        digest, size = hashlib.sha256(), 0
        async for piece in request.content.iter_any():
            digest.update(piece)
            size += len(piece)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        response = await self._judge(request, token if scheme.lower() == "bearer" else "", size, digest.hexdigest())
        seen = hashlib.sha256(token.encode()).hexdigest() if token else ""
        self.calls.append(Call(request.method, request.path, response.status, seen, digest.hexdigest()))
        return response

    async def _judge(self, request: web.Request, token: str, size: int, digest: str) -> web.Response:
        if not token:  # RFC 6750 §3.1: no error code for a request that brings no token
            return _refusal(401, 'Bearer realm="shop"', "this API wants a bearer token")
        scope = await self._scope(token)
        if scope is None:
            return _refusal(401, 'Bearer realm="shop", error="invalid_token"', "the token is not active")
        needed = NEEDED[request.method, request.path]
        if needed not in scope:
            return _refusal(403, f'Bearer realm="shop", error="insufficient_scope", scope="{needed}"', f"needs {needed}")
        if self.outages:
            return web.json_response({"message": "busy"}, status=503, headers={"Retry-After": str(self.outages.popleft())})
        if request.method == "POST":
            return web.json_response({"received": size, "sha256": digest}, status=201)
        return web.json_response({request.path.rpartition("/")[2]: [{"id": 4711, "amount": "12.50"}]})

    async def _scope(self, token: str) -> frozenset[str] | None:
        """The scope of an active token, None for any other (RFC 7662 §2)."""
        if self._session is None:
            raise RuntimeError("the API is not started")
        headers = {"Authorization": encode_basic_auth(self._client.id, self._client.secret)}
        try:
            async with self._session.post(f"{self._authorization.url}/introspect", data={"token": token}, headers=headers) as response:
                told = await response.json()
        except ClientConnectionError:
            asked_at, scope = self._active.get(token, (-REMEMBERED, frozenset()))
            return scope if time.monotonic() - asked_at < REMEMBERED else None
        if told.get("active") is not True:
            self._active.pop(token, None)
            return None
        scope = frozenset(str(told.get("scope", "")).split())
        self._active[token] = (time.monotonic(), scope)
        return scope


def _refusal(status: int, challenge: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"WWW-Authenticate": challenge})
