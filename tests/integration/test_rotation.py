"""Refresh tokens that are used once: a server that sees one twice ends the whole grant, so that none may ever be shown twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.relay import Relay
from tests.integration.applications import until
from tests.integration.authorization import STOCK

if TYPE_CHECKING:
    from tests.fakes.api import EchoAPI
    from tests.integration.applications import Caller, Got
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd
    from tests.integration.running import Bearerd

pytestmark = pytest.mark.lanes

REFRESHES = 20
CALLERS = 10


def _credential(server: AuthorizationServer, client: Client, kind: str) -> dict[str, Any]:
    said = {"type": kind, "token_url": server.token_url, "client_id": client.id, "client_secret": client.secret, "scope": "api:read"}
    if kind == "oauth2_refresh_token":
        return {**said, "refresh_token": server.refresh_token(client)}
    return {**said, "username": server.user.name, "password": server.user.password}


@pytest.mark.parametrize("rotate", [True, False], ids=["rotated", "kept"])
@pytest.mark.parametrize("kind", ["oauth2_refresh_token", "oauth2_password"])
async def test_twenty_refreshes_in_a_row_reuse_nothing(
    kind: str,
    rotate: bool,  # noqa: FBT001  # a parameter of the table
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """Under load each dead token costs one refresh with the newest refresh token, and no call fails."""
    server = authorization_server
    client = server.client(grant_types=["password", "refresh_token"], terms={"rotate": rotate})
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": _credential(server, client, kind)}
    )
    url = f"{running.url}/crm/echo"
    assert (await caller.get(url)).status == 200
    for _ in range(REFRESHES):
        server.revoke_access(client)
        assert await caller.many(url, CALLERS) == {200}
    counts = server.counts(client)
    wanted = {"refresh_token": REFRESHES + 1} if kind == "oauth2_refresh_token" else {"password": 1, "refresh_token": REFRESHES}
    assert (counts.grants, counts.refused) == (wanted, 0)


async def test_tokens_that_end_by_themselves_are_refreshed_ahead(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """Tokens of two seconds under load: the newest refresh token each time, and no call fails.

    The server counts in whole seconds, so that its tokens end up to a second before they say; those of one second may end at once.
    """
    server = authorization_server
    client = server.client(grant_types=["refresh_token"], ttl=2)
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": _credential(server, client, "oauth2_refresh_token")},
    )
    statuses: set[int] = set()

    async def load() -> bool:
        statuses.update(await caller.many(f"{running.url}/crm/echo", CALLERS))
        return server.counts(client).issued > 3

    await until(load)
    assert statuses == {200}
    assert server.counts(client).refused == 0


async def test_a_dead_refresh_token_falls_back_to_the_full_grant(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A password credential whose refresh token the server has ended logs in again within the same call."""
    server = authorization_server
    client = server.client(grant_types=["password", "refresh_token"])
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": _credential(server, client, "oauth2_password")},
    )
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    server.revoke(client)
    assert await caller.many(f"{running.url}/crm/echo", CALLERS) == {200}
    counts = server.counts(client)
    assert (counts.grants, counts.refused) == ({"password": 2, "refresh_token": 1}, 1)


async def test_a_refresh_token_that_is_dead_from_the_start_is_named(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """Nothing is left to fall back on: the answer names the key, and the next call does not ask again."""
    server = authorization_server
    client = server.client(grant_types=["refresh_token"])
    said = _credential(server, client, "oauth2_refresh_token")
    server.revoke(client)
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": said})
    got = await asyncio.gather(*(caller.get(f"{running.url}/crm/echo") for _ in range(CALLERS)))
    assert {(each.status, each.problem["code"]) for each in got} == {(502, "token_invalid_grant")}
    assert {each.problem["key"] for each in got} == {"credentials.crm.refresh_token"}
    assert (server.counts(client).requests, echo_api.calls) == (1, [])


async def _leave(running: Bearerd, calls: list[asyncio.Task[Got]]) -> None:
    """Let these callers go, and wait until bearerd has seen it."""
    for call in calls:
        call.cancel()

    async def gone() -> bool:
        return len([line for line in running.events() if line.get("code") == "client_left"]) == len(calls)

    await until(gone)


@pytest.mark.parametrize("left", [False, True], ids=["callers wait", "callers left"])
async def test_a_reload_in_the_middle_of_a_refresh_breaks_no_chain(
    left: bool,  # noqa: FBT001  # a parameter of the table
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """The server has rotated and its answer is on its way: callers before and after the reload get what it brings."""
    server = authorization_server
    client = server.client(grant_types=["refresh_token"])
    async with Relay(server.port) as relay:
        said = _credential(server, client, "oauth2_refresh_token") | {"token_url": f"http://127.0.0.1:{relay.port}/token"}
        running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": said})
        url = f"{running.url}/crm/echo"
        assert (await caller.get(url)).status == 200
        server.revoke_access(client)
        relay.answering.clear()
        early = [asyncio.create_task(caller.get(url)) for _ in range(CALLERS)]
        await relay.holding.wait()
        if left:
            await _leave(running, early)
        await running.change_credential("crm", description="another")
        late = [asyncio.create_task(caller.get(url)) for _ in range(CALLERS)]

        async def all_wait() -> bool:
            return await running.metric("token_waiters_total", alias="crm") > 2 * CALLERS  # and the first one

        await until(all_wait)
        relay.answering.set()
        assert {(await call).status for call in (*(() if left else early), *late)} == {200}
        server.revoke_access(client)
        assert await caller.many(url, CALLERS) == {200}
    counts = server.counts(client)
    assert (counts.grants, counts.refused) == ({"refresh_token": 3}, 0)


async def test_a_refused_answer_still_brings_its_refresh_token(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A refresh whose scope is too narrow to serve has rotated all the same: once the rule is another, the new refresh token is used."""
    server = authorization_server
    client = server.client(grant_types=["refresh_token"])
    both = server.refresh_token(client, scopes=("api:read", "api:write"), resource=STOCK)  # where there is no api:write
    said = _credential(server, client, "oauth2_refresh_token") | {"refresh_token": both, "scope": "api:read api:write"}
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": said})
    url = f"{running.url}/crm/echo"
    assert (await caller.get(url)).problem["code"] == "token_scope_narrowed"
    await running.change_credential("crm", scope_narrowing="accept")
    assert await caller.many(url, CALLERS) == {200}
    counts = server.counts(client)
    assert (counts.grants, counts.refused) == ({"refresh_token": 2}, 0)
