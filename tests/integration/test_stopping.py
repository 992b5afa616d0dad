"""SIGTERM and SIGINT: no new calls, those in flight finish, and the process ends with status 0.

Idle callers and hanging servers do not hold it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import PATIENCE, RawClient, request
from tests.fakes.raw import OK, Exchange
from tests.fakes.token_server import hang
from tests.integration.applications import until

if TYPE_CHECKING:
    from tests.fakes.raw import RawUpstream
    from tests.fakes.token_server import TokenServer
    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes

LIMIT = 12.0  # seconds


async def test_a_call_in_flight_finishes(raw_upstream: RawUpstream, bearerd: StartBearerd) -> None:
    """After SIGTERM a streaming answer goes on to its end, while new connections are refused."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        begun.set()
        await go.wait()
        await exchange.send(b"again")

    raw_upstream.reply = slowly
    running = bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "none"})
    async with await RawClient.open(running.port) as client:
        await client.send(request("/crm"))
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
        began = time.monotonic()
        running.signal(signal.SIGTERM)
        await asyncio.to_thread(refuses, running.port)
        go.set()
        answer = await client.answer()
        assert (answer.body.data, answer.body.complete) == (b"firstagain", True)
        assert await asyncio.to_thread(running.wait) == 0
    assert time.monotonic() - began < LIMIT


def refuses(port: int) -> None:
    """Wait until nobody listens on `port`."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not asyncio.run(_connects(port)):
            return
        time.sleep(0.02)
    raise TimeoutError("still listening")


async def _connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_idle_callers_do_not_hold_it(number: signal.Signals, raw_upstream: RawUpstream, bearerd: StartBearerd) -> None:
    """With kept connections on both sides and one in the middle of a head, it ends long before `drain_timeout`, without a traceback."""
    running = bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "none"}, drain_timeout="60s")
    async with await RawClient.open(running.port) as idle, await RawClient.open(running.port) as slow:
        assert (await idle.ask(request("/crm"))).body.data == OK[-2:]
        await slow.send(b"GET /crm HTTP/1.1\r\nHost:")
        began = time.monotonic()
        running.signal(number)
        assert await asyncio.to_thread(running.wait) == 0
    assert time.monotonic() - began < LIMIT
    assert "Traceback" not in running.said


async def test_hanging_servers_do_not_hold_it(token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd) -> None:
    """A token fetch and an API that never answer are given up after `drain_timeout`."""
    token_server.reply = hang
    asked = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        asked.set()
        await exchange.gone()

    raw_upstream.reply = silent
    running = bearerd(
        {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"},
        {"prefix": "/raw", "upstream": raw_upstream.url, "credential": "none"},
        credentials={
            "crm": {
                "type": "oauth2_client_credentials",
                "token_url": token_server.token_url,
                "client_id": "id",
                "client_secret": "s3cret",
                "token_request": {"timeout": "60s"},
            }
        },
        drain_timeout="2s",
    )
    async with await RawClient.open(running.port) as one, await RawClient.open(running.port) as two:
        await one.send(request("/crm"))
        await two.send(request("/raw"))
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        began = time.monotonic()
        running.signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.wait) == 0
    assert time.monotonic() - began < LIMIT


async def test_a_fetch_of_an_earlier_configuration_does_not_hold_it(
    token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd
) -> None:
    """A reload lets a fetch land for which nobody waits any more; the end of the process does not wait for it."""
    token_server.reply = hang
    said = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "id", "client_secret": "s3cret"}
    running = bearerd(
        {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"},
        credentials={"crm": {**said, "token_request": {"timeout": "60s"}}},
        drain_timeout="30s",
    )
    async with await RawClient.open(running.port) as client:
        await client.send(request("/crm"))

        async def waits() -> bool:
            return await running.metric("token_waiters_total", alias="crm") == 1

        await until(waits)
    await asyncio.to_thread(running.wait_for, lambda line: line.get("code") == "client_left")
    await running.change_credential("crm", description="another")
    began = time.monotonic()
    running.signal(signal.SIGTERM)
    assert await asyncio.to_thread(running.wait) == 0
    assert time.monotonic() - began < LIMIT


async def test_readiness_turns_while_it_drains(raw_upstream: RawUpstream, bearerd: StartBearerd) -> None:
    """/readyz is 503 from SIGTERM on, /healthz stays 200, as long as a call is in flight."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def late(exchange: Exchange) -> None:
        begun.set()
        await go.wait()
        await exchange.send(OK)

    raw_upstream.reply = late
    running = bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "none"})
    async with await RawClient.open(running.port) as client:
        await client.send(request("/crm"))
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
        assert (await running.admin("/readyz"))[0] == 200
        running.signal(signal.SIGTERM)
        await asyncio.to_thread(refuses, running.port)
        assert [(await running.admin("/readyz"))[0], (await running.admin("/healthz"))[0]] == [503, 200]
        go.set()
        assert (await client.answer()).body.data == b"ok"
        assert await asyncio.to_thread(running.wait) == 0


async def test_a_caller_can_call_until_the_end(raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd) -> None:
    """An answer during the drain says that its connection ends, so that a kept one is not used again."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def late(exchange: Exchange) -> None:
        begun.set()
        await go.wait()
        await exchange.send(OK)

    raw_upstream.reply = late
    running = bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "none"})
    call = asyncio.create_task(caller.get(f"{running.url}/crm"))
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    running.signal(signal.SIGTERM)
    await asyncio.to_thread(refuses, running.port)
    go.set()
    got = await call
    assert (got.status, got.get("Connection").lower()) == (200, "close")
