"""The token engine's endpoint over a real socket: a server that answers as it is told, and an endpoint that calls it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.oauth.credential import Credential
from proxy.oauth.endpoint import TokenEndpoint
from proxy.oauth.options import TokenTLS
from proxy.oauth.signing.signer import KeySigner
from proxy.oauth.store import TokenStore
from proxy.oauth.token import TokenKey
from proxy.oauth.transport import TokenTransport
from proxy.trust import Trust
from tests.fakes.credentials import EPOCH

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from proxy.oauth.grants import Grant
    from proxy.oauth.token import Token

KEY = TokenKey("fingerprint")
GOOD = '{"access_token": "abc", "token_type": "Bearer", "expires_in": 60}'


@dataclass
class Server:
    """An HTTP server that answers as it is told and keeps what it saw: path, body, headers."""

    port: int = 0
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path if isinstance(request, web.Request) else request.path_qs
        self.seen.append((path, await request.text(), dict(request.headers)))
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(text=GOOD, content_type="application/json")


async def serve(server: Server, tls: ssl.SSLContext | None = None) -> web.ServerRunner:
    """Let `server` listen on a port of its own until the runner's cleanup."""
    runner = web.ServerRunner(web.Server(server), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server.port = runner.addresses[0][1]
    return runner


class NamesAt(AbstractResolver):
    """Every name is at these addresses; without any, each is unknown."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        if not self.addresses:
            raise OSError(None, "unknown name")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family or socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST)
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class OtherAliases:
    """The tokens of other aliases, and those that were told to be refused."""

    tokens: dict[str, Token] = field(default_factory=dict)
    told: list[tuple[str, Token]] = field(default_factory=list)

    async def token(self, alias: str) -> Token:
        return self.tokens[alias]

    def refused(self, alias: str, token: Token) -> None:
        self.told.append((alias, token))


@dataclass
class Bench:
    """Builds endpoints that share a clock, a store and other aliases, and takes their end upon itself."""

    now: float = 100.0
    others: OtherAliases = field(default_factory=OtherAliases)
    next_secrets: list[str] = field(default_factory=list)
    built: list[TokenEndpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = TokenStore(max_tokens=10, clock=lambda: self.now)

    def endpoint(self, grant: Grant, *, tls: ssl.SSLContext | None = None, **transport: Any) -> TokenEndpoint:
        """The alias crm's endpoint; `transport` are options of TokenTransport."""
        allowed = {"allow_link_local": grant.allow_link_local, "allow_plaintext": True}  # names of these tests resolve to loopback
        way = TokenTransport("crm", tls=tls or Trust().context(TokenTLS(), None), **{**allowed, **transport})
        made = TokenEndpoint(
            Credential(alias="crm", grant=grant),
            way,
            store=self.store,
            others=self.others,
            signer=KeySigner(wall=lambda: EPOCH, unique=lambda: "unique"),
            clock=lambda: self.now,
            wall=lambda: EPOCH,
            chance=lambda: 0.5,
            unique=lambda: "unique",
            on_next_secret=self.next_secrets.append,
        )
        self.built.append(made)
        return made

    async def aclose(self) -> None:
        for endpoint in self.built:
            await endpoint.aclose()
