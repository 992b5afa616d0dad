"""The authorization server is down, at start or later.

A live token serves, an expired one never does, and recovery needs nobody.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.relay import Relay
from tests.fakes.token_server import TokenServer, after, answer
from tests.integration.applications import Caller, Got, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.api import EchoAPI
    from tests.fakes.raw import RawUpstream
    from tests.integration.authorization import Client
    from tests.integration.conftest import StartBearerd

    Credential = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.lanes

RECOVERY = 10.0  # seconds
LIFETIME = 3  # seconds
USABLE = 0.95 * LIFETIME  # the rest is too short for a call


async def test_a_live_token_serves_and_an_expired_one_never(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """Down: calls succeed until the token expires, then get 503 and go nowhere; up again: they succeed within 10 s."""
    token_server.members = {"expires_in": LIFETIME}
    async with Relay(token_server.port) as relay:
        running = bearerd(
            {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"},
            credentials={
                "crm": {
                    "type": "oauth2_client_credentials",
                    "token_url": f"http://127.0.0.1:{relay.port}/token",
                    "client_id": "id",
                    "client_secret": "s3cret",
                }
            },
        )
        got: list[Got] = []

        async def has(status: int) -> bool:
            got.append(await caller.get(f"{running.url}/crm"))
            return got[-1].status == status

        before = time.monotonic()
        assert await has(200)
        issued = time.monotonic()
        relay.down()
        while time.monotonic() < issued + LIFETIME or got[-1].status == 200:
            began = time.monotonic()
            served = await has(200)
            assert served or time.monotonic() > before + USABLE, "a live token did not serve"
            assert not served or began < issued + LIFETIME, "an expired token served"
            await asyncio.sleep(0.05)
        assert got[-1].problem["code"] == "token_endpoint_unreachable"
        assert int(got[-1].get("Retry-After")) >= 1
        sent = len(raw_upstream.requests)
        assert await caller.many(f"{running.url}/crm", 20) == {503}
        assert len(raw_upstream.requests) == sent
        await relay.up()
        assert await until(lambda: has(200), seconds=RECOVERY + 1) < RECOVERY
    assert {answer.status for answer in got} == {200, 503}
    assert len({request.head.get("Authorization") for request in raw_upstream.requests}) == 2


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

    await until(refreshed)
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
    """While 200 calls wait for a token endpoint that does not answer, another alias answers as ever."""
    go = asyncio.Event()
    token_server.reply = after(go, answer(500))
    running = bearerd(
        {"prefix": "/stuck", "upstream": raw_upstream.url, "credential": "stuck", "name": "stuck"},
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={
            "stuck": {
                "type": "oauth2_client_credentials",
                "token_url": token_server.token_url,
                "client_id": "id",
                "client_secret": "s3cret",
                "token_request": {"timeout": "120s"},
            },
            "crm": credential(client),
        },
    )
    stuck = asyncio.create_task(caller.many(f"{running.url}/stuck", 200))

    async def waiting() -> bool:
        return await running.metric("requests_in_flight", route="stuck") == 200

    await until(waiting)
    got = await caller.get(f"{running.url}/crm/echo")
    assert (got.status, await waiting()) == (200, True)
    go.set()
    assert await stuck == {503}
    assert [len(token_server.requests), raw_upstream.requests] == [1, []]
