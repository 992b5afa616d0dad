"""The demonstration's authorization server: a token endpoint, introspection, and a console that revokes.

Tokens are random and known to its memory alone; every token request is counted, refused ones too.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import unquote_plus

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOST = "127.0.0.1"
NO_STORE = {"Cache-Control": "no-store"}  # RFC 6749 §5.1


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client.

    Args:
        auth: the one way in which it may authenticate (RFC 6749 §2.3.1).
        scope: the most that it may ask for.
        lifetime: seconds that its tokens live.
        delay: seconds that the token endpoint takes to answer it.
    """

    id: str
    scope: frozenset[str] = frozenset()
    auth: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    lifetime: int = 3600
    delay: float = 0.0
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token stands for."""

    client: str
    scope: tuple[str, ...]
    expires_at: float  # monotonic seconds


class RefusedError(Exception):
    """An error answer of the token endpoint (RFC 6749 §5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description

    def answer(self) -> web.Response:
        """The answer that tells it."""
        headers = {"WWW-Authenticate": 'Basic realm="demonstration"'} if self.error == "invalid_client" else {}
        body = {"error": self.error, "error_description": self.description}
        return web.json_response(body, status=401 if headers else 400, headers={**headers, **NO_STORE})


class AuthorizationServer:
    """Serves on a free port of loopback, which it keeps through `stop` and `start`."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self.clients = {client.id: client for client in clients}
        self.token_requests = 0
        self.port = 0
        self._issued: dict[str, Issued] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        """Accept connections."""
        application = web.Application()
        application.router.add_post("/token", self._token)
        application.router.add_post("/introspect", self._introspect)
        application.router.add_post("/console/revoke", self._revoke)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End every connection and refuse new ones; tokens stay valid."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _token(self, request: web.Request) -> web.Response:
        """The token endpoint, for the client credentials grant (RFC 6749 §4.4)."""
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        try:
            client, scope = self._granted(request, form)
        except RefusedError as refused:
            return refused.answer()
        await asyncio.sleep(client.delay)
        token = secrets.token_urlsafe(32)
        self._issued[token] = Issued(client.id, scope, time.monotonic() + client.lifetime)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": client.lifetime, "scope": " ".join(scope)}
        return web.json_response(body, headers=NO_STORE)

    async def _introspect(self, request: web.Request) -> web.Response:
        """What an API may know of a token (RFC 7662)."""
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        try:
            self._authenticated(*_presented(request, form))
        except RefusedError as refused:
            return refused.answer()
        issued = self._issued.get(form.get("token", ""))
        left = issued.expires_at - time.monotonic() if issued else 0.0
        if issued is None or left <= 0:
            return web.json_response({"active": False}, headers=NO_STORE)
        body = {"active": True, "scope": " ".join(issued.scope), "client_id": issued.client, "exp": round(time.time() + left)}
        return web.json_response(body, headers=NO_STORE)

    async def _revoke(self, request: web.Request) -> web.Response:
        """Every token of a client ends now, as when an administrator presses the button."""
        client = str((await request.post()).get("client_id", ""))
        ended = [token for token, issued in self._issued.items() if issued.client == client]
        for token in ended:
            del self._issued[token]
        return web.json_response({"revoked": len(ended)})

    def _granted(self, request: web.Request, form: Mapping[str, str]) -> tuple[Client, tuple[str, ...]]:
        """Who asks, and the scope that it gets.

        Raises:
            RefusedError: it gets none.
        """
        self.token_requests += 1
        client = self._authenticated(*_presented(request, form))
        if form.get("grant_type") != "client_credentials":
            raise RefusedError("unsupported_grant_type", "only client_credentials")
        scope = tuple(form.get("scope", "").split()) or tuple(sorted(client.scope))
        if not client.scope.issuperset(scope):
            raise RefusedError("invalid_scope", f"{client.id} may not ask for it")
        return client, scope

    def _authenticated(self, client_id: str, secret: str, method: str) -> Client:
        client = self.clients.get(client_id)
        if client is None or client.auth != method or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise RefusedError("invalid_client", "unknown client, wrong secret or wrong method")
        return client


def _presented(request: web.Request, form: Mapping[str, str]) -> tuple[str, str, str]:
    """Client id, secret and the method by which they came; one method at a time (RFC 6749 §2.3).

    Raises:
        RefusedError: two methods, or a Basic that cannot be read.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        return form.get("client_id", ""), form.get("client_secret", ""), "client_secret_post"
    if "client_secret" in form:
        raise RefusedError("invalid_request", "one way to authenticate, not two")
    try:
        name, _, secret = base64.b64decode(credentials, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise RefusedError("invalid_client", "Basic cannot be read") from None
    if scheme.lower() != "basic":
        raise RefusedError("invalid_client", "only Basic or the form")
    return unquote_plus(name), unquote_plus(secret), "client_secret_basic"
