"""proxy/http/express/server.py: what the connections of one listener share, and how they end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from proxy.http.express.plan import REMEMBERED
from proxy.http.express.server import SPARE
from proxy.http.handler import Handler
from tests.clients.raw import request
from tests.fakes.raw import OK, Exchange

if TYPE_CHECKING:
    from tests.unit.http.conftest import Walk

GET = request("/x")
CHUNKS = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"


def lane(walk: Walk) -> Any:
    return walk.clients


async def never(exchange: Exchange) -> None:
    await exchange.gone()


async def half(exchange: Exchange) -> None:
    await exchange.send(OK[:-1])
    await exchange.gone()


async def test_a_stop_ends_what_is_at_rest(walk: Walk) -> None:
    """In order, on both lanes, and nothing waits any more."""
    await walk.start()
    async with await walk.client() as plain, await walk.client() as other:
        await plain.ask(GET)
        await other.ask(CHUNKS)
        await lane(walk).shutdown(1)
        assert [await client.rest() for client in (plain, other)] == [b"", b""]
    assert (lane(walk).fronts, lane(walk)._walks, lane(walk).ticker._timer) == (set(), set(), None)


@pytest.mark.parametrize("warm", [0, 2], ids=["in the walk", "at a glance"])
@pytest.mark.parametrize("reply", [never, half])
async def test_a_stop_cuts_what_is_not_over(walk: Walk, warm: int, reply: Any) -> None:
    """An answer that has begun is cut visibly, and its call is over, counted and all."""
    await walk.start()
    async with await walk.client() as client:
        for _ in range(warm):
            await client.ask(GET)
        walk.upstream.script.append(reply)
        await client.send(GET)
        await walk.asked(warm + 1)
        await asyncio.sleep(0.02)
        await lane(walk).shutdown(1)
        if reply is half:
            with pytest.raises(ConnectionResetError):
                await client.rest()
        else:
            assert await client.rest() == b""
        await walk.quiet()
    assert [line["code"] for line in walk.access()[warm:]] == ["client_left"]


async def test_plans_go_on_to_the_next_connection(walk: Walk) -> None:
    """As many as the bound says; never one to two connections at once."""
    await walk.start()
    clients = [await walk.client() for _ in range(SPARE + 3)]
    for client in clients:
        await client.ask(GET)
    plans = {id(front.plans) for front in lane(walk).fronts}
    assert len(plans) == SPARE + 3
    for client in clients:
        client.writer.close()
    async with asyncio.timeout(5):
        while lane(walk).fronts:  # noqa: ASYNC110  # their end has no event
            await asyncio.sleep(0)
    assert len(lane(walk)._spare) == SPARE
    async with await walk.client() as first, await walk.client() as second:
        await first.ask(GET)
        await second.ask(GET)
        used = [id(front.plans) for front in lane(walk).fronts]
    assert len(set(used)) == 2
    assert set(used) <= plans


async def test_plans_of_an_earlier_configuration_go(walk: Walk) -> None:
    """What they hold, tokens and routes and pools, is not kept beyond a reload by connections that ended."""
    await walk.start()
    async with await walk.client() as client:
        await client.ask(GET)
    await ended(walk)
    assert len(lane(walk)._spare) == 1
    walk.handler = Handler(walk.handler._table, walk.handler._routes, metrics=walk.metrics, logs=walk.logs, world=walk.handler._world)
    async with await walk.client():
        assert lane(walk)._spare == []
    await ended(walk)
    assert lane(walk)._spare == []


@pytest.mark.parametrize(("size", "remembered"), [(100, True), (REMEMBERED, False)])
async def test_a_large_head_is_not_remembered(walk: Walk, size: int, *, remembered: bool) -> None:
    """An idle connection stays small, whatever its caller's cookies are; the call is served all the same."""
    await walk.start(forwarded="x-forwarded")
    async with await walk.client() as client:
        for _ in range(2):
            assert (await client.ask(request("/x", headers=f"Cookie: {'x' * size}\r\n"))).status == 200
        (front,) = lane(walk).fronts
        held = [bool(part) for part in (front.plans._head, front.plans._block, front.plans._tail)]
    assert held == [remembered] * 3
    await ended(walk)
    assert [spare._tail for spare in lane(walk)._spare] == ([b""] if remembered else [])


async def ended(walk: Walk) -> None:
    """No connection is left."""
    async with asyncio.timeout(5):
        while lane(walk).fronts:  # noqa: ASYNC110  # their end has no event
            await asyncio.sleep(0)
