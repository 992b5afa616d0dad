"""The authorization server is down, at start or later.

A live token serves, an expired one never does, and recovery needs nobody.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from tests.fakes.token_server import TokenServer, answer, hang
from tests.integration.applications import Caller, Got, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.api import EchoAPI
    from tests.fakes.raw import RawUpstream
    from tests.fakes.relay import Relay
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

    Credential = Callable[..., dict[str, Any]]

RECOVERY = 10.0  # seconds


async def test_a_live_token_serves_and_an_expired_one_never(
    authorization_server: AuthorizationServer,
    authorization_relay: Relay,
    echo_api: EchoAPI,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """Down: calls succeed until the token expires, then get 503; up again: they succeed within 10 s. The API never sees a dead token."""
    client = authorization_server.client(ttl=3)
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": credential(client, token_url=f"http://127.0.0.1:{authorization_relay.port}/token")},
    )
    url = f"{running.url}/crm/echo"
    last: list[Got] = [await caller.get(url)]

    async def has(status: int) -> bool:
        last.append(await caller.get(url))
        return last[-1].status == status

    authorization_relay.down()
    assert await has(200)
    lived = await until(lambda: has(503), seconds=6)
    assert lived > 1.5
    assert last[-1].problem["code"] == "token_endpoint_unreachable"
    assert int(last[-1].get("Retry-After")) >= 1
    authorization_server.change(client, ttl=3600)
    await authorization_relay.up()
    assert await until(lambda: has(200), seconds=RECOVERY + 1) < RECOVERY
    assert {got.status for got in last} == {200, 503}
    assert {call.status for call in echo_api.calls} == {200}


async def test_it_starts_while_the_authorization_server_is_down(
    authorization_relay: Relay, echo_api: EchoAPI, client: Client, credential: Credential, caller: Caller, bearerd: StartBearerd
) -> None:
    """It listens, is ready, says honestly that the alias has no token, and recovers by itself."""
    authorization_relay.down()
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": credential(client, token_url=f"http://127.0.0.1:{authorization_relay.port}/token")},
    )
    got = await caller.get(f"{running.url}/crm/echo")
    assert (got.status, got.problem["code"]) == (503, "token_endpoint_unreachable")
    assert (await running.admin("/healthz"))[0] == 200
    assert (await running.admin("/readyz"))[0] == 200
    assert (await running.admin("/readyz?alias=crm"))[0] == 503
    await authorization_relay.up()

    async def works() -> bool:
        return (await caller.get(f"{running.url}/crm/echo")).status == 200

    assert await until(works, seconds=RECOVERY + 1) < RECOVERY
    status, body = await running.admin("/readyz?alias=crm")
    assert status == 200
    assert json.loads(body)
    assert {call.status for call in echo_api.calls} == {200}


async def test_a_failed_background_refresh_is_tried_again(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """A token endpoint that fails while a token is due stops nothing: calls succeed throughout and the next token comes."""
    token_server.members = {"expires_in": 6}
    running = bearerd(
        {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"},
        credentials={
            "crm": {
                "type": "oauth2_client_credentials",
                "token_url": token_server.token_url,
                "client_id": "id",
                "client_secret": "s3cret",
                "lifetime": {"refresh_before_ratio": 0.8, "min_refresh_interval": "100ms"},
            }
        },
    )
    statuses = {(await caller.get(f"{running.url}/crm")).status}
    token_server.script.append(answer(500))

    async def refreshed() -> bool:
        statuses.add((await caller.get(f"{running.url}/crm")).status)
        return len(token_server.issued) > 1

    await until(refreshed, seconds=6)
    assert statuses == {200}
    assert len(token_server.requests) >= 3


async def test_a_hanging_alias_slows_no_other(
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """While 200 calls wait for a token endpoint that never answers, another alias answers as ever."""
    token_server.reply = hang
    running = bearerd(
        {"prefix": "/stuck", "upstream": raw_upstream.url, "credential": "stuck", "name": "stuck"},
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={
            "stuck": {
                "type": "oauth2_client_credentials",
                "token_url": token_server.token_url,
                "client_id": "id",
                "client_secret": "s3cret",
                "token_request": {"timeout": "3s"},
            },
            "crm": credential(client),
        },
    )
    stuck = asyncio.create_task(caller.many(f"{running.url}/stuck", 200))

    async def waiting() -> bool:
        return await running.metric("requests_in_flight", route="stuck") == 200

    await until(waiting)
    got = await caller.get(f"{running.url}/crm/echo")
    assert (got.status, got.seconds < 1) == (200, True)
    assert await stuck == {503}
    assert [len(token_server.requests), raw_upstream.requests] == [1, []]
