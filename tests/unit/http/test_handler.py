"""The walk of a request in one process: what is sent again, what is passed on, and that nothing stays held."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from proxy.errors import TokenInvalidScopeError, TokenServerError
from proxy.http.routing import BodyMatch, ExpiredWhen, Inject, PoolOptions, Replay, Retry, Timeout
from proxy.http.upstream.pool import SURELY_ALIVE
from proxy.oauth.template import Template
from proxy.units import Bytes, Seconds
from tests.clients.raw import request
from tests.fakes.raw import OK, Exchange, Reply, say
from tests.fakes.wire import chunked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.http.conftest import Walk

pytestmark = pytest.mark.lanes

GET = request("/x")
LARGE = bytes(range(256)) * (8 << 12)  # 8 MiB
POST = request("/p", method="POST", body=b"hello")
CHUNKS = b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello", 2)
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"


async def warm(walk: Walk, **facts: Any) -> None:
    """A route with a credential, whose token was obtained before the request."""
    await walk.start(credential="crm", **facts)
    await walk.tokens.token(walk.active.token.key)  # type: ignore[union-attr]  # the route has one


def sent(walk: Walk) -> list[str]:
    return [seen.head.get("Authorization") for seen in walk.upstream.requests]


def passed(walk: Walk) -> dict[str, Any]:
    """The one line about an answer that was passed on."""
    (line,) = walk.told("answer_passed_on")
    return line


def details(answer: Any) -> str:
    return str(answer.get("Proxy-Status"))


@pytest.mark.parametrize("raw", [GET, POST, CHUNKS], ids=["GET", "fixed", "chunked"])
async def test_a_refused_token_is_replaced_and_the_call_replayed(walk: Walk, raw: bytes) -> None:
    """Once, with the same body and the new token (rule 1); Proxy-Status says so."""
    await warm(walk)
    walk.upstream.script.append(say(REFUSED))
    async with await walk.client() as client:
        answer = await client.ask(raw)
    first, second = walk.upstream.requests
    assert (answer.status, sent(walk), first.body.data == second.body.data) == (200, ["Bearer t1", "Bearer t2"], True)
    assert "token_replaced; " in details(answer)
    assert walk.upstream.connections == 1


@pytest.mark.parametrize(
    ("facts", "raw", "requests", "fetches", "reason"),
    [
        ({"unauthorized": "pass"}, GET, 1, 2, "replay_disabled"),
        ({"unauthorized": "replay_idempotent"}, POST, 1, 2, "not_idempotent"),
        ({"replay": Replay(memory=Bytes(3))}, POST, 1, 2, "body_not_replayable"),
        ({"replay": Replay(memory=Bytes(3))}, CHUNKS, 1, 2, "body_not_replayable"),
        ({}, GET, 2, 2, "new_token_refused"),
    ],
)
async def test_a_401_that_is_passed_on(walk: Walk, facts: dict[str, Any], raw: bytes, requests: int, fetches: int, reason: str) -> None:
    """Unchanged, with the reason, and the token renewed where that helps the next call (rules 2 and 5)."""
    await warm(walk, **facts)
    walk.upstream.reply = say(REFUSED)
    async with await walk.client() as client:
        answer = await client.ask(raw)
    assert (answer.status, answer.body.data, answer.get("WWW-Authenticate")) == (401, b"no", "Bearer")
    assert (len(walk.upstream.requests), walk.tokens.fetches) == (requests, fetches)
    assert f'details="{reason}; ' in details(answer)


async def test_a_token_that_was_just_obtained_is_not_fetched_again(walk: Walk) -> None:
    """Its refusal is the API's word; the next call fetches none either, for a while (rule 2)."""
    await walk.start(credential="crm")
    walk.upstream.reply = say(REFUSED)
    async with await walk.client() as client:
        reasons = [details(await client.ask(GET)) for _ in range(2)]
    assert ["new_token_refused" in reasons[0], "refused_cooldown" in reasons[1]] == [True, True]
    assert (len(walk.upstream.requests), walk.tokens.fetches) == (2, 1)


async def test_a_401_goes_back_when_no_new_token_can_be_had(walk: Walk) -> None:
    """With its own body, and the token endpoint's cause (rule 4)."""
    await warm(walk)
    walk.upstream.reply = say(REFUSED)

    async def fail(*_: object, **__: object) -> Any:
        raise TokenServerError("it failed", alias="crm")

    walk.tokens.token = fail  # type: ignore[method-assign]  # from now on
    async with await walk.client() as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.body.data) == (401, b"no")
        assert "details=\"refetch_failed; token_endpoint_error; alias 'crm': it failed; nothing to change; not replayed\"" in details(
            answer
        )
        again = await client.ask(GET)
    assert (again.status, len(walk.upstream.requests)) == (503, 1)
    assert (passed(walk)["code"], passed(walk)["key"]) == ("refetch_failed", None)


async def test_the_key_of_an_answer_that_is_passed_on(walk: Walk) -> None:
    """It stands in the log line as it is, whatever the facts beside it say."""
    await warm(walk)
    walk.upstream.reply = say(REFUSED)

    async def fail(*_: object, **__: object) -> Any:
        raise TokenInvalidScopeError("it said; change nothing", alias="crm")

    walk.tokens.token = fail  # type: ignore[method-assign]  # from now on
    async with await walk.client() as client:
        await client.ask(GET)
    assert (passed(walk)["code"], passed(walk)["key"]) == ("refetch_failed", "credentials.crm.scope")


async def test_403_passes_at_once(walk: Walk) -> None:
    """Neither a new token nor a second send."""
    await warm(walk, retry=Retry(statuses=(403,), methods="all"))
    walk.upstream.reply = say(REFUSED.replace(b"401 Unauthorized", b"403 Forbidden"))
    async with await walk.client() as client:
        answer = await client.ask(GET)
    assert (answer.status, details(answer), len(walk.upstream.requests), walk.tokens.fetches) == (403, "", 1, 1)


EXPIRED = {
    "header": ExpiredWhen(status=(401, 403), header={"X-Reason": "expired"}),
    "body": ExpiredWhen(status=(401, 403), body=BodyMatch(contains="expired")),
}


@pytest.mark.parametrize("rule", EXPIRED.values(), ids=EXPIRED)
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (REFUSED, 200),
        (REFUSED.replace(b"401 Unauthorized", b"403 Forbidden"), 403),
        (b"HTTP/1.1 403 Forbidden\r\nX-Reason: token expired\r\nContent-Length: 13\r\n\r\ntoken expired", 200),
    ],
    ids=["401", "403", "403 that matches"],
)
async def test_a_401_needs_no_matcher(walk: Walk, rule: ExpiredWhen, raw: bytes, status: int) -> None:
    """A listed 401 says by itself that the token is no longer valid; matchers bind the other statuses."""
    await warm(walk, expired_when=rule)
    walk.upstream.script.append(say(raw))
    async with await walk.client() as client:
        answer = await client.ask(GET)
    assert (answer.status, walk.tokens.fetches) == (status, 2 if status == 200 else 1)


async def still(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst")
    await exchange.gone()


async def events(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nContent-Length: 99\r\n\r\ndata: expired")
    await exchange.gone()


@pytest.mark.parametrize(("reply", "start"), [(still, b"first"), (events, b"data: expired")], ids=["stands still", "events"])
async def test_a_body_matcher_holds_no_stream_back(walk: Walk, reply: Reply, start: bytes) -> None:
    """What is here passes while the rest is still to come; events are never searched, whatever they say."""
    await warm(walk, expired_when=ExpiredWhen(status=(200, 401), body=BodyMatch(contains="expired")))
    walk.upstream.reply = reply
    async with await walk.client() as client:
        await client.send(GET)
        head = await client.head()
        assert (head.start, await client.part(len(start))) == (b"HTTP/1.1 200 OK", start)
    assert walk.tokens.fetches == 1


@pytest.mark.parametrize(
    ("first", "said", "code"),
    [(REFUSED, 1, "token_replaced"), (BUSY, 0, "retried")],
)
async def test_a_call_that_was_healed_says_so_whatever_came_then(walk: Walk, first: bytes, said: int, code: str) -> None:
    """An API's 404 to a call that was sent again is no failure of the replay."""
    await warm(walk)
    walk.upstream.script += [say(first), say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")]
    async with await walk.client() as client:
        answer = await client.ask(GET)
    await walk.quiet()
    assert (answer.status, details(answer).startswith(f'bearerd; details="{code}; ')) == (404, True)
    assert ([line["code"] for line in walk.access()], len(walk.told("token_replaced"))) == ([code], said)
    assert walk.metric("bearerd_unauthorized_total", result="healed") == said


@pytest.mark.parametrize("status", [b"401 Unauthorized", b"403 Forbidden"])
@pytest.mark.parametrize("challenge", [b'Bearer error="insufficient_scope"', b"Basic", b"Bearer"])
async def test_without_a_credential_nothing_is_told_of_a_refusal(walk: Walk, status: bytes, challenge: bytes) -> None:
    """Who sent no token has nothing to say about one."""
    await walk.start()
    walk.upstream.reply = say(b"HTTP/1.1 %b\r\nWWW-Authenticate: %b\r\nContent-Length: 0\r\n\r\n" % (status, challenge))
    async with await walk.client() as client:
        answer = await client.ask(GET)
    assert (details(answer), walk.told("answer_passed_on")) == ("", [])


@pytest.mark.parametrize(
    ("raw", "requests", "status"),
    [(GET, 3, 503), (POST, 1, 503), (request("/p", method="POST", headers="Idempotency-Key: k\r\n", body=b"x"), 3, 503)],
)
async def test_an_answer_of_503_is_tried_again_where_that_does_no_harm(walk: Walk, raw: bytes, requests: int, status: int) -> None:
    """`attempts` sends in all; the last answer is passed on (rule 6)."""
    await walk.start()
    walk.upstream.reply = say(BUSY)
    async with await walk.client() as client:
        answer = await client.ask(raw)
    assert (answer.status, answer.body.data, len(walk.upstream.requests)) == (status, b"busy", requests)


@pytest.mark.parametrize(("raw", "status"), [(GET, 200), (POST, 502)])
async def test_a_stale_connection(walk: Walk, raw: bytes, status: int) -> None:
    """What closed without a byte on a reused connection is sent once more, if idempotent, on a new one (rule 7)."""
    await walk.start(retry=Retry(attempts=1))
    async with await walk.client() as client:
        await client.ask(GET)
        walk.upstream.script.append(say(b"", close=True))
        answer = await client.ask(raw)
    assert (answer.status, walk.upstream.connections) == (status, 2 if status == 200 else 1)


async def never(exchange: Exchange) -> None:
    await exchange.gone()


def then_hang(raw: bytes) -> Reply:
    async def reply(exchange: Exchange) -> None:
        await exchange.send(raw)
        await exchange.gone()

    return reply


async def in_the_refetch(walk: Walk) -> None:
    async with asyncio.timeout(5):
        while not walk.tokens.discards:  # noqa: ASYNC110  # the fake has no event for it
            await asyncio.sleep(0.005)


async def a_moment(walk: Walk) -> None:
    await walk.asked()
    await asyncio.sleep(0.02)


HELD: dict[str, tuple[Reply, Callable[[Walk], Awaitable[None]]]] = {
    "before the head": (never, a_moment),
    "while the refused token is replaced": (say(REFUSED), in_the_refetch),
    "while the refused token is replaced, in the body": (then_hang(REFUSED[:-1]), in_the_refetch),
    "while an unwanted answer is dropped": (then_hang(BUSY[:-1]), a_moment),
    "while the answer is relayed": (then_hang(OK[:-1]), a_moment),
}


@pytest.mark.parametrize(("reply", "when"), HELD.values(), ids=HELD)
@pytest.mark.parametrize("leaves", [True, False], ids=["the caller leaves", "the deadline ends it"])
async def test_nothing_stays_held(walk: Walk, reply: Reply, when: Callable[[Walk], Awaitable[None]], leaves: bool) -> None:  # noqa: FBT001  # a column of the table
    """However a call ends, its connection is back or closed, and its place in the pool is free (MUSTS 21)."""
    total = Seconds(60 if leaves else 0.3)
    await warm(walk, timeout=Timeout(total=total, idle=total), pool=PoolOptions(connections=1))
    walk.upstream.reply = reply
    walk.tokens.gate.clear()
    client = await walk.client()
    await client.send(GET)
    await when(walk)
    if leaves:
        client.reset()
    await walk.quiet()
    client.writer.close()
    assert walk.active.own.pool.active == 0
    walk.tokens.gate.set()
    walk.upstream.reply = say(OK)
    async with await walk.client() as other:
        assert (await other.ask(GET)).status == 200


async def test_an_early_answer_to_a_large_replay_is_not_waited_out(walk: Walk) -> None:
    """The upstream answers a replay without reading it; the answer arrives all the same."""
    await warm(walk, replay=Replay(disk=Bytes(16 << 20)), timeout=Timeout(total=Seconds(5)))

    async def refuse_then_read_nothing(exchange: Exchange) -> None:
        walk.upstream.early = then_hang(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await exchange.send(REFUSED)

    walk.upstream.reply = refuse_then_read_nothing
    async with await walk.client() as client:
        answer = await client.ask(request("/p", method="POST", body=LARGE))
        walk.upstream.early, walk.upstream.reply = None, say(OK)
        assert (answer.status, answer.body.data, (await client.ask(GET)).status) == (413, b"big", 200)


async def test_an_answer_before_the_body_has_come_ends_the_connection(walk: Walk) -> None:
    """And says so: what the caller still sends is nobody's."""
    await walk.start()
    walk.upstream.early = then_hang(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
    async with await walk.client() as client:
        answer = await client.ask(request("/p", method="POST", body=LARGE)[:100_000])
    await walk.quiet()
    assert (answer.status, answer.body.data, answer.get("Connection"), walk.active.own.pool.active) == (413, b"big", "close", 0)


@pytest.mark.parametrize("raw", [request("/p", method="POST", body=LARGE), POST[:75] + chunked(LARGE)], ids=["fixed", "chunked"])
async def test_a_large_body_is_replayed_byte_for_byte(walk: Walk, raw: bytes) -> None:
    """From disk; the memory that it took is free again."""
    raw = (
        raw
        if raw.startswith(b"POST /p HTTP/1.1\r\nHost: bearerd.test\r\nContent-Length: 8")
        else CHUNKS[: CHUNKS.index(b"\r\n\r\n") + 4] + chunked(LARGE)
    )
    await warm(walk, replay=Replay(disk=Bytes(16 << 20)))
    walk.upstream.script.append(say(REFUSED))
    async with await walk.client() as client:
        answer = await client.ask(raw)
    await walk.quiet()
    assert (answer.status, [seen.body.data == LARGE for seen in walk.upstream.requests]) == (200, [True, True])
    assert walk.active.memory._free == walk.active.route.replay.memory_total


@pytest.mark.parametrize(("methods", "kept"), [("idempotent", 5), ("none", 0)], ids=["may be retried", "is never retried"])
async def test_nothing_is_kept_where_no_replay_is_possible(walk: Walk, methods: Any, kept: int) -> None:
    """The body's memory is the budget's only where the route may send the request again."""
    await walk.start(retry=Retry(methods=methods))
    taken: list[int] = []

    async def look(exchange: Exchange) -> None:
        taken.append(walk.active.route.replay.memory_total - walk.active.memory._free)
        await exchange.send(OK)

    walk.upstream.reply = look
    async with await walk.client() as client:
        await client.ask(request("/p", method="PUT", body=b"hello"))
    assert taken == [kept]


async def test_a_body_that_is_not_kept_takes_no_connection_that_may_be_stale(walk: Walk) -> None:
    """What cannot be sent again is treated as what may not be: an idle connection of unknown age is not for it."""
    await walk.start(retry=Retry(methods="none"))
    async with await walk.client() as client:
        await client.ask(GET)
        (idle,) = walk.active.own.pool._idle
        idle.idle_since -= SURELY_ALIVE
        await client.ask(request("/p", method="PUT", body=b"hello"))
    assert walk.upstream.connections == 2


async def test_a_silent_upstream_is_a_timeout(walk: Walk) -> None:
    """504 with the key; not sent again, since it may be at work."""
    await walk.start(timeout=Timeout(response=Seconds(0.05)))
    walk.upstream.reply = never
    async with await walk.client() as client:
        answer = await client.ask(GET)
    told = json.loads(answer.body.data)
    assert (answer.status, told["code"], told["key"], len(walk.upstream.requests)) == (
        504,
        "upstream_timeout",
        "routes.r.timeout.response",
        1,
    )


async def test_a_caller_that_stops_sending_is_a_timeout(walk: Walk) -> None:
    """408; the upstream sees a request cut short."""
    await walk.start(timeout=Timeout(idle=Seconds(0.05)))
    async with await walk.client() as client:
        await client.send(POST[:-1])
        answer = await client.answer()
    await walk.quiet()
    assert (answer.status, json.loads(answer.body.data)["code"], answer.get("Connection")) == (408, "request_body_timeout", "close")
    assert (walk.upstream.requests, walk.active.own.pool.active) == ([], 0)


async def test_a_busy_route_says_so(walk: Walk) -> None:
    """503 with a Retry-After; the call in progress goes on."""
    await walk.start(max_concurrency=1)
    go_on = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.send(OK)

    walk.upstream.reply = slow
    async with await walk.client() as first, await walk.client() as second:
        await first.send(GET)
        await walk.asked()
        refused = await second.ask(GET)
        go_on.set()
        assert ((await first.answer()).status, refused.status, refused.get("Retry-After")) == (200, 503, "1")


async def test_one_access_line_per_call(walk: Walk) -> None:
    """With what was done for it, and without a token."""
    await warm(walk, inject=Inject(query={"k": Template.parse("v")}))
    walk.upstream.script.append(say(REFUSED))
    async with await walk.client() as client:
        await client.ask(request("/x?secret=1"))
    await walk.quiet()
    (line,) = walk.access()
    assert (line["status"], line["attempts"], line["path"], line["token"], line["code"]) == (200, 2, "/x", "replaced", "token_replaced")
    assert walk.upstream.requests[0].target == b"/x?secret=1&k=v"
    assert b"secret" not in b"".join(walk.lines)
    assert b"t1" not in b"".join(walk.lines)


async def test_a_callers_own_token_is_read_and_goes_no_further(walk: Walk) -> None:
    """It makes the key of the token that is sent; neither it nor its look-alikes go up."""
    walk.presented = ("x-user-token",)
    await walk.start(credential="crm")
    async with await walk.client() as client:
        for who in ("ada", "bob", "ada"):
            await client.ask(request("/x", headers=f"X-User-Token: {who}\r\nx_user_token: eve\r\n"))
    names = [(seen.head.get("X-User-Token"), seen.head.get("x_user_token")) for seen in walk.upstream.requests]
    assert (names, [dict(key.presented) for key in walk.tokens.keys]) == ([("", "")] * 3, [{"x-user-token": "ada"}])


@pytest.mark.parametrize("header", ["", "Authorization: Basic dTpw\r\n"])
async def test_without_the_callers_own_token_nothing_is_asked(walk: Walk, header: str) -> None:
    """401 with a challenge; neither endpoint nor API is called."""
    walk.presented = ("authorization",)
    await walk.start(credential="crm")
    async with await walk.client() as client:
        answer = await client.ask(request("/x", headers=header))
    problem = json.loads(answer.body.data)
    assert (answer.status, problem["code"], problem["origin"], answer.get("WWW-Authenticate")) == (
        401,
        "subject_token_missing",
        "proxy",
        "Bearer",
    )
    assert (walk.upstream.requests, walk.tokens.keys) == ([], [])
