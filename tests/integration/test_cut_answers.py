"""Answers that end early, and bytes that come after one.

A cut body is never delivered as a whole one, and no byte of one caller's answer reaches another.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import PATIENCE, request
from tests.fakes.raw import OK, Exchange, say

if TYPE_CHECKING:
    from tests.integration.conftest import Wire

pytestmark = pytest.mark.lanes

EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(
    ("response", "cut"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", False, id="length, closed"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", True, id="length, reset"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", False, id="chunked, closed"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", True, id="chunked, reset"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n", False, id="chunked, malformed"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nhalf", True, id="until close, reset"),
    ],
)
async def test_a_cut_body_stays_cut(response: bytes, cut: bool, version: str, wire: Wire) -> None:  # noqa: FBT001  # a row of the table
    """The caller sees that the body is not whole, however it was framed and however it was cut."""
    sent, read = asyncio.Event(), asyncio.Event()

    async def partly(exchange: Exchange) -> None:
        await exchange.send(response)
        sent.set()
        await read.wait()
        await say(b"", close=not cut, cut=cut)(exchange)

    wire.upstream.reply = partly
    async with await wire.connect() as client:
        await client.send(request("/raw", version=version))
        head = await client.head()
        async with asyncio.timeout(PATIENCE):
            await sent.wait()
        read.set()
        ended_well = await _ends_well(client.rest(), head.get("Transfer-Encoding"), head.get("Content-Length"))
    assert not ended_well


async def _ends_well(rest: asyncio.Future[bytes] | object, coding: str, length: str) -> bool:
    try:
        data: bytes = await rest  # type: ignore[misc]  # a coroutine of bytes
    except ConnectionError:
        return False
    if coding:
        return data.endswith(b"0\r\n\r\n")
    return len(data) == int(length) if length else True


async def test_a_body_until_close_is_whole(wire: Wire) -> None:
    """A body that ends with its connection, in order, is delivered as a whole one."""
    wire.upstream.reply = say(b"HTTP/1.0 200 OK\r\n\r\nall of it", close=True)
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw"))
    assert (answer.body.data, answer.body.complete) == (b"all of it", True)


@pytest.mark.parametrize("together", [True, False], ids=["in one write", "on the idle connection"])
async def test_bytes_after_an_answer_reach_nobody(together: bool, wire: Wire) -> None:  # noqa: FBT001  # a row of the table
    """What follows a complete answer ends its connection; the next callers get their own answers."""
    sent = asyncio.Event()

    async def more(exchange: Exchange) -> None:
        if together:
            await exchange.send(OK + EVIL)
            sent.set()
        else:
            await exchange.send(OK)
            asyncio.get_running_loop().call_later(0.05, exchange.writer.write, EVIL)
            asyncio.get_running_loop().call_later(0.1, sent.set)

    wire.upstream.script.append(more)
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw"))).body.data == b"ok"
        await sent.wait()
        after = [(await client.ask(request("/raw"))).body.data, (await client.ask(request("/raw"))).body.data]
    async with await wire.connect() as other:
        after.append((await other.ask(request("/raw"))).body.data)
    assert after == [b"ok"] * 3


async def test_an_idle_connection_that_ended_is_not_used(wire: Wire) -> None:
    """A POST goes out on a new connection when the API has closed the idle one."""
    wire.upstream.script.append(say(OK, close=True))
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw"))).status == 200
        assert (await client.ask(request("/raw", method="POST", body=b"once"))).status == 200
    assert [seen.body.data for seen in wire.upstream.requests] == [b"", b"once"]


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Ctl: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX Space: a\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 300_000 + b"\r\n\r\n",
    ],
    ids=[
        "bare LF",
        "status 099",
        "two lengths",
        "both framings",
        "two codings",
        "folded",
        "control",
        "space",
        "version",
        "ssh",
        "huge head",
    ],
)
async def test_a_malformed_answer_is_502(response: bytes, wire: Wire) -> None:
    """An answer that is not HTTP/1.1 is never passed on, in part or whole."""
    wire.upstream.reply = say(response, close=True)
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw", method="POST", body=b"x"))
    assert answer.status == 502
    assert b"upstream_response_invalid" in answer.body.data
