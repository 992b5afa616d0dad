"""Credentials that take another one's token: what happens when that token has ended before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.asking import JWT_BEARER, TOKEN_EXCHANGE

if TYPE_CHECKING:
    from tests.fakes.api import EchoAPI
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes


def _credential(server: AuthorizationServer, client: Client, **more: Any) -> dict[str, Any]:
    said = {"type": "oauth2_client_credentials", "token_url": server.token_url, "client_id": client.id, "client_secret": client.secret}
    return {**said, "scope": "api:read", **more}


@pytest.mark.parametrize("which", ["subject_token", "actor_token"])
async def test_a_source_that_was_revoked_is_fetched_anew(
    which: str, authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A server refuses a dead subject or actor token as invalid_request (RFC 8693 §2.2.2): a new one is taken, within the same call."""
    server = authorization_server
    source, other, client = server.client(), server.client(), server.client(grant_types=[TOKEN_EXCHANGE])
    sources = {"subject_token": {"from": "other"}, which: {"from": "source"}}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={
            "source": _credential(server, source),
            "other": _credential(server, other),
            "crm": _credential(server, client, type="oauth2_token_exchange", **sources),
        },
    )
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    server.revoke(source)
    server.revoke(client)
    healed = await caller.get(f"{running.url}/crm/echo")
    assert (healed.status, "token_replaced" in healed.proxy_status) == (200, True), healed.proxy_status
    assert (server.counts(source).requests, server.counts(client).requests) == (2, 3)
    assert server.counts(other).requests == (0 if which == "subject_token" else 2)  # nothing says which of the two was refused


async def test_a_source_that_is_refused_at_once_is_not_asked_for_ever(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A source's new token that is refused as well ends it: the cause is told, and the next call asks nobody."""
    server = authorization_server
    jwks = requests.get(f"{server.issuer}/jwks", timeout=60).json()  # noqa: ASYNC210  # before anything else runs
    source, client = server.client(), server.client(grant_types=[JWT_BEARER], terms={"issuers": {"https://other.example": jwks}})
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={
            "source": _credential(server, source, resource=server.issuer),
            "crm": _credential(server, client, type="oauth2_jwt_bearer", assertion={"from": "source"}),
        },
    )
    got = [await caller.get(f"{running.url}/crm/echo") for _ in range(3)]
    assert {(each.status, each.problem["code"]) for each in got} == {(502, "token_invalid_grant")}
    assert (server.counts(source).requests, server.counts(client).requests) == (1, 1)
