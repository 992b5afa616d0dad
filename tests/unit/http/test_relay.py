"""proxy/http/relay.py: the answer's way back, and its framing on the caller's side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.http.routing import Retry, Timeout
from proxy.units import Seconds
from tests.clients.raw import request
from tests.fakes.raw import OK, Exchange, say

if TYPE_CHECKING:
    from tests.clients.raw import RawClient
    from tests.unit.http.conftest import Walk

pytestmark = pytest.mark.lanes

FIXED = b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n3;e\r\nhel\r\n2\r\nlo\r\n0\r\nT: t\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\nhello"
OLD = b"HTTP/1.0 200 OK\r\nX: 1\r\n\r\nhello"
NONE = b"HTTP/1.1 204 No Content\r\nX: 1\r\nContent-Length: 5\r\n\r\n"
SAME = b"HTTP/1.1 304 Not Modified\r\nX: 1\r\nContent-Length: 5\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 5\r\n\r\n"
HEAD_CHUNKED = b"HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "version", "raw", "close", "framing", "body"),
    [
        ("GET", "1.1", FIXED, False, [("content-length", "5")], b"hello"),
        ("GET", "1.1", CHUNKS, False, [("transfer-encoding", "chunked")], b"hello"),
        ("GET", "1.1", OPEN, True, [("transfer-encoding", "chunked")], b"hello"),
        ("GET", "1.1", OLD, True, [("transfer-encoding", "chunked")], b"hello"),
        ("GET", "1.0", FIXED, False, [("content-length", "5"), ("connection", "close")], b"hello"),
        ("GET", "1.0", CHUNKS, False, [("connection", "close")], b"hello"),
        ("GET", "1.0", OPEN, True, [("connection", "close")], b"hello"),
        ("GET", "1.1", NONE, False, [], b""),
        ("GET", "1.1", SAME, False, [("content-length", "5")], b""),
        ("HEAD", "1.1", HEAD, False, [("content-length", "5")], b""),
        ("HEAD", "1.1", OPEN[:-5], True, [], b""),
        ("HEAD", "1.0", HEAD, False, [("content-length", "5"), ("connection", "close")], b""),
    ],
)
async def test_an_answer_is_framed_for_its_caller(
    walk: Walk,
    method: str,
    version: str,
    raw: bytes,
    close: bool,  # noqa: FBT001  # a column of the table
    framing: list[tuple[str, str]],
    body: bytes,
) -> None:
    """Payload unchanged, no trailer, no chunk to HTTP/1.0, no body where none belongs (MUSTS 6)."""
    await walk.start()
    walk.upstream.reply = say(raw, close=close)
    async with await walk.client() as client:
        answer = await client.ask(request("/x", method=method, version=version))
        fields = [(name.decode().lower(), value.decode()) for name, value in answer.head.headers]
        assert (fields, answer.body.data, answer.body.complete) == ([("x", "1"), *framing], body, True)
        assert version == "1.1" or await client.rest() == b""


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(
    "raw",
    [
        FIXED[:-2],
        CHUNKS[:-2],
        CHUNKS[: CHUNKS.index(b"2\r\nlo")],
        CHUNKS.replace(b"2\r\nlo", b"zz\r\n"),
        CHUNKS.replace(b"lo\r\n", b"lo!!"),
    ],
)
@pytest.mark.parametrize("cut", [True, False], ids=["reset", "end"])
async def test_an_answer_cut_short_stays_visibly_cut(walk: Walk, raw: bytes, version: str, cut: bool) -> None:  # noqa: FBT001  # a column of the table
    """By a reset, with no last chunk before it; also where only the connection's end would end it (MUSTS 3)."""
    await walk.start(retry=Retry(attempts=1))

    async def reply(exchange: Exchange) -> None:
        await exchange.send(raw)
        await asyncio.sleep(0.02)  # else the reset overtakes what was sent
        exchange.reset() if cut else exchange.close()

    walk.upstream.reply = reply
    async with await walk.client() as client:
        await client.send(request("/x", version=version))
        with pytest.raises(ConnectionResetError):
            await client.rest()
    await walk.quiet()
    assert (walk.active.own.pool.active, walk.active.own.pool.idle) == (0, 0)


@pytest.mark.parametrize(
    ("raw", "kept"), [(FIXED, True), (CHUNKS, True), (NONE, True), (FIXED + b"x", False), (CHUNKS + FIXED, False), (OLD, False)]
)
async def test_only_a_clean_connection_is_kept(walk: Walk, raw: bytes, kept: bool) -> None:  # noqa: FBT001  # a column of the table
    """Bytes behind a response end its connection and are nobody's answer (MUSTS 4)."""
    await walk.start()
    walk.upstream.script.append(say(raw, close=raw == OLD))
    async with await walk.client() as client:
        await client.ask(request("/x"))
        answer = await client.ask(request("/y"))
    assert (answer.body.data, walk.upstream.connections) == (b"ok", 1 if kept else 2)


@pytest.mark.parametrize(("version", "interim"), [("1.1", [b"HTTP/1.1 103 Early Hints"]), ("1.0", [])])
async def test_interim_answers(walk: Walk, version: str, interim: list[bytes]) -> None:
    """103 passes to HTTP/1.1 without hop-by-hop fields; a 100 that nobody asked for does not."""
    await walk.start()
    walk.upstream.reply = say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X\r\nX: 1\r\n\r\n" + OK)
    async with await walk.client() as client:
        answer = await client.ask(request("/x", version=version))
    assert ([head.start for head in answer.interim], answer.status) == (interim, 200)
    assert all(head.headers == ((b"Link", b"</a>"),) for head in answer.interim)


async def test_events_pass_as_they_come(walk: Walk) -> None:
    """Each piece before the next one is made."""
    await walk.start()
    go_on = asyncio.Event()

    async def events(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await exchange.send(b"data: 1\n\n")
        await go_on.wait()
        await exchange.send(b"data: 2\n\n")
        exchange.close()

    walk.upstream.reply = events
    async with await walk.client() as client:
        await client.send(request("/x"))
        await client.head()
        first = await client.part(14)
        go_on.set()
        assert (first, await client.part(19)) == (b"9\r\ndata: 1\n\n\r\n", b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")


async def test_an_answer_that_stands_still_is_cut(walk: Walk) -> None:
    """After `timeout.idle` without a byte."""
    await walk.start(timeout=Timeout(idle=Seconds(0.05)))

    async def stand(exchange: Exchange) -> None:
        await exchange.send(FIXED[:-2])
        await exchange.gone()

    walk.upstream.reply = stand
    async with await walk.client() as client:
        await client.send(request("/x"))
        with pytest.raises(ConnectionResetError):
            await client.rest()
    await walk.quiet()
    assert walk.access()[0]["code"] == "body_idle"


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_stop_cuts_the_answer_that_it_interrupts(walk: Walk, version: str) -> None:
    """Who waits for the end of the connection does not take a stop for it (MUSTS 3)."""
    await walk.start()

    async def stand(exchange: Exchange) -> None:
        await exchange.send(OPEN)
        await exchange.gone()

    walk.upstream.reply = stand
    async with await walk.client() as client:
        await client.send(request("/x", version=version))
        await client.head()
        await client.part(5)
        await walk.clients.shutdown(0.01)
        with pytest.raises(ConnectionResetError):
            await client.rest()


EXPECT = "Expect: 100-continue\r\n"


async def continued(client: RawClient) -> bytes:
    return (await client.head()).start


async def test_a_waiting_caller_is_told_to_go_on(walk: Walk) -> None:
    """Once a connection is at hand; the upstream sees no Expect."""
    await walk.start()
    async with await walk.client() as client:
        await client.send(request("/p", method="POST", headers=EXPECT, body=b"hello")[:-5])
        start = await continued(client)
        await client.send(b"hello")
        assert (start, (await client.answer()).status) == (b"HTTP/1.1 100 Continue", 200)
    assert (walk.upstream.requests[0].body.data, walk.upstream.requests[0].head.all("Expect")) == (b"hello", [])


@pytest.mark.parametrize(("version", "body"), [("1.0", b"hello"), ("1.1", b"hello")])
async def test_who_has_sent_all_is_not_told_to_go_on(walk: Walk, version: str, body: bytes) -> None:
    """Nor is HTTP/1.0, which knows no interim answers."""
    await walk.start()
    async with await walk.client() as client:
        answer = await client.ask(request("/p", method="POST", headers=EXPECT, body=body, version=version))
    assert (answer.status, answer.interim) == (200, ())


async def test_a_waiting_caller_gets_the_failure_instead(walk: Walk) -> None:
    """Without having sent its body; the connection ends, for nobody knows whether it will."""
    await walk.start(retry=Retry(attempts=1))
    await walk.upstream.__aexit__()
    async with await walk.client() as client:
        await client.send(request("/p", method="POST", headers=EXPECT, body=b"hello")[:-5])
        answer = await client.answer()
    assert (answer.status, answer.interim, answer.get("Connection")) == (502, (), "close")


async def test_a_reset_cuts_an_answer_that_only_the_end_ends(walk: Walk) -> None:
    """What has no framing of its own is whole only at an orderly end (MUSTS 3)."""
    await walk.start()

    async def reply(exchange: Exchange) -> None:
        await exchange.send(OPEN)
        await asyncio.sleep(0.02)  # else the reset overtakes what was sent
        exchange.reset()

    walk.upstream.reply = reply
    async with await walk.client() as client:
        await client.send(request("/x"))
        with pytest.raises(ConnectionResetError):
            await client.rest()
