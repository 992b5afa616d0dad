"""Messages while they are on their way: events without delay, interim responses, callers that leave.

Nothing is held back, and nothing goes on for a caller that is gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import PATIENCE, RawClient, request
from tests.fakes.raw import OK, Exchange, say
from tests.fakes.token_server import answer as token_answer

if TYPE_CHECKING:
    from tests.fakes.raw import RawUpstream
    from tests.fakes.token_server import TokenServer
    from tests.integration.conftest import StartBearerd, Wire

pytestmark = pytest.mark.lanes

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


async def test_events_arrive_without_delay(wire: Wire) -> None:
    """The first server-sent event is read before the second is sent."""
    read = asyncio.Event()

    async def events(exchange: Exchange) -> None:
        await exchange.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nd\r\ndata: first\n\n\r\n"
        )
        await read.wait()
        await exchange.send(b"e\r\ndata: second\n\n\r\n0\r\n\r\n")

    wire.upstream.reply = events
    async with await wire.connect() as client:
        await client.send(request("/raw"))
        assert (await client.head()).get("Content-Type") == "text/event-stream"
        async with asyncio.timeout(PATIENCE):
            assert b"data: first" in await client.reader.readuntil(b"\n\n")
        read.set()
        async with asyncio.timeout(PATIENCE):
            assert b"data: second" in await client.reader.readuntil(b"\n\n")


async def test_a_request_body_arrives_without_delay(wire: Wire) -> None:
    """The API reads the first part of an upload before the second is sent."""
    arrived = asyncio.Event()

    async def read(exchange: Exchange) -> None:
        await exchange.reader.readexactly(5)
        arrived.set()
        await exchange.reader.readexactly(5)
        await exchange.send(OK)

    wire.upstream.early = read
    async with await wire.connect() as client:
        await client.send(request("/raw", method="POST", headers="Content-Length: 10\r\n") + b"first")
        async with asyncio.timeout(PATIENCE):
            await arrived.wait()
        await client.send(b"again")
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("begun", [False, True], ids=["before the head", "in the body"])
async def test_a_caller_that_leaves_ends_the_request(begun: bool, wire: Wire) -> None:  # noqa: FBT001  # a row of the table
    """The upstream connection of a call ends as soon as its caller is gone."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        if begun:
            await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        asked.set()
        await exchange.gone()
        gone.set()

    wire.upstream.reply = endless
    async with await wire.connect() as client:
        await client.send(request("/raw"))
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        if begun:
            await client.head()
        client.reset()
    async with asyncio.timeout(PATIENCE):
        await gone.wait()


async def test_a_caller_that_leaves_in_its_body_ends_the_request(wire: Wire) -> None:
    """A cut upload is a cut upload upstream: no last chunk, no whole request."""
    asked, gone = asyncio.Event(), asyncio.Event()
    got = bytearray()

    async def read(exchange: Exchange) -> None:
        asked.set()
        while part := await exchange.reader.read(1 << 16):
            got.extend(part)
        exchange.close()
        gone.set()

    wire.upstream.early = read
    async with await wire.connect() as client:
        await client.send(request("/raw", method="POST", headers="Transfer-Encoding: chunked\r\n") + b"4\r\nabcd\r\n")
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        client.writer.close()
    async with asyncio.timeout(PATIENCE):
        await gone.wait()
    assert not bytes(got).endswith(b"0\r\n\r\n")


async def test_a_half_closed_caller_gets_its_answer(wire: Wire) -> None:
    """A caller that says it has no more to send still reads."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def late(exchange: Exchange) -> None:
        asked.set()
        await go.wait()
        await exchange.send(OK)

    wire.upstream.reply = late
    async with await wire.connect() as client:
        await client.send(request("/raw", method="POST", body=b"x"))
        client.half_close()
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        go.set()
        answer = await client.answer()
        assert (answer.status, answer.body.data) == (200, b"ok")
        assert await client.rest() == b""


async def test_expect_is_answered_before_the_body(wire: Wire) -> None:
    """A caller that waits for 100 gets exactly one, then its answer."""
    async with await wire.connect() as client:
        await client.send(request("/crm", method="POST", headers="Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert (await client.head()).start.startswith(b"HTTP/1.1 100 ")
        await client.send(b"order")
        answer = await client.answer()
    assert (answer.status, answer.interim) == (200, ())
    assert [seen.body.data for seen in wire.upstream.requests] == [b"order"]


async def test_expect_is_refused_where_there_is_no_token(
    token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd
) -> None:
    """Without a token the body is not asked for: the caller gets the failure and no 100."""
    token_server.reply = token_answer(401, {"error": "invalid_client"})
    credential = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "id", "client_secret": "s3cret"}
    running = bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"}, credentials={"crm": credential})
    async with await RawClient.open(running.port) as client:
        answer = await client.ask(request("/crm", method="POST", headers="Content-Length: 5\r\nExpect: 100-continue\r\n"))
    assert (answer.status, answer.interim) == (502, ())
    assert raw_upstream.requests == []


@pytest.mark.parametrize(("version", "interim"), [("1.1", 1), ("1.0", 0)])
async def test_early_hints_reach_those_who_know_them(version: str, interim: int, wire: Wire) -> None:
    """103 is passed to HTTP/1.1 as it is, and never to HTTP/1.0."""
    wire.upstream.reply = say(HINTS + OK)
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw", version=version))
    assert (answer.status, answer.body.data, len(answer.interim)) == (200, b"ok", interim)
    assert {head.get("Link") for head in answer.interim} <= {"</style.css>; rel=preload"}


async def test_a_flood_of_interim_responses_is_bounded(wire: Wire) -> None:
    """An API that sends interim responses without end is not listened to for ever."""

    async def flood(exchange: Exchange) -> None:
        while not exchange.ended:
            await exchange.send(HINTS * 50)

    wire.upstream.reply = flood
    async with await wire.connect() as client:
        await client.send(request("/raw"))
        answer = await client.answer()
    assert answer.status == 502


@pytest.mark.parametrize("asked", ["", "Upgrade: websocket\r\nConnection: Upgrade\r\n"], ids=["unasked", "for another protocol"])
async def test_an_odd_101_is_no_answer(asked: str, wire: Wire) -> None:
    """A 101 that the caller did not ask for is 502, and the connection it came on is not used again."""
    wire.upstream.script.append(say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tls/1.0\r\nConnection: Upgrade\r\n\r\n"))
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw", headers=asked))).status == 502


async def test_no_h2c_upgrade_passes(wire: Wire) -> None:
    """Java's offer of h2c is dropped, and its request is answered in HTTP/1.1."""
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw", headers=offer))).status == 200
        assert (await client.ask(request("/raw"))).status == 200
    [first, _] = wire.upstream.requests
    assert b"upgrade" not in first.head.raw.lower()
    assert b"http2-settings" not in first.head.raw.lower()


@pytest.mark.parametrize(
    ("method", "response"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
)
async def test_an_answer_without_a_body_has_none(method: str, response: bytes, wire: Wire) -> None:
    """HEAD, 204 and 304 end with their head, and the connection serves the next call."""
    wire.upstream.script.append(say(response))
    async with await wire.connect() as client:
        await client.send(request("/raw", method=method))
        answer = await client.answer("HEAD")
        assert answer.head.start == response.split(b"\r\n")[0]
        assert answer.get("Content-Length") == ("1234" if b"1234" in response else "99" if b"99" in response else "")
        following = await client.ask(request("/raw"))
    assert (following.status, following.body.data) == (200, b"ok")


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
    ],
    ids=["chunked", "fixed"],
)
async def test_http_1_0_gets_no_chunks(response: bytes, wire: Wire) -> None:
    """An HTTP/1.0 caller gets the plain bytes, and the end of the connection as the end of a body of unknown length."""
    wire.upstream.reply = say(response)
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw", version="1.0"))
        assert (answer.body.data, answer.body.complete) == (b"hello world", True)
        assert answer.get("Transfer-Encoding") == ""
        assert await client.rest() == b""


async def test_pipelined_calls_are_answered_in_order(wire: Wire) -> None:
    """Three requests in one write get three answers, in their order."""
    wire.upstream.script.extend(say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number) for number in range(3))
    async with await wire.connect() as client:
        await client.send(request("/raw/0") + request("/raw/1", method="POST", body=b"x") + request("/raw/2"))
        answers = [await client.answer(), await client.answer(), await client.answer()]
    assert [answer.body.data for answer in answers] == [b"0", b"1", b"2"]
    assert [seen.target for seen in wire.upstream.requests] == [b"/base/0", b"/base/1", b"/base/2"]
