"""proxy/http/express/exchange.py: one plain call in callbacks, and what goes on in the walk."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from proxy.http.routing import ExpiredWhen, Inject, PoolOptions, Replay, Rewrite, Timeout
from proxy.http.upstream.connection import HIGH_WATER
from proxy.oauth.template import Template
from proxy.units import Bytes, Seconds
from tests.clients.raw import request
from tests.fakes.raw import OK, Exchange, Reply, say
from tests.fakes.wire import chunked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.http.conftest import Walk
    from tests.unit.http.express.conftest import Clock

GET = request("/x")
HEAD = request("/x", method="HEAD")
POST = request("/p", method="POST", body=b"hello")
CLOSING = request("/x", headers="Connection: close\r\n")
BODY = bytes(range(256)) * 200  # 50 KiB
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WARM = 2  # calls: one that opens the connection, and one at a glance
LARGE = 48 << 20  # bytes: more than what the two sockets and our buffers hold


async def warm(walk: Walk, **facts: Any) -> list[object]:
    """A route with a token and a connection at hand; the walks that are taken from now on."""
    await walk.start(**facts)
    if walk.active.token is not None:
        await walk.tokens.token(walk.active.token.key)
    async with await walk.client() as client:
        for _ in range(WARM):
            await client.ask(GET)
    await walk.quiet()
    while [*walk.ordinary.connections, *getattr(walk.clients, "fronts", ())]:  # noqa: ASYNC110  # its end has no event
        await asyncio.sleep(0)
    walk.upstream.requests.clear()
    walks: list[object] = []
    walk.clients.own = walks.append  # type: ignore[union-attr,method-assign]  # the lane is told of every walk
    return walks


def sent(walk: Walk) -> list[str]:
    return [seen.head.get("Authorization") for seen in walk.upstream.requests]


def then(raw: bytes, *more: Callable[[Exchange], Awaitable[Any]]) -> Reply:
    """Answer `raw`, then do `more`."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(raw)
        for step in more:
            await step(exchange)

    return reply


async def gone(exchange: Exchange) -> None:
    await exchange.gone()


async def a_moment(_exchange: Exchange) -> None:
    """What was sent is read before what follows."""
    await asyncio.sleep(0.01)


def also(raw: bytes) -> Callable[[Exchange], Awaitable[None]]:
    return lambda exchange: exchange.send(raw)


async def waiting(walk: Walk) -> None:
    """The upstream has the request, and what it answered so far has come back."""
    await walk.asked()
    await asyncio.sleep(0.02)


# at a glance

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
GLANCES = {
    "at once": (GET, [OK], OK),
    "no body": (GET, [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "head alone": (GET, [OK[:-2], b"o", b"k"], OK),
    "HEAD": (HEAD, [OK[:-2]], OK[:-2]),
    "204": (GET, [b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"], b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"),
    "304": (GET, [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"], b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
    "404": (GET, [OK.replace(b"200 OK", b"404 Not Found")], OK.replace(b"200 OK", b"404 Not Found")),
    "keep-alive": (GET, [LENGTH % 2 + b"Connection: keep-alive\r\n\r\nok"], OK),
    "closing caller": (CLOSING, [OK], LENGTH % 2 + b"Connection: close\r\n\r\nok"),
    "body": (POST, [OK], OK),
    "chunked": (GET, [CHUNKED, b"2\r\nok\r\n", b"0\r\n\r\n"], CHUNKED + b"2\r\nok\r\n0\r\n\r\n"),
    "chunked at once": (GET, [CHUNKED + b"1;x=y\r\no\r\n1\r\nk\r\n0\r\nX: y\r\n\r\n"], CHUNKED + b"2\r\nok\r\n0\r\n\r\n"),
    "chunks cut anywhere": (GET, [CHUNKED + b"2", b"\r\no", b"k\r", b"\n0\r", b"\n\r\n"], CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n"),
    "chunked to a closing caller": (
        CLOSING,
        [CHUNKED + b"0\r\n\r\n"],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("raw", "answer", "relayed"), GLANCES.values(), ids=GLANCES)
async def test_served_at_a_glance(walk: Walk, raw: bytes, answer: list[bytes], relayed: bytes) -> None:
    """Without a walk, on the connection that was at rest, byte for byte; both connections serve another call."""
    walks = await warm(walk)
    first, *rest = answer
    steps = [step for piece in rest for step in (a_moment, also(piece))]
    walk.upstream.script.append(then(first, *steps))
    async with await walk.client() as client:
        await client.send(raw)
        assert await client.part(len(relayed)) == relayed
        if b"Connection: close" in relayed:
            assert await client.rest() == b""
        else:
            assert (await client.ask(GET)).body.data == b"ok"
    assert (walks, walk.upstream.connections) == ([], 1)


async def test_what_is_sent_at_a_glance(walk: Walk) -> None:
    """The request with the token and what the route puts in, and the body behind it."""
    walks = await warm(walk, credential="crm", inject=Inject(headers={"X-Put": Template.parse("in")}), via=True, forwarded="x-forwarded")
    async with await walk.client() as client:
        await client.ask(request("/p?q", method="POST", body=b"hello", headers="Authorization: mine\r\nX-Put: out\r\nX-Own: yes\r\n"))
    (seen,) = walk.upstream.requests
    assert (seen.method, seen.target, seen.body.data, walks) == ("POST", b"/p?q", b"hello", [])
    shown = [seen.head.get(name) for name in ("Authorization", "X-Put", "X-Own", "Via", "X-Forwarded-For", "X-Forwarded-Host")]
    assert shown == ["Bearer t1", "in", "yes", "1.1 bearerd", "127.0.0.1", "bearerd.test"]


async def test_locations_and_cookies_are_rewritten(walk: Walk) -> None:
    """As the walk does it."""
    walks = await warm(walk, rewrite=Rewrite())
    fields = f"Location: {walk.upstream.url}/y\r\nSet-Cookie: a=b; Domain=127.0.0.1\r\n".encode()
    walk.upstream.script.append(say(b"HTTP/1.1 302 Found\r\n" + fields + b"Content-Length: 0\r\n\r\n"))
    async with await walk.client() as client:
        answer = await client.ask(GET)
    assert (answer.get("Location"), answer.get("Set-Cookie"), walks) == ("http://bearerd.test/y", "a=b", [])


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (GET, OK + b"x"),
        (GET, OK + OK),
        (HEAD, OK),
        (GET, CHUNKED + b"2\r\nok\r\n0\r\n\r\nx"),
        (GET, LENGTH % 2 + b"Connection: close\r\n\r\nok"),
        (GET, CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"2\r\nok\r\n0\r\n\r\n"),
    ],
)
async def test_an_upstream_connection_that_is_not_clean_ends(walk: Walk, raw: bytes, answer: bytes) -> None:
    """Bytes behind an answer are nobody's, and no other call gets them; nor is a closing connection used again."""
    walks = await warm(walk)
    walk.upstream.script.append(say(answer))
    async with await walk.client() as client:
        first = await client.ask(raw)
        assert (first.status, first.get("Connection"), walk.active.connections) == (200, "", (0, 0))
        assert ((await client.ask(GET)).body.data, walk.upstream.connections, len(walks)) == (b"ok", 2, 1)


async def test_bytes_behind_an_answer_that_come_late(walk: Walk) -> None:
    """They end the connection at rest."""
    await warm(walk)
    walk.upstream.script.append(then(OK, a_moment, also(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), gone))
    async with await walk.client() as client:
        assert (await client.ask(GET)).body.data == b"ok"
        await asyncio.sleep(0.02)
        assert ((await client.ask(GET)).body.data, walk.upstream.connections) == (b"ok", 2)


# what goes on in the walk


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ([b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK], 200, b"ok"),
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n", OK], 200, b"ok"),
        ([OK[:9], OK[9:]], 200, b"ok"),
        ([OK.replace(b": 2", b":2")], 200, b"ok"),
        ([b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"], 204, b""),
        ([b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok"], 200, b"ok"),
        ([OK + b"", b""], 200, b"ok"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"], 502, None),
        ([b"SSH-2.0-x\r\n\r\n"], 502, None),
        ([BUSY, OK], 200, b"ok"),
    ],
)
async def test_an_answer_that_is_not_plain(walk: Walk, answer: list[bytes], status: int, body: bytes | None) -> None:
    """It is read by the walk from its first byte on, and nothing of it is lost."""
    await warm(walk)
    first, *rest = answer
    if first == BUSY:
        walk.upstream.script.extend(say(raw) for raw in answer)
    else:
        walk.upstream.script.append(then(first, *(step for piece in rest for step in (a_moment, also(piece)))))
    async with await walk.client() as client:
        got = await client.ask(GET)
    assert got.status == status
    assert body is None or got.body.data == body
    assert got.get("X-Hop") == ""
    assert len(got.interim) == answer[0].count(b" 103 ")


@pytest.mark.parametrize("close", [True, False])
async def test_an_answer_that_ends_with_its_connection(walk: Walk, close: bool) -> None:  # noqa: FBT001  # a column of the table
    """It is whole only where the connection ended in order, and reaches the caller chunked."""
    await warm(walk)
    walk.upstream.script.append(then(b"HTTP/1.1 200 OK\r\n\r\nok", a_moment, say(b"", close=close, cut=not close)))
    async with await walk.client() as client:
        await client.send(GET)
        if close:
            assert (await client.answer()).body.data == b"ok"
        else:
            with pytest.raises(ConnectionResetError):
                await client.rest()


@pytest.mark.parametrize("raw", [GET, POST, request("/p", method="PUT", body=BODY)], ids=["GET", "POST", "large"])
async def test_a_refused_token_is_replaced(walk: Walk, raw: bytes) -> None:
    """The call enters the walk with its 401, and is replayed with the same bytes and a new token."""
    walks = await warm(walk, credential="crm")
    walk.upstream.script.append(say(REFUSED))
    async with await walk.client() as client:
        answer = await client.ask(raw)
    first, second = walk.upstream.requests
    assert (answer.status, answer.body.data, sent(walk)) == (200, b"ok", ["Bearer t1", "Bearer t2"])
    assert first.head.raw.replace(b"t1", b"t2") == second.head.raw
    assert first.body.data == second.body.data == raw.partition(b"\r\n\r\n")[2]
    assert ("token_replaced; " in answer.get("Proxy-Status"), len(walks), walk.upstream.connections) == (True, 1, 1)


@pytest.mark.parametrize(
    ("facts", "raw", "reason"),
    [
        ({"replay": Replay(memory=Bytes(3))}, POST, "body_not_replayable"),
        ({"unauthorized": "pass"}, GET, "replay_disabled"),
        ({"unauthorized": "replay_idempotent"}, POST, "not_idempotent"),
    ],
)
async def test_a_refusal_that_is_passed_on(walk: Walk, facts: dict[str, Any], raw: bytes, reason: str) -> None:
    """With the reason, and sent once."""
    await warm(walk, credential="crm", **facts)
    walk.upstream.script.append(say(REFUSED))
    async with await walk.client() as client:
        answer = await client.ask(raw)
    assert (answer.status, answer.body.data, len(walk.upstream.requests)) == (401, b"no", 1)
    assert f'details="{reason}; ' in answer.get("Proxy-Status")


async def test_a_body_that_only_the_disk_may_keep(walk: Walk) -> None:
    """It is replayed, and takes no memory that it was not given."""
    await warm(walk, credential="crm", replay=Replay(memory=Bytes(3), memory_total=Bytes(100), disk=Bytes(1000)))
    walk.upstream.script.append(say(REFUSED))
    async with await walk.client() as client:
        assert (await client.ask(POST)).status == 200
    assert [seen.body.data for seen in walk.upstream.requests] == [b"hello", b"hello"]


async def test_no_memory_for_a_replay(walk: Walk) -> None:
    """The walk decides what becomes of the body, as for every other."""
    walks = await warm(walk, credential="crm", replay=Replay(memory_total=Bytes(4)))
    walk.upstream.script.append(say(REFUSED))
    async with await walk.client() as client:
        assert (await client.ask(POST)).status == 401
    assert (len(walks), len(walk.upstream.requests)) == (1, 1)


async def test_memory_is_taken_while_an_answer_is_awaited(walk: Walk) -> None:
    """And given back at its end, as every test here sees."""
    await warm(walk, credential="crm")
    seen: list[int] = []

    async def look(exchange: Exchange) -> None:
        seen.append(walk.active.memory._free)
        await exchange.send(OK)

    walk.upstream.script.append(look)
    async with await walk.client() as client:
        await client.ask(POST)
    assert seen == [walk.active.route.replay.memory_total - 5]


@pytest.mark.parametrize(("again", "status"), [(GET, 200), (POST, 502)], ids=["GET", "POST"])
async def test_a_connection_that_had_ended(walk: Walk, again: bytes, status: int) -> None:
    """A call that may be sent twice is sent again on a new connection; another is not."""
    await warm(walk)
    walk.upstream.script.append(say(b"", cut=True))
    async with await walk.client() as client:
        assert (await client.ask(again)).status == status


async def test_expired_by_a_matcher(walk: Walk) -> None:
    """Every status that the route names is looked at by the walk."""
    walks = await warm(walk, credential="crm", expired_when=ExpiredWhen(status=(401, 200), header={"X-Expired": "yes"}))
    walk.upstream.script.append(say(b"HTTP/1.1 200 OK\r\nX-Expired: yes\r\nContent-Length: 2\r\n\r\nno"))
    async with await walk.client() as client:
        assert ((await client.ask(GET)).body.data, sent(walk), len(walks)) == (b"ok", ["Bearer t1", "Bearer t2"], 1)


async def test_a_busy_route_says_so(walk: Walk) -> None:
    """A call at a glance takes a place among `max_concurrency`, and gives it back."""
    await warm(walk, max_concurrency=1)
    done = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await done.wait()
        await exchange.send(OK)

    walk.upstream.script.append(slow)
    async with await walk.client() as first, await walk.client() as second:
        await first.send(GET)
        await walk.asked()
        assert (await second.ask(GET)).status == 503
        done.set()
        assert (await first.answer()).status == 200
        assert (await second.ask(GET)).status == 200


async def test_no_idle_connection(walk: Walk) -> None:
    """The walk opens one."""
    walks = await warm(walk)
    walk.active.own.pool.take(idempotent=True).abort()  # type: ignore[union-attr]  # one is at rest
    walk.active.own.pool.release(next(iter(walk.active.own.pool._active)))
    async with await walk.client() as client:
        assert ((await client.ask(GET)).status, len(walks), walk.upstream.connections) == (200, 1, 2)


async def test_a_full_pool(walk: Walk) -> None:
    """Who finds no place waits in line, in the walk."""
    await warm(walk, pool=PoolOptions(connections=1))
    first_may = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await first_may.wait()
        await exchange.send(OK)

    walk.upstream.script.append(slow)
    async with await walk.client() as first, await walk.client() as second:
        await first.send(GET)
        await walk.asked()
        await second.send(GET)
        await asyncio.sleep(0.01)
        first_may.set()
        assert [(await client.answer()).status for client in (first, second)] == [200, 200]
    assert walk.upstream.connections == 1


# cuts and deadlines


@pytest.mark.parametrize(
    "reply",
    [
        say(LENGTH % 5 + b"\r\nok", cut=True),
        say(LENGTH % 5 + b"\r\nok", close=True),
        say(CHUNKED + b"2\r\nok\r\n", close=True),
        say(CHUNKED + b"2\r\nokx"),
        say(CHUNKED + b"zz\r\n"),
    ],
)
async def test_an_answer_that_is_cut(walk: Walk, reply: Reply) -> None:
    """The caller sees a reset, never an end, and the line says why."""
    walks = await warm(walk)
    walk.upstream.script.append(reply)
    async with await walk.client() as client:
        await client.send(GET)
        with pytest.raises(ConnectionResetError):
            await client.rest()
    await walk.quiet()
    assert [(line["status"], line["code"]) for line in walk.access()[WARM:]] == [(200, "upstream_body_cut")]
    assert walks == []


async def test_a_body_that_stands_still(walk: Walk, clock: Clock) -> None:
    """It is cut after `timeout.idle`, which the next tick sees."""
    walks = await warm(walk)
    walk.upstream.script.append(then(LENGTH % 5 + b"\r\nok", gone))
    async with await walk.client() as client:
        await client.send(GET)
        await client.head()
        clock.ahead += walk.active.route.timeout.idle
        with pytest.raises(ConnectionResetError):
            await client.rest()
    await walk.quiet()
    assert ([line["code"] for line in walk.access()[WARM:]], walks) == (["body_idle"], [])


async def test_a_body_that_moves_is_not_late(walk: Walk, clock: Clock) -> None:
    """Each piece brings the whole time anew."""
    await warm(walk)
    idle = walk.active.route.timeout.idle

    async def most_of_it(_exchange: Exchange) -> None:
        await asyncio.sleep(0.01)
        clock.ahead += idle * 0.9
        await asyncio.sleep(0.11)  # two ticks

    walk.upstream.script.append(then(LENGTH % 3 + b"\r\n", most_of_it, also(b"a"), most_of_it, also(b"b"), most_of_it, also(b"c")))
    async with await walk.client() as client:
        assert (await client.ask(GET)).body.data == b"abc"


@pytest.mark.parametrize(("raw", "sends"), [(GET, 1), (POST, 1)], ids=["GET", "POST"])
async def test_a_silent_upstream(walk: Walk, clock: Clock, raw: bytes, sends: int) -> None:
    """504 after `timeout.response`, as the walk says it."""
    await warm(walk)
    walk.upstream.reply = gone
    async with await walk.client() as client:
        await client.send(raw)
        await waiting(walk)
        clock.ahead += walk.active.route.timeout.response
        answer = await client.answer()
    assert (answer.status, "no response head within timeout.response" in answer.get("Proxy-Status")) == (504, True)
    assert len(walk.upstream.requests) == sends


async def test_a_call_that_takes_too_long_in_all(walk: Walk, clock: Clock) -> None:
    """504 after `timeout.total`, where that is the shorter one."""
    await warm(walk, timeout=Timeout(total=Seconds(5)))
    walk.upstream.reply = gone
    async with await walk.client() as client:
        await client.send(GET)
        await waiting(walk)
        clock.ahead += 5
        answer = await client.answer()
    assert (answer.status, "timeout.total" in answer.get("Proxy-Status")) == (504, True)


@pytest.mark.parametrize("raw", [GET, POST], ids=["GET", "POST"])
@pytest.mark.parametrize(
    ("reply", "status"),
    [(gone, 499), (then(LENGTH % 5 + b"\r\nok", gone), 200), (then(CHUNKED, gone), 200)],
    ids=["before the head", "in the body", "in chunks"],
)
async def test_a_caller_that_leaves(walk: Walk, raw: bytes, reply: Reply, status: int) -> None:
    """The call ends, its upstream connection too, and the line says who it was."""
    walks = await warm(walk)
    walk.upstream.script.append(reply)
    client = await walk.client()
    await client.send(raw)
    await waiting(walk)
    client.reset()
    await walk.quiet()
    (line,) = walk.access()[WARM:]
    assert (line["status"], line["code"], line["client"], walk.active.connections) == (status, "client_left", "127.0.0.1", (0, 0))
    assert walks == []


async def test_a_caller_that_sends_no_more(walk: Walk) -> None:
    """Who closes its sending side gets its answer, and then the end."""
    await warm(walk)
    walk.upstream.script.append(then(b"", waits_a_moment, also(OK)))
    async with await walk.client() as client:
        await client.send(GET)
        client.half_close()
        assert (await client.answer()).get("Connection") == "close"
        assert await client.rest() == b""


async def waits_a_moment(_exchange: Exchange) -> None:
    """A caller's end is seen before the answer."""
    await asyncio.sleep(0.05)


async def test_a_slow_reader_holds_the_upstream(walk: Walk) -> None:
    """What the caller does not take is not read, and all of it arrives in the end."""
    await warm(walk)
    done = asyncio.Event()
    piece = bytes(range(256)) * 4096  # 1 MiB

    async def flood(exchange: Exchange) -> None:
        await exchange.send(LENGTH % LARGE + b"\r\n")
        for _ in range(LARGE // len(piece)):
            await exchange.send(piece)
        done.set()

    walk.upstream.script.append(flood)
    async with await walk.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        await client.send(GET)
        await walk.asked()
        (connection,) = walk.active.own.pool._active
        async with asyncio.timeout(10):
            while not connection._reading_paused:  # noqa: ASYNC110  # no event tells it
                await asyncio.sleep(0.01)
        (front,) = walk.clients.fronts  # type: ignore[union-attr]  # the express lane's
        await asyncio.sleep(0.05)
        assert front.transport is not None
        assert front.transport.get_write_buffer_size() <= 2 * HIGH_WATER
        assert not done.is_set()
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        head = await client.head()
        body = await client.part(LARGE)
        assert (head.get("Content-Length"), body == piece * (LARGE // len(piece))) == (str(LARGE), True)
        assert not connection._reading_paused


async def test_a_reader_that_stands_still(walk: Walk, clock: Clock) -> None:
    """It is cut after `timeout.idle`, and its upstream let go."""
    await warm(walk)

    async def flood(exchange: Exchange) -> None:
        await exchange.send(LENGTH % LARGE + b"\r\n")
        while not exchange.ended:
            await exchange.send(bytes(1 << 16))

    walk.upstream.script.append(flood)
    async with await walk.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        await client.send(GET)
        await walk.asked()
        (connection,) = walk.active.own.pool._active
        async with asyncio.timeout(10):
            while not connection._reading_paused:  # noqa: ASYNC110  # no event tells it
                await asyncio.sleep(0.01)
        clock.ahead += walk.active.route.timeout.idle
        await walk.quiet()
    assert [line["code"] for line in walk.access()[WARM:]] == ["body_idle"]


# both lanes

PADDED = request("/a/b?c=%20d", headers="X-Request-Id: own-1\r\nUser-Agent: x\r\n")
ALIKE: dict[str, tuple[dict[str, Any], bytes, list[Reply]]] = {
    "GET": ({}, GET, [say(OK)]),
    "with a token": ({"credential": "crm"}, PADDED, [say(OK)]),
    "HEAD": ({}, HEAD, [say(OK[:-2])]),
    "POST": ({"credential": "crm"}, POST, [say(OK)]),
    "large": ({"credential": "crm"}, request("/p", method="PUT", body=BODY), [say(LENGTH % len(BODY) + b"\r\n" + BODY)]),
    "204": ({}, GET, [say(b"HTTP/1.1 204 No Content\r\n\r\n")]),
    "404": ({}, GET, [say(OK.replace(b"200 OK", b"404 Not Found"))]),
    "chunked": ({}, GET, [say(CHUNKED + chunked(b"hello", 2))]),
    "interim": ({}, GET, [say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)]),
    "healed": ({"credential": "crm"}, POST, [say(REFUSED), say(OK)]),
    "refused": ({"credential": "crm"}, GET, [say(REFUSED), say(REFUSED)]),
    "passed on": ({"credential": "crm", "unauthorized": "pass"}, GET, [say(REFUSED)]),
    "busy": ({}, GET, [say(BUSY), say(OK)]),
    "busy POST": ({}, POST, [say(BUSY)]),
    "forbidden": ({"credential": "crm"}, GET, [say(OK.replace(b"200 OK", b"403 Forbidden"))]),
    "stale": ({}, GET, [say(b"", cut=True), say(OK)]),
    "stale POST": ({}, POST, [say(b"", cut=True)]),
    "cut": ({}, GET, [say(LENGTH % 5 + b"\r\nok", cut=True)]),
    "cut chunks": ({"credential": "crm"}, POST, [say(CHUNKED + b"2\r\nok\r\n", cut=True)]),
    "no HTTP": ({}, GET, [say(b"SSH-2.0-x\r\n\r\n")]),
    "not found": ({"methods": ("GET",)}, POST, []),
    "bad path": ({}, request("/%2e%2e/x"), []),
    "closing": ({}, CLOSING, [say(OK)]),
    "odd query": ({}, request("/x?token=secret&b"), [say(OK)]),
}
TIMES = {"time", "ts", "ms", "seconds", "detail"}


async def told(walk: Walk, facts: dict[str, Any], raw: bytes, replies: list[Reply]) -> tuple[bytes, list[dict[str, Any]], dict[str, float]]:
    """What the caller, the log and the metrics are told of a call, but for times and ports."""
    await warm(walk, **facts)
    walk.upstream.script.extend(replies)
    async with await walk.client() as client:
        await client.send(raw.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n") if b"Connection" not in raw else raw)
        try:
            answer = await client.rest()
        except ConnectionResetError:
            answer = b"reset"
    await walk.quiet()
    lines = [{key: value for key, value in line.items() if key not in TIMES} for line in walk.access()]
    series = {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in walk.metrics.registry.collect()
        for sample in family.samples
        if sample.name.startswith("bearerd_") and not sample.name.endswith(("_sum", "_bucket", "_created", "_seconds"))
    }
    return answer, lines, series


@pytest.mark.parametrize(("facts", "raw", "replies"), ALIKE.values(), ids=ALIKE)
async def test_both_lanes_tell_the_same(both: tuple[Walk, Walk], facts: dict[str, Any], raw: bytes, replies: list[Reply]) -> None:
    """Answers byte for byte, access lines field by field, metrics number by number; only durations differ."""
    ordinary, express = [await told(walk, facts, raw, list(replies)) for walk in both]
    assert express[1] == ordinary[1]
    assert express[2] == ordinary[2]
    assert without_durations(express[0]) == without_durations(ordinary[0])


def without_durations(answer: bytes) -> bytes:
    return re.sub(rb"\d+(\.\d+)? m?s", b"T", answer)


@pytest.mark.parametrize("reply", [gone, then(LENGTH % 5 + b"\r\nok", gone)], ids=["before the head", "in the body"])
@pytest.mark.parametrize("raw", [GET, POST], ids=["GET", "POST"])
async def test_both_lanes_tell_the_same_of_a_caller_that_left(both: tuple[Walk, Walk], raw: bytes, reply: Reply) -> None:
    """Its access line too."""
    lines = []
    for walk in both:
        await warm(walk)
        walk.upstream.script.append(reply)
        client = await walk.client()
        await client.send(raw)
        await waiting(walk)
        client.reset()
        await walk.quiet()
        lines.append([{key: value for key, value in line.items() if key not in TIMES} for line in walk.access()])
    assert lines[0] == lines[1]


async def test_a_fault_of_ours_in_an_answer_sends_nothing_again(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk reads what came, and the log says what failed."""
    await warm(walk)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("proxy.http.express.exchange.read_response", fail)
    async with await walk.client() as client:
        assert (await client.ask(GET)).body.data == b"ok"
    assert len(walk.upstream.requests) == 1
    assert [line["event"] for line in walk.told("internal_error")] == ["internal_error"]
