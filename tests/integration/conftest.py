"""The real parts: authorization server, API, and bearerd between them, each on a free port of loopback.

All tests here run on one event loop, so that servers can live as long as the session; processes never outlive it.
"""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from requests import Session

from tests.clients.raw import RawClient
from tests.fakes.api import EchoAPI
from tests.fakes.bound_api import BoundAPI
from tests.fakes.raw import RawUpstream
from tests.fakes.relay import Relay
from tests.fakes.token_server import TokenServer
from tests.fakes.witness import WITNESS
from tests.integration.applications import Caller
from tests.integration.asking import Asker, Prover
from tests.integration.authorization import AuthorizationServer, Client
from tests.integration.glewlwyd import Glewlwyd, missing
from tests.integration.running import Bearerd, write_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from tests.integration.certificates import SigningKey

    StartBearerd = Callable[..., Bearerd]


@dataclass(frozen=True, slots=True)
class Wire:
    """bearerd between a raw client and a raw upstream: /raw sends no token, /crm does; both go to /base."""

    bearerd: Bearerd
    upstream: RawUpstream
    tokens: TokenServer

    async def connect(self) -> RawClient:
        """A raw connection to bearerd."""
        return await RawClient.open(self.bearerd.port)


def lane_keys(lane: str) -> dict[str, Any]:
    """What a configuration says so that this lane serves."""
    return {"express": True} if lane == "express" else {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put every asynchronous test of this folder on the session's loop."""
    for item in items:
        if "integration" in item.path.parts and isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session", autouse=True)
def nothing_leaked() -> Iterator[None]:
    """What lives as long as the session, such as a bearerd that tests share, said no secret either."""
    yield
    assert WITNESS.take() == []


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No bearerd that ended in this test said a secret of its configuration, or a token: see `tests.fakes.witness`."""
    yield
    assert WITNESS.take() == []


@pytest.fixture(scope="session")
def authorization_server() -> Iterator[AuthorizationServer]:
    """oidc-provider; tests register clients of their own."""
    with AuthorizationServer() as server:
        yield server


@pytest.fixture
def asker(authorization_server: AuthorizationServer) -> Iterator[Asker]:
    """A client of the authorization server."""
    with Session() as session:
        yield Asker(authorization_server, session)


@pytest.fixture(scope="session")
def other_key(authorization_server: AuthorizationServer) -> SigningKey:
    """A key that no client registered."""
    return authorization_server.signing_key("ES256")


@pytest.fixture
def prover(asker: Asker, other_key: SigningKey) -> Prover:
    """A client of dpop_bound_access_tokens."""
    return Prover(asker, asker.server.client(dpop_bound_access_tokens=True), other_key)


@pytest.fixture(scope="session")
def glewlwyd() -> Iterator[Glewlwyd]:
    """Another authorization server, by other people in another language."""
    if reason := missing():
        pytest.skip(reason)
    with Glewlwyd() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def authorization_relay(authorization_server: AuthorizationServer) -> AsyncIterator[Relay]:
    """A relay to the authorization server that can be taken down."""
    async with Relay(authorization_server.port) as relay:
        yield relay


@pytest_asyncio.fixture(loop_scope="session")
async def token_server() -> AsyncIterator[TokenServer]:
    """A token endpoint that misbehaves as it is told."""
    async with TokenServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def raw_upstream() -> AsyncIterator[RawUpstream]:
    """An upstream that keeps and answers raw bytes."""
    async with RawUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _shared_wires(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[[str], Wire]]:
    async with RawUpstream() as upstream, TokenServer() as tokens:
        plain = {"upstream": f"{upstream.url}/base", "retry": {"attempts": 1}}
        routes = [
            {"prefix": "/raw", "credential": "none", "name": "raw", **plain},
            {"prefix": "/crm", "credential": "crm", "name": "crm", **plain},
        ]
        credential = {"type": "oauth2_client_credentials", "token_url": tokens.token_url, "client_id": "id", "client_secret": "s3cret"}
        with ExitStack() as running:

            @cache
            def of(lane: str) -> Wire:
                config = write_config(tmp_path_factory.mktemp("wire"), routes, {"crm": credential}, lane_keys(lane))
                return Wire(running.enter_context(Bearerd(config)), upstream, tokens)

            yield of


@pytest.fixture
def wire(_shared_wires: Callable[[str], Wire], lane: str) -> Wire:
    """One bearerd of each lane for all tests that look at bytes; its upstream starts afresh with each test."""
    wire = _shared_wires(lane)
    wire.upstream.renew()
    return wire


@pytest_asyncio.fixture(loop_scope="session")
async def echo_api(authorization_server: AuthorizationServer) -> AsyncIterator[EchoAPI]:
    """An API that has each token checked by the authorization server."""
    async with EchoAPI(authorization_server) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="session")
async def bound_api(authorization_server: AuthorizationServer) -> AsyncIterator[BoundAPI]:
    """An API that wants a DPoP proof with its own nonce for every token that is bound to a key."""
    async with BoundAPI(authorization_server) as api:
        yield api


@pytest.fixture
def bearerd(tmp_path: Path, lane: str) -> Iterator[StartBearerd]:
    """Start bearerd: `bearerd(routes, credentials, **top_level_keys)`; it must end with status 0."""
    with ExitStack() as running:

        def start(*routes: Mapping[str, Any], credentials: Mapping[str, Any] | None = None, **extra: Any) -> Bearerd:
            folder = tmp_path / f"bearerd-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return running.enter_context(Bearerd(write_config(folder, routes, credentials or {}, lane_keys(lane) | extra)))

        yield start


@pytest.fixture
def client(authorization_server: AuthorizationServer) -> Client:
    """A client of the authorization server for this test alone; its tokens live an hour."""
    return authorization_server.client()


@pytest.fixture
def credential(authorization_server: AuthorizationServer) -> Callable[..., dict[str, Any]]:
    """The YAML of a credential for a client: `credential(client, **more_keys)`."""

    def of(client: Client, **more: Any) -> dict[str, Any]:
        return {
            "type": "oauth2_client_credentials",
            "token_url": authorization_server.token_url,
            "client_id": client.id,
            "client_secret": client.secret,
            "scope": "api:read",
            **more,
        }

    return of


@pytest_asyncio.fixture(loop_scope="session")
async def caller() -> AsyncIterator[Caller]:
    """An application that calls plain HTTP."""
    async with Caller() as application:
        yield application
