"""Tokens of every length under load: one request for each, whether they live a second or an hour."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.fakes.raw import OK, Exchange, RawUpstream, say
from tests.fakes.token_server import TokenServer

if TYPE_CHECKING:
    from tests.fakes.raw import Reply
    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes

LIFETIMES = (1, 2, 5, 30, 299, 420, 3600)  # seconds; a peer asks 150 times a second for any up to 420
LOAD = 11.0  # seconds
CALLERS = 2  # for each credential
EARLIEST = 0.78  # of its lifetime: a token is due 20 % before its end, and a tenth of that sooner by chance


BEGAN = "X-Began"  # when the application began its call, on this process's clock


def keeps(server: TokenServer, lifetime: int, late: list[float]) -> Reply:
    """An API's answer, which notes the age of every token that had ended before the call that carries it began.

    The call's arrival says less: on a busy machine a token with time left may end on the way.
    """
    issued_at: dict[str, float] = {}
    issue = server.reply

    async def issued(exchange: Exchange) -> None:
        await issue(exchange)
        issued_at[server.issued[-1]] = time.monotonic()

    async def reply(exchange: Exchange) -> None:
        authorization = exchange.request.head.get("Authorization")
        age = float(exchange.request.head.get(BEGAN)) - issued_at[authorization.removeprefix("Bearer ")]
        if age > lifetime:
            late.append(age)
        await say(OK)(exchange)

    server.reply = issued
    return reply


async def test_one_token_request_for_each_usable_lifetime(caller: Caller, bearerd: StartBearerd) -> None:
    """Under load no credential asks more often than its tokens become due, and every call carries one that has not expired."""
    late: list[float] = []
    async with AsyncExitStack() as running:
        servers = [await running.enter_async_context(TokenServer(members={"expires_in": lifetime})) for lifetime in LIFETIMES]
        upstreams = [
            await running.enter_async_context(RawUpstream(keeps(server, lifetime, late)))
            for lifetime, server in zip(LIFETIMES, servers, strict=True)
        ]
        proxy = bearerd(
            *({"prefix": f"/{life}", "upstream": up.url, "credential": f"c{life}"} for life, up in zip(LIFETIMES, upstreams, strict=True)),
            credentials={
                f"c{life}": {"type": "oauth2_client_credentials", "token_url": one.token_url, "client_id": "id", "client_secret": "s3cret"}
                for life, one in zip(LIFETIMES, servers, strict=True)
            },
            log={"access": False},
        )
        began = time.monotonic()

        async def load(lifetime: int) -> int:
            calls = 0
            while time.monotonic() - began < LOAD:
                assert (await caller.get(f"{proxy.url}/{lifetime}/", headers={BEGAN: str(time.monotonic())})).status == 200
                calls += 1
            return calls

        calls = await asyncio.gather(*(load(lifetime) for lifetime in LIFETIMES for _ in range(CALLERS)))
        elapsed = time.monotonic() - began
        asked = {lifetime: len(server.requests) for lifetime, server in zip(LIFETIMES, servers, strict=True)}
    most = {lifetime: 1 + int(elapsed / (EARLIEST * lifetime)) for lifetime in LIFETIMES}
    assert not late
    assert all(asked[lifetime] <= most[lifetime] for lifetime in LIFETIMES), (asked, most)
    assert [asked[lifetime] for lifetime in (30, 299, 420, 3600)] == [1, 1, 1, 1]
    assert min(asked[1], asked[2], asked[5]) > 1
    assert sum(calls) > 30 * len(LIFETIMES)
