"""proxy/http/listener.py: one caller's connection, from its first byte to its end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import request
from tests.fakes.raw import OK, Exchange, say

if TYPE_CHECKING:
    from tests.unit.http.conftest import Walk

pytestmark = pytest.mark.lanes

GET = request("/x")
BAD = b"GET /bad HTTP/1.1\r\n\r\n"
POST = request("/p", method="POST", body=b"hello")
CHUNKS = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_pipelined_requests_are_answered_in_order(walk: Walk) -> None:
    """Each by its own answer, none before the one before it."""
    await walk.start()
    walk.upstream.script.extend(say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number) for number in range(4))
    async with await walk.client() as client:
        await client.send(GET + POST + CHUNKS + b"1\r\nx\r\n0\r\nA: 1\r\n\r\n" + GET)
        answers = [await client.answer() for _ in range(4)]
    assert [answer.body.data for answer in answers] == [b"0", b"1", b"2", b"3"]
    assert [seen.target for seen in walk.upstream.requests] == [b"/x", b"/p", b"/c", b"/x"]
    assert walk.upstream.requests[3].head.all("A") == []


async def test_the_answer_before_a_bad_request_arrives(walk: Walk) -> None:
    """Then 400 and the end; what follows is never read (MUSTS 1)."""
    await walk.start()
    async with await walk.client() as client:
        await client.send(GET + BAD + GET)
        first, second = await client.answer(), await client.answer()
        assert (first.status, second.status, second.get("Connection"), await client.rest()) == (200, 400, "close", b"")
    assert len(walk.upstream.requests) == 1


@pytest.mark.parametrize("half_close", [True, False])
@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (GET, [200]),
        (POST, [200]),
        (GET + GET, [200, 200]),
        (BAD, [400]),
        (GET + BAD, [200, 400]),
        (GET + GET[:-1], [200]),
        (GET + b"\r\n", [200]),
    ],
)
async def test_a_half_closed_client_gets_its_answers(walk: Walk, sent: bytes, statuses: list[int], half_close: bool) -> None:  # noqa: FBT001  # a column of the table
    """To every whole request that it sent; then the connection ends (MUSTS 6)."""
    await walk.start()
    async with await walk.client() as client:
        await client.send(sent)
        if half_close:
            client.half_close()
        assert [(await client.answer()).status for _ in statuses] == statuses
        assert not half_close or await client.rest() == b""


@pytest.mark.parametrize("sent", [b"", b"GET / HT", POST[:-1], CHUNKS + b"5\r\nhe"])
async def test_a_client_that_closes_in_the_middle_gets_nothing(walk: Walk, sent: bytes) -> None:
    """And nothing of its request stays upstream as a whole one."""
    await walk.start()
    async with await walk.client() as client:
        await client.send(sent)
        client.half_close()
        assert await client.rest() == b""
    await walk.quiet()
    assert (walk.upstream.requests, walk.active.own.pool.active) == ([], 0)


async def test_a_doubtful_chunk_is_answered_and_ends_the_connection(walk: Walk) -> None:
    """400 that says close; the upstream sees no last chunk (MUSTS 1)."""
    await walk.start()
    async with await walk.client() as client:
        answer = await client.ask(CHUNKS + b"3\r\nabc\r\nzz\r\n" + GET)
        assert (answer.status, answer.get("Connection"), await client.rest()) == (400, "close", b"")
    await walk.quiet()
    assert (walk.upstream.requests, walk.active.own.pool.active) == ([], 0)


@pytest.mark.parametrize("before", [b"", GET])
async def test_a_head_that_stays_unfinished_is_ended(walk: Walk, before: bytes) -> None:
    """408 and close, also behind an answered request (MUSTS 5)."""
    walk.limits = replace(walk.limits, head_timeout=0.05)
    await walk.start()
    async with await walk.client() as client:
        await client.send(before + b"GET / HTTP/1.1\r\nHost: a\r\n")
        statuses = [(await client.answer()).status for _ in ([200] if before else [])]
        answer = await client.answer()
        told = json.loads(answer.body.data)
        assert (statuses, answer.status, told["code"], told["key"]) == (
            [200] if before else [],
            408,
            "request_head_timeout",
            "listeners[].head_timeout",
        )
        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 5000, 431, "request_head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: 1\r\n" * 20 + b"\r\n", 431, "request_head_too_large"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "method_not_allowed"),
        (BAD, 400, "request_malformed"),
        (b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "path_refused"),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
        (request("/x", headers="Expect: tea\r\n"), 417, "expectation_failed"),
    ],
)
async def test_what_is_refused_is_told(walk: Walk, sent: bytes, status: int, code: str) -> None:
    """As problem+json, and nothing goes upstream."""
    await walk.start()
    async with await walk.client() as client:
        answer = await client.ask(sent)
        told = json.loads(answer.body.data)
    assert (answer.status, told["code"], answer.get("Content-Type")) == (status, code, "application/problem+json")
    assert walk.upstream.requests == []


async def test_an_idle_connection_ends(walk: Walk) -> None:
    """After `idle_timeout`, without a word."""
    walk.limits = replace(walk.limits, idle_timeout=0.05)
    await walk.start()
    async with await walk.client() as client:
        assert (await client.ask(GET)).status == 200
        assert await client.rest() == b""


async def hang(exchange: Exchange) -> None:
    await exchange.gone()


async def hang_unread(exchange: Exchange) -> None:
    await asyncio.sleep(60)


async def begin_and_hang(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun")
    await exchange.gone()


async def trickle(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    await exchange.gone()


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("reply", [hang, begin_and_hang, trickle], ids=["before the head", "in the body", "in a chunked body"])
async def test_a_client_that_leaves_ends_its_upstream_request(walk: Walk, reply: object, how: str) -> None:
    """Within about two seconds, and the place in the pool is free again (MUSTS 21)."""
    await walk.start()
    walk.upstream.reply = reply  # type: ignore[assignment]  # a Reply
    client = await walk.client()
    await client.send(GET)
    await walk.asked()
    await asyncio.sleep(0.02)  # an answer that began has come by now
    if how == "reset":
        client.reset()
    else:
        client.writer.transport.abort()
    async with asyncio.timeout(6):
        await walk.handler.quiet()
    assert (walk.active.own.pool.active, walk.active.own.pool.idle) == (0, 0)


async def test_a_client_that_leaves_while_it_is_not_read_is_seen(walk: Walk) -> None:
    """An upload that the upstream does not take is not read either; its reset ends the exchange all the same (MUSTS 21)."""
    await walk.start()
    walk.upstream.early = hang_unread
    client = await walk.client()
    size = 64 << 20
    client.writer.write(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
    await walk.asked()
    await walk.paused()
    client.reset()
    async with asyncio.timeout(3):
        await walk.handler.quiet()
    assert walk.active.own.pool.active == 0


async def test_idle_connections_retire_at_once(walk: Walk) -> None:
    """A drain waits for nobody who asks nothing."""
    await walk.start()
    async with await walk.client() as fresh, await walk.client() as used:
        await used.ask(GET)
        await fresh.send(b"")
        walk.clients.retire()
        assert [await fresh.rest(), await used.rest()] == [b"", b""]


@pytest.mark.parametrize("sent", [GET, POST, GET + GET])
async def test_a_call_in_progress_is_answered_before_its_connection_retires(walk: Walk, sent: bytes) -> None:
    """And its answer says close (MUSTS 22)."""
    await walk.start()
    go_on = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.send(OK)

    walk.upstream.reply = slow
    async with await walk.client() as client:
        await client.send(sent)
        await walk.asked()
        walk.clients.retire()
        go_on.set()
        answer = await client.answer()
        assert (answer.status, answer.get("Connection"), await client.rest()) == (200, "close", b"")


@pytest.mark.parametrize("turns", range(6))
async def test_a_call_that_has_just_come_is_answered(walk: Walk, turns: int) -> None:
    """However the moment of the retirement falls between its bytes and its handler."""
    await walk.start()
    async with await walk.client() as client:
        await client.send(GET)
        await walk.begun(turns)
        walk.clients.retire()
        assert ((await client.answer()).status, len(walk.upstream.requests)) == (200, 1)


async def test_a_streaming_answer_is_finished_before_its_connection_retires(walk: Walk) -> None:
    """Though its head said keep-alive; then the connection ends."""
    await walk.start()
    go_on = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await go_on.wait()
        await exchange.send(b"def")

    walk.upstream.reply = slow
    async with await walk.client() as client:
        await client.send(GET)
        head = await client.head()
        part = await client.part(3)
        walk.clients.retire()
        go_on.set()
        assert (head.get("Connection"), part + await client.rest()) == ("", b"abcdef")


async def test_a_fault_of_ours_never_answers_twice(walk: Walk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What fails behind an answer ends the connection; a second answer would be taken for the next request's."""
    await walk.start()

    def fail(_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(walk.handler, "_finish", fail)
    async with await walk.client() as client:
        await client.send(GET)
        await client.head()
        with suppress(ConnectionResetError):
            assert b"HTTP/1.1" not in await client.rest()
    assert "a fault" in caplog.text


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(("connection", "stays"), [("", None), ("close", False), ("keep-alive", True), ("Close", False)])
async def test_which_connections_stay(walk: Walk, version: str, connection: str, stays: bool | None) -> None:  # noqa: FBT001  # a column of the table
    """RFC 9112 §9.3: HTTP/1.1 unless it says close, HTTP/1.0 only if it says keep-alive."""
    expected = version == "1.1" if stays is None else stays
    await walk.start()
    header = f"Connection: {connection}\r\n" if connection else ""
    async with await walk.client() as client:
        first = await client.ask(request("/x", headers=header, version=version))
        said = first.get("Connection")
        again = (await client.ask(GET)).status if expected else len(await client.rest())
    assert (said == "close", again) == (not expected, 200 if expected else 0)


@pytest.mark.parametrize("size", [1, 100 << 10, 200 << 10])
async def test_a_refused_request_with_a_body_leaves_the_connection_usable(walk: Walk, size: int) -> None:
    """A body that came whole, and that nobody read, holds up nobody."""
    await walk.start(methods=("GET",))
    async with await walk.client() as client:
        await client.ask(GET)
        walk.connection().data_received(request("/p", method="POST", body=bytes(size)))
        refused = await client.answer()
        assert (refused.status, refused.get("Connection"), (await client.ask(GET)).body.data) == (405, "", b"ok")
