"""proxy/http/express/front.py: one caller's connection, from its first byte to its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from proxy.http.express.front import AT_ONCE, LINGER, PIPELINE_LIMIT, Front
from tests.clients.raw import request
from tests.fakes.raw import OK, Exchange, say

if TYPE_CHECKING:
    from tests.fakes.raw import Reply
    from tests.unit.http.conftest import Walk
    from tests.unit.http.express.conftest import Clock

GET = request("/x")
CLOSING = request("/x", headers="Connection: close\r\n")
POST = request("/p", method="POST", body=b"hello")
CHUNKS = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: 1\r\n\r\n"
OLD = b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
BAD = b"GET /bad HTTP/1.1\r\n\r\n"
SIZE = 200 << 10  # bytes
FULL = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + bytes(SIZE)


async def warm(walk: Walk, **facts: Any) -> list[object]:
    """A route with a connection at hand; the walks that are taken from now on."""
    await walk.start(**facts)
    async with await walk.client() as client:
        await client.ask(GET)
    await walk.quiet()
    while fronts(walk):  # noqa: ASYNC110  # its end has no event
        await asyncio.sleep(0)
    walk.upstream.requests.clear()
    walks: list[object] = []
    walk.clients.own = walks.append  # type: ignore[union-attr,method-assign]  # the lane is told of every walk
    return walks


def fronts(walk: Walk) -> list[Front]:
    return [*walk.clients.fronts]  # type: ignore[union-attr]  # the express lane's


async def front(walk: Walk) -> Front:
    """The only caller's."""
    async with asyncio.timeout(5):
        while not fronts(walk):  # noqa: ASYNC110  # its begin has no event
            await asyncio.sleep(0)
    (found,) = fronts(walk)
    return found


def held(until: asyncio.Event, raw: bytes = OK) -> Reply:
    async def reply(exchange: Exchange) -> None:
        await until.wait()
        await exchange.send(raw)

    return reply


# one request after another


@pytest.mark.parametrize("cut", range(1, len(GET + POST)))
async def test_wherever_the_bytes_are_cut(walk: Walk, cut: int) -> None:
    """Two requests are two requests, at a glance."""
    walks = await warm(walk)
    both = GET + POST
    async with await walk.client() as client:
        await client.send(both[:cut])
        await asyncio.sleep(0.002)
        await client.send(both[cut:])
        assert [(await client.answer()).body.data for _ in range(2)] == [b"ok", b"ok"]
    assert [(seen.method, seen.body.data) for seen in walk.upstream.requests] == [("GET", b""), ("POST", b"hello")]
    assert (walks, walk.upstream.connections) == ([], 1)


async def test_plain_requests_and_others_in_one_stream(walk: Walk) -> None:
    """Each is answered by its own answer, in order, whoever serves it."""
    await warm(walk)
    stream = [GET, CHUNKS, POST, OLD, GET, b"\r\n" + GET, CHUNKS, GET]
    walk.upstream.script.extend(say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number) for number in range(len(stream)))
    async with await walk.client() as client:
        await client.send(b"".join(stream))
        answers = [await client.answer() for _ in stream]
    assert [answer.body.data for answer in answers] == [b"%d" % number for number in range(len(stream))]
    assert [seen.body.data for seen in walk.upstream.requests] == [b"", b"x", b"hello", b"", b"", b"", b"x", b""]


async def test_a_connection_comes_back_after_what_is_not_plain(walk: Walk) -> None:
    """The next plain request is served at a glance again."""
    walks = await warm(walk)
    async with await walk.client() as client:
        for raw in (GET, CHUNKS, GET, OLD, GET):
            assert (await client.ask(raw)).status == 200
            async with asyncio.timeout(5):
                while not fronts(walk):  # noqa: ASYNC110  # no event
                    await asyncio.sleep(0)
    assert walks == []


async def test_the_answer_before_a_bad_request_arrives(walk: Walk) -> None:
    """Then 400 and the end."""
    await warm(walk)
    async with await walk.client() as client:
        await client.send(GET + BAD + GET)
        assert [(await client.answer()).status for _ in range(2)] == [200, 400]
        assert await client.rest() == b""
    assert len(walk.upstream.requests) == 1


async def test_too_many_requests_before_their_turn_are_not_read(walk: Walk) -> None:
    """Beyond the bound reading pauses, and goes on when there is room."""
    await warm(walk)
    first = asyncio.Event()
    walk.upstream.script.append(held(first))
    padded = request("/x", headers=f"X: {'x' * 1000}\r\n")
    count = 6 * PIPELINE_LIMIT // len(padded)
    async with await walk.client() as client:
        sending = asyncio.create_task(client.send(GET + padded * count))
        await walk.asked()
        one = await front(walk)
        async with asyncio.timeout(5):
            while not one._reading_held:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.001)
        assert len(one._buffer) <= PIPELINE_LIMIT + (256 << 10)  # what one read brings
        first.set()
        assert [(await client.answer()).status for _ in range(count + 1)] == [200] * (count + 1)
        await sending
        assert not one._reading_held


async def test_what_was_asked_before_an_end_is_answered(walk: Walk) -> None:
    """Also where the caller reads slowly, and closes its sending side before anything could be written."""
    await warm(walk)
    walk.upstream.reply = say(FULL)
    count = 60
    async with await walk.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        await client.send(GET * count)
        one = await front(walk)
        async with asyncio.timeout(5):
            while not (one.writing_paused and not one._busy):  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.001)
        client.half_close()
        await asyncio.sleep(0.02)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        answers = [await client.answer() for _ in range(count)]
        assert [len(answer.body.data) for answer in answers] == [SIZE] * count
        assert (answers[-1].get("Connection"), await client.rest()) == ("close", b"")


# bodies that are on their way


async def test_a_body_that_comes_in_pieces(walk: Walk) -> None:
    """Within a tick it is waited for, and served at a glance."""
    walks = await warm(walk)
    async with await walk.client() as client:
        for piece in (POST[:-4], POST[-4:-1], POST[-1:]):
            await client.send(piece)
            await asyncio.sleep(0.001)
        assert (await client.answer()).status == 200
    assert (walks, walk.upstream.requests[0].body.data) == ([], b"hello")


async def test_a_body_that_takes_longer(walk: Walk) -> None:
    """It is sent on as it comes, by the walk, from the next tick on; the next request is plain again."""
    walks = await warm(walk)
    async with await walk.client() as client:
        await client.send(POST[:-4])
        one = await front(walk)
        async with asyncio.timeout(5):
            while not one._busy:  # noqa: ASYNC110  # the tick has no event
                await asyncio.sleep(0.005)
        await client.send(POST[-4:] + GET)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert [seen.body.data for seen in walk.upstream.requests] == [b"hello", b""]
    assert len(walks) == 1


async def test_a_large_body_is_not_waited_for(walk: Walk) -> None:
    """It flows, and no more than a bound of it is here at a time."""
    await warm(walk)
    body = bytes(range(256)) * (8 << 12)  # 8 MiB
    async with await walk.client() as client:
        assert (await client.ask(request("/p", method="PUT", body=body))).status == 200
        assert (await client.ask(GET)).status == 200
    assert len(body) > AT_ONCE
    assert walk.upstream.requests[0].body.data == body


async def test_an_upstream_that_reads_nothing_holds_the_caller(walk: Walk) -> None:
    """An upload is not read on when nobody takes it."""
    await warm(walk)
    may_read = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await may_read.wait()
        await exchange.reader.readexactly(LARGE)
        await exchange.send(OK)

    walk.upstream.early = slow
    async with await walk.client() as client:
        sending = asyncio.create_task(client.send(request("/p", method="PUT", headers=f"Content-Length: {LARGE}\r\n") + bytes(LARGE)))
        await walk.paused()
        one = await front(walk)
        assert one._payload is not None
        assert one._payload._held <= 2 * (256 << 10)
        may_read.set()
        assert (await client.answer()).status == 200
        await sending


LARGE = 32 << 20  # bytes: more than what sockets and buffers hold


async def test_an_answer_before_the_body_has_come(walk: Walk) -> None:
    """The caller sees it, whole, though the rest of its body is wanted by nobody; then the connection ends."""
    await warm(walk)
    walk.upstream.early = say(OK, close=True)
    async with await walk.client() as client:
        await client.send(request("/p", method="PUT", headers=f"Content-Length: {2 * AT_ONCE}\r\n") + b"x")
        answer = await client.answer()
        assert (answer.status, answer.get("Connection")) == (200, "close")
        await client.send(bytes(2 * AT_ONCE - 1) + GET)
        assert await client.rest() == b""
    assert len(walk.upstream.requests) == 1


async def test_a_body_that_nobody_wants_and_that_never_ends(walk: Walk, clock: Clock) -> None:
    """It is thrown away for a while only."""
    await warm(walk)
    walk.upstream.early = say(OK, close=True)
    async with await walk.client() as client:
        await client.send(request("/p", method="PUT", headers=f"Content-Length: {2 * AT_ONCE}\r\n") + b"x")
        assert (await client.answer()).status == 200
        await walk.quiet()  # the walk is over, which comes behind its answer
        await asyncio.sleep(0)
        clock.ahead += LINGER
        with pytest.raises(ConnectionResetError):
            await ends(client)


async def ends(client: Any) -> None:
    """A reset, or an end that any write turns into one."""
    if await client.rest() == b"":
        raise ConnectionResetError


@pytest.mark.parametrize("how", ["half_close", "reset"])
async def test_a_caller_that_leaves_in_its_body(walk: Walk, how: str) -> None:
    """The upstream sees a cut request, and the call is over."""
    await warm(walk)
    async with await walk.client() as client:
        await client.send(request("/p", method="PUT", headers=f"Content-Length: {2 * AT_ONCE}\r\n") + b"x" * 1000)
        async with asyncio.timeout(5):
            while not walk.handler.running:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0)
        getattr(client, how)()
        await walk.quiet()
        assert how == "reset" or await client.rest() == b""
    assert [line["code"] for line in walk.access()[1:]] == ["client_left"]
    assert walk.upstream.requests == []


# deadlines


async def test_a_head_that_does_not_arrive(walk: Walk, clock: Clock) -> None:
    """408 and the end, and nobody else is disturbed."""
    await warm(walk)
    async with await walk.client() as slow, await walk.client() as other:
        await slow.send(GET[:-1])
        await asyncio.sleep(0.01)
        clock.ahead += walk.limits.head_timeout
        answer = await slow.answer()
        assert (answer.status, answer.get("Connection"), await slow.rest()) == (408, "close", b"")
        assert (await other.ask(GET)).status == 200


async def test_a_head_that_arrives_late_but_in_time(walk: Walk, clock: Clock) -> None:
    """Its time is over with its end."""
    await warm(walk)
    async with await walk.client() as client:
        await client.send(GET[:-1])
        await asyncio.sleep(0.01)
        clock.ahead += walk.limits.head_timeout * 0.9
        assert (await client.ask(GET[-1:])).status == 200
        clock.ahead += walk.limits.head_timeout
        await asyncio.sleep(0.11)  # two ticks
        assert (await client.ask(GET)).status == 200


@pytest.mark.parametrize(
    ("start", "status"),
    [(b"GET /" + b"x" * 5000, 431), (GET[:-2] + b"X: " + b"x" * 5000, 431), (b"GET / HTTP/1.1\nHost: a\n\n", 400), (b"\0\r\n\r\n", 400)],
)
async def test_a_doubtful_or_oversized_head(walk: Walk, start: bytes, status: int) -> None:
    """It is refused as by the ordinary lane, whole or not."""
    await warm(walk)
    async with await walk.client() as client:
        await client.send(start)
        answer = await client.answer()
        assert (answer.status, await client.rest()) == (status, b"")


async def test_a_connection_at_rest_ends(walk: Walk, clock: Clock) -> None:
    """After `idle_timeout`, counted from its last answer."""
    walk.limits = replace(walk.limits, idle_timeout=0.2)
    await warm(walk)
    async with await walk.client() as client:
        await client.ask(GET)
        clock.ahead += 0.2
        assert await client.rest() == b""


async def test_a_caller_that_takes_nothing_is_cut(walk: Walk) -> None:
    """A connection whose answer cannot be written does not rest for ever."""
    walk.limits = replace(walk.limits, idle_timeout=0.2)
    await warm(walk)
    walk.upstream.reply = say(FULL)
    async with await walk.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        await client.send(GET * 60)
        one = await front(walk)
        async with asyncio.timeout(5):
            while not (one.writing_paused and not one._busy):  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.001)
        async with asyncio.timeout(5):
            while fronts(walk):  # noqa: ASYNC110  # its end has no event
                await asyncio.sleep(0.01)


# the end of a stop


async def test_retired_at_rest(walk: Walk) -> None:
    """The connection ends at once."""
    await warm(walk)
    async with await walk.client() as client:
        await client.ask(GET)
        walk.clients.retire()
        assert await client.rest() == b""


@pytest.mark.parametrize("raw", [GET, CHUNKS], ids=["plain", "not plain"])
async def test_retired_in_an_answer(walk: Walk, raw: bytes) -> None:
    """The answer arrives, and says that it is the last."""
    await warm(walk)
    may = asyncio.Event()
    walk.upstream.script.append(held(may))
    async with await walk.client() as client:
        await client.send(raw)
        await walk.asked()
        walk.clients.retire()
        may.set()
        answer = await client.answer()
        assert (answer.body.data, answer.get("Connection"), await client.rest()) == (b"ok", "close", b"")


async def test_retired_behind_a_head_that_stays(walk: Walk) -> None:
    """Where the head went out before, the connection ends behind the body."""
    await warm(walk)
    may = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.send(OK[:-1])
        await may.wait()
        await exchange.send(OK[-1:])

    walk.upstream.script.append(slow)
    async with await walk.client() as client:
        await client.send(GET)
        await client.head()
        walk.clients.retire()
        may.set()
        assert await client.rest() == b"ok"


async def test_accepted_while_it_retires(walk: Walk) -> None:
    """A connection that was accepted just before ends after its first answer."""
    await warm(walk)
    walk.clients.retire()
    async with await walk.client() as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.get("Connection"), await client.rest()) == (200, "close", b"")


async def test_a_fault_outside_a_walk(walk: Walk) -> None:
    """It costs this connection, visibly, and no other."""
    await warm(walk)

    async def fail(_request: object) -> bool:
        raise RuntimeError

    serve, walk.handler.serve = walk.handler.serve, fail  # type: ignore[method-assign,assignment]
    async with await walk.client() as client, await walk.client() as other:
        await client.send(request("/p", method="PUT", headers=f"Content-Length: {2 * AT_ONCE}\r\n") + b"x")
        with pytest.raises(ConnectionResetError):
            await client.rest()
        walk.handler.serve = serve  # type: ignore[method-assign]
        assert (await other.ask(GET)).status == 200


class Stalled(asyncio.Transport):
    """A caller's connection that keeps `waiting` bytes of what is written to it."""

    def __init__(self, waiting: int) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.waiting, self.said, self.closed = waiting, b"", False
        self.aborted = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True
        self.aborted.set()


@pytest.mark.parametrize("how", ["closes", "retires"])
async def test_nothing_is_served_behind_the_end(walk: Walk, how: str) -> None:
    """RFC 9112 §9.6: a caller may send again what stood behind an answer that closes, however late it reads that answer."""
    await warm(walk)
    gate = asyncio.Event()
    walk.upstream.script.append(held(gate))
    connection, caller = walk.clients(), Stalled(5)
    assert isinstance(connection, Front)
    connection.connection_made(caller)
    connection.data_received((CLOSING if how == "closes" else GET) + POST)
    if how == "retires":
        connection.retire()
    gate.set()
    async with asyncio.timeout(5):
        while not caller.closed:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0)
    connection.pause_writing()
    connection.resume_writing()
    await asyncio.sleep(0.01)
    assert caller.said.count(b"HTTP/1.1 ") == 1
    assert (b"Connection: close" in caller.said, walk.handler.running) == (True, 0)
    connection.connection_lost(None)
    assert len(walk.upstream.requests) == 1


@pytest.mark.parametrize("closing", [False, True])
async def test_a_caller_that_takes_little_is_cut(walk: Walk, *, closing: bool) -> None:
    """However little waits for it, and also where an end waits for it."""
    walk.limits = replace(walk.limits, idle_timeout=0.02)
    await walk.start()
    connection, caller = walk.clients(), Stalled(5)
    assert isinstance(connection, Front)
    connection.connection_made(caller)
    if closing:
        connection.close()
    async with asyncio.timeout(5):
        await caller.aborted.wait()
    connection.connection_lost(None)
