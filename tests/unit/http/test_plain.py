"""proxy/http/plain.py: what is usable at a glance is what the ordinary grammar takes, and means the same."""

from __future__ import annotations

import asyncio
import itertools
import re
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import pytest
from aiohttp.base_protocol import BaseProtocol
from hypothesis import event, given, settings
from hypothesis import strategies as st

from proxy.http import plain
from proxy.http.address import UpstreamURL
from proxy.http.cutter import Limits, RefusedError, RequestCutter
from proxy.http.headers import Caller, HeaderPolicy, encode_head, for_upstream
from proxy.http.plain import MAX_HEADERS, MAX_NAME, REQUEST_LINE, may_be_plain, read_fields, read_response, sent_fields
from proxy.http.relay import _head, rewritten
from proxy.http.response import ResponseReader
from proxy.http.routing import Inject, Route
from proxy.http.wire import MalformedError, check_unfinished
from proxy.oauth.template import Template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.http.plain import Fields, PlainResponse

MAX_FIELDS = 20  # of a request
LIMITS = Limits(head_timeout=10, idle_timeout=75, head_limit=4096, max_headers=MAX_FIELDS)
ROUTE = Route(prefix="/crm", upstream=UpstreamURL.parse("http://api.test/v1"), name="r", credential="none")
CALLER = Caller("http", b"bearerd.test", "127.0.0.1")
HOSTILE = 255 << 10  # bytes: with what stands around them, below the bound of the ordinary reader

Meaning = tuple[bytes, bytes, Any, Any, bool]  # method, target, headers, framing, whether the connection stays


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def at_a_glance(head: bytes) -> tuple[bytes, bytes, Fields] | None:
    """A request's head, which ends before the empty line, as the express lane reads it."""
    head += b"\r\n"
    line = REQUEST_LINE.match(head)
    fields = read_fields(head[line.end() :], MAX_FIELDS) if line else None
    return (line[1], line[2], fields) if line and fields else None


def meaning(head: bytes) -> Meaning | None:
    """What that says."""
    found = at_a_glance(head)
    if found is None:
        return None
    method, target, fields = found
    return method, target, fields.headers, fields.framing, fields.keep_alive


def ordinary(head: bytes, loop: asyncio.AbstractEventLoop) -> Meaning | None:
    """What aiohttp's parser and the grammar in `wire` say of it."""
    cutter = RequestCutter(Mock(), BaseProtocol(loop), loop, LIMITS)
    try:
        messages, _, _ = cutter.feed_data(head + b"\r\n\r\n")
    except RefusedError:
        return None
    finally:
        cutter.feed_eof()
    if not messages or cutter.head is None:
        return None
    read = cutter.head
    return read.method, read.target, read.headers, read.framing, not messages[0][0].should_close


def taken(head: bytes, *, bodiless: bool = False) -> PlainResponse | None:
    return read_response(head, rewrite, bodiless=bodiless)


def rewrite(name: bytes, value: bytes) -> bytes:
    return rewritten(name, value, ROUTE, CALLER)


def relayed(head: bytes, *, bodiless: bool = False) -> PlainResponse | None:
    """The response as the ordinary lane reads it, and writes it to an HTTP/1.1 caller whose connection stays."""
    reader = ResponseReader(b"HEAD" if bodiless else b"GET")
    try:
        reader.feed(head + b"\r\n\r\n")
    except MalformedError:
        return None
    (read,), framing = reader.heads, reader.framing
    if framing is None or framing.kind == "close":
        return None
    call = SimpleNamespace(details=None, head=SimpleNamespace(minor=1), caller=CALLER)
    answer = SimpleNamespace(head=read, upstream=SimpleNamespace(route=ROUTE))
    written = _head(cast("Any", call), cast("Any", answer), chunked=framing.kind == "chunked", keep_alive=True)
    length = None if framing.kind == "chunked" else framing.length
    return read.status, written, length, reader.keep_alive


def as_written(response: PlainResponse | None) -> PlainResponse | None:
    """With the bytes that the exchange puts behind the head."""
    if response is None:
        return None
    status, head, length, stays = response
    return status, head + (b"\r\nTransfer-Encoding: chunked" if length is None else b"") + b"\r\n\r\n", length, stays


# requests

HOST = b"Host: a.test"
USUAL_REQUESTS = [
    b"GET / HTTP/1.1\r\n" + HOST,
    b"HEAD /a?b=%20&c HTTP/1.1\r\nhost: [::1]:8080\r\nUser-Agent: curl/8.1 (x; y)\r\nAccept: */*",
    b"POST //p/.. HTTP/1.1\r\n" + HOST + b"\r\nContent-Length: 5\r\nConnection: keep-alive",
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\nProxy-Connection: close",
    b"DELETE /x HTTP/1.1\r\n" + HOST + b"\r\nCONTENT-LENGTH: 000\r\nConnection: Close\r\nIdempotency-Key: k",
    b"OPTIONS /?? HTTP/1.1\r\nX-A: 1  2\r\n" + HOST + b"\r\nConnection: Keep-Alive\r\nProxy-Connection: close",
]


@pytest.mark.parametrize("head", USUAL_REQUESTS)
def test_usual_requests_are_plain(head: bytes, loop: asyncio.AbstractEventLoop) -> None:
    """The requests of most callers are taken, with the meaning that they have on the ordinary lane."""
    assert meaning(head) is not None
    assert meaning(head) == ordinary(head, loop)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\n" + HOST,
        b"GET http://a.test/ HTTP/1.1\r\n" + HOST,
        b"GET * HTTP/1.1\r\n" + HOST,
        b"CONNECT / HTTP/1.1\r\n" + HOST,
        b"TRACE / HTTP/1.1\r\n" + HOST,
        b"get / HTTP/1.1\r\n" + HOST,
        b"GET  / HTTP/1.1\r\n" + HOST,
        b"GET /a#b HTTP/1.1\r\n" + HOST,
        b"GET /\xc3\xa4 HTTP/1.1\r\n" + HOST,
        b'GET /a"b HTTP/1.1\r\n' + HOST,
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r\nX: 1",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + HOST,
        b"GET / HTTP/1.1\r\nHost: a/b",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX:1",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX:  1",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX: 1 ",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX: ",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX: a\tb",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX : a",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n X: a",
        b"GET / HTTP/1.1\r\n" + HOST + b"\nX: a",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX: \xe4",
        b"POST / HTTP/1.1\r\n" + HOST + b"\r\nContent-Length: +5",
        b"POST / HTTP/1.1\r\n" + HOST + b"\r\nContent-Length: 0x5",
        b"POST / HTTP/1.1\r\n" + HOST + b"\r\nContent-Length: 5, 5",
        b"POST / HTTP/1.1\r\n" + HOST + b"\r\nContent-Length: 5\r\nContent-Length: 5",
        b"POST / HTTP/1.1\r\n" + HOST + b"\r\nContent-Length: 1234567890123456789",
        b"POST / HTTP/1.1\r\n" + HOST + b"\r\nTransfer-Encoding: chunked",
        b"POST / HTTP/1.1\r\n" + HOST + b"\r\nExpect: 100-continue",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nUpgrade: websocket",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nConnection: keep-alive, X",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nConnection: Authorization",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nProxy-Connection: upgrade",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nSec-WebSocket-Key1: x",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nX: 1" * MAX_FIELDS,
    ],
)
def test_requests_that_are_not_plain(head: bytes) -> None:
    """What is doubtful, or of another kind, is left to the ordinary lane."""
    assert at_a_glance(head) is None


def test_what_a_header_block_says() -> None:
    """Its Host, its framing, whether another request may follow, and whether its caller names the call."""
    fields = read_fields(b"IDEMPOTENCY-key: 1\r\nhOST: b\r\nContent-Length: 07\r\nconnection: CLOSE\r\n", 4)
    assert fields is not None
    said = fields.host, fields.framing.kind, fields.framing.length, fields.keep_alive, fields.idempotency_key
    assert said == (b"b", "length", 7, False, True)


def mostly(usual: list[bytes], odd: list[bytes]) -> st.SearchStrategy[bytes]:
    """One of the usual ones, and now and then an odd one."""
    return st.sampled_from(usual * (1 + 8 * len(odd) // len(usual)) + odd)


ODD = [b" ", b"\t", b"\r", b"\n", b"\r\n", b"\r\n ", b"\0", b"\x7f", b"\x80", b"\xff", b":", b",", b";", b'"', b"\x0b", b"\x1f"]
CONNECTION = mostly([b"keep-alive", b"close", b"Close", b"KEEP-ALIVE"], [b"close, keep-alive", b"keep-alive,", b",close", b"host", b"x"])
LENGTH = mostly(
    [b"0", b"5", b"05", b"1" * 18], [b"+5", b" 5", b"5 ", b"0x5", b"5,5", b"5, 5", b"-1", b"5_0", b"", b"\xb2", b"\xd9\xa1", b"1" * 19]
)
HOSTS = mostly(
    [b"a.test", b"a:80", b"a:", b"[::1]:1", b"127.0.0.1", b"%41", b"a,b"],
    [b"a:99999", b"[x]", b"", b"a/b", b"a@b", b"a b", b"[::1%25e]", b"a:b", b"\xe4"],
)
VALUE = mostly([b"x", b"1", b"a, b", b"a  b", b"text/html; charset=utf-8", b'"q"'], [b"caf\xe9", b"a\tb", b"", b" ", b"x ", b"x\t", b"\0"])
VALUES = {
    b"host": HOSTS,
    b"content-length": LENGTH,
    b"connection": CONNECTION,
    b"proxy-connection": CONNECTION,
    b"transfer-encoding": mostly([b"chunked", b"Chunked"], [b"gzip, chunked", b"identity", b"chunked,", b"chunked, chunked", b"x"]),
    b"location": st.sampled_from(
        [b"/v1/a", b"http://api.test/v1", b"//api.test/v1/x", b"/other", b"http://else.test/", b"HTTP://API.TEST:80/v1"]
    ),
    b"content-location": st.sampled_from([b"/v1/a", b"/v1?x#y", b"a", b"/v1\\a", b"/v1\ta"]),
    b"set-cookie": st.sampled_from([b"a=b; Path=/v1; Domain=api.test", b"a=b; path=/", b"__Host-a=b; Path=/", b"a=b"]),
}
REQUEST_NAMES = (
    b"Connection Proxy-Connection Keep-Alive TE Content-Type Cookie Accept Authorization Content-Encoding X_a a|~ Origin Close".split()
)
REQUEST_NAMES += b"X-A x_mine Authorization_ Forwarded X-Forwarded-For".split()
RARE_NAMES = (
    b"Content-Length Transfer-Encoding Upgrade Expect Sec-WebSocket-Key1 Sec-WebSocket-Key Trailer HTTP2-Settings Idempotency-Key".split()
)
RESPONSE_NAMES = (
    b"Connection Keep-Alive Content-Type Server Date ETag Set-Cookie Location Content-Location Proxy-Authenticate TE Trailer".split()
)
RESPONSE_NAMES += (
    b"Upgrade Proxy-Connection HTTP2-Settings X-Request-Id Content-Lengths Connections closed Te-x Proxy-Authorization".split()
)
METHODS = mostly([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"], [b"QUERY"])
TARGETS = mostly(
    [b"/", b"/a?b", b"//x", b"/a//b?c=d&e=%zz", b"/?", b"/%00", b"/a;b=@:!$&'()*+,", b"/..", b"/x://y", b"//[::1/"],
    [b"/a#f", b"*", b"/[1]", b"x:/"],
)


@st.composite
def fields(draw: st.DrawFn, names: st.SearchStrategy[bytes], most: int) -> list[bytes]:
    """Header lines, mostly canonical, in every spelling of their names."""
    lines = []
    for _ in range(draw(st.integers(0, most))):
        name = draw(names)
        spelt = draw(st.sampled_from([name, name, name.lower(), name.upper(), name.swapcase(), name.title()]))
        lines.append(spelt + draw(mostly([b": "], [b":", b":  ", b" : ", b":\t"])) + draw(VALUES.get(name.lower(), VALUE)))
    return lines


@st.composite
def mutated(draw: st.DrawFn, heads: st.SearchStrategy[bytes]) -> bytes:
    """A head, whole or with a few bytes of it changed, doubled or gone."""
    head = draw(heads)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(head)))
        end = draw(st.integers(start, min(len(head), start + 3)))
        head = head[:start] + draw(st.sampled_from([*ODD, b"", b"a", b"0", head[start:end] * 2])) + head[end:]
    return head.partition(b"\r\n\r\n")[0]


@st.composite
def request_heads(draw: st.DrawFn) -> bytes:
    lines = draw(fields(mostly(REQUEST_NAMES, RARE_NAMES), 4))
    for _ in range(draw(st.sampled_from([0] + [1] * 16 + [2]))):
        lines.insert(draw(st.integers(0, len(lines))), b"Host: " + draw(HOSTS))
    return b"\r\n".join([b"%b %b HTTP/1.1" % (draw(METHODS), draw(TARGETS)), *lines])


@settings(max_examples=600)
@given(head=mutated(request_heads()))
def test_a_plain_request_means_what_it_means_to_the_ordinary_lane(head: bytes, loop: asyncio.AbstractEventLoop) -> None:
    """Method, target, headers, framing and keep-alive: what is taken here is taken there, and is the same."""
    read = meaning(head)
    event("taken" if read else "left")
    if read is not None:
        assert read == ordinary(head, loop)


BEARER = ((b"Authorization", b"Bearer t"),)
PUT = [(), BEARER, ((b"X-Api-Key", b"k"),), (*BEARER, (b"X-A", b"a"))]
ROUTES: list[dict[str, Any]] = [
    {"credential": "none"},
    {"credential": "crm"},
    {"credential": "crm", "inject": Inject(headers={"X-A": Template.parse("in"), "Cookie": Template.parse("c")})},
    {"credential": "crm", "via": True},
    {"credential": "none", "preserve_host": True},
    {"credential": "none", "forwarded": "x-forwarded"},
    {"credential": "none", "forwarded": "rfc7239"},
]
POLICIES = [HeaderPolicy.of(Route(prefix="/", upstream=ROUTE.upstream, name="r", **facts), ("X-Mine",)) for facts in ROUTES]


def check_sent(head: bytes) -> int:
    """How often the fast way was taken to send the request, by each route and with each token; it says what the long one says."""
    found = at_a_glance(head)
    fast = 0
    for policy, put in itertools.product(POLICIES if found else (), PUT):
        assert found is not None
        fields = found[2]
        sent = sent_fields(fields, policy, put)
        fast += sent is not None
        assert sent in {None, encode_head(b"", for_upstream(fields.headers, policy, CALLER, fields.framing, put))}
    return fast


@pytest.mark.parametrize("head", USUAL_REQUESTS)
def test_usual_requests_are_sent_at_a_glance(head: bytes) -> None:
    """Where the route adds nothing about the call itself; only Authorization may be put in so."""
    assert check_sent(head) == 3 * 2


@settings(max_examples=600)
@given(head=mutated(request_heads()))
def test_a_plain_request_is_sent_as_by_the_ordinary_lane(head: bytes) -> None:
    """What is dropped there is dropped here: the caller's Authorization and its look-alikes, and what belongs to one hop."""
    event("at a glance" if check_sent(head) else "not")


@pytest.mark.parametrize(
    "name", ["authorization", "AUTHORIZATION", "authorization_", "-Authorization", "x-a", "X_A", "X-Forwarded-For", "x_mine"]
)
def test_what_never_goes_up(name: str) -> None:
    """A caller's own token, what the route puts in itself, and what callers address to bearerd; in any spelling."""
    found = at_a_glance(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + name.encode() + b": mine")
    assert found is not None
    sent = sent_fields(found[2], POLICIES[2], BEARER)
    assert sent is not None
    assert b"mine" not in sent
    assert sent.count(b"Bearer t") == 1


@settings(max_examples=200)
@given(start=mutated(request_heads()), cut=st.integers(1, 80))
def test_a_start_that_may_become_plain(start: bytes, cut: int) -> None:
    """No start is waited for that the ordinary lane refuses at once; an empty line before it is for the ordinary lane."""
    start = start[:cut] or b"\n"
    try:
        check_unfinished(start)
        doubtful = start.startswith((b"\r", b"\n"))
    except MalformedError:
        doubtful = True
    assert may_be_plain(start) is not doubtful


@given(head=st.sampled_from(USUAL_REQUESTS), cut=st.integers(1, 200))
def test_every_start_of_a_plain_request_may_become_one(head: bytes, cut: int) -> None:
    """Wherever its bytes are cut."""
    assert may_be_plain(head[:cut])


# responses

OK = b"HTTP/1.1 200 OK"
FIVE = b"\r\nContent-Length: 5"
USUAL_RESPONSES = [
    OK + FIVE,
    OK
    + b"\r\nServer: nginx/1.2\r\nDate: Sun, 22 Nov 2026 22:00:00 GMT\r\nContent-Type: application/json"
    + FIVE
    + b"\r\nConnection: keep-alive",
    OK + b"\r\nconnection: Keep-Alive\r\nKeep-Alive: timeout=5" + FIVE,
    b"HTTP/1.1 404 Not Found\r\nX-T: caf\xe9\tx" + FIVE,
    b"HTTP/1.1 200 " + FIVE,
    b"HTTP/1.1 599 odd  " + FIVE,
    OK + b"\r\nTransfer-Encoding: chunked\r\nConnection: close",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified\r\nETag: x" + FIVE,
    b"HTTP/1.1 302 Found\r\nLocation: http://api.test/v1/a\r\nSet-Cookie: a=b; Domain=api.test; Path=/v1" + FIVE,
    OK + b"\r\nTrailer: X\r\nUpgrade: h2c\r\nProxy-Authenticate: Basic\r\nHTTP2-Settings: x\r\nTE: x" + FIVE,
    OK + FIVE + b"\r\nA: " + b"x" * 5000,
]


@pytest.mark.parametrize("bodiless", [False, True])
@pytest.mark.parametrize("head", USUAL_RESPONSES)
def test_usual_responses_are_plain(head: bytes, bodiless: bool) -> None:  # noqa: FBT001  # a column of the table
    """The answers of most APIs are taken, and leave as they do on the ordinary lane."""
    assert taken(head, bodiless=bodiless) is not None
    assert as_written(taken(head, bodiless=bodiless)) == relayed(head, bodiless=bodiless)


def test_the_meaning_of_a_response() -> None:
    """Status, the bytes for the caller, the body's length (None: chunked), and whether the upstream's connection stays."""
    kept = b"HTTP/1.1 201 Created\r\nX: y\r\nContent-Length: 5"
    assert taken(kept + b"\r\nConnection: keep-alive") == (201, kept, 5, True)
    assert taken(kept + b"\r\nConnection: close", bodiless=True) == (201, kept, 0, False)
    assert taken(OK + b"\r\nTransfer-Encoding: chunked") == (200, OK, None, True)


@pytest.mark.parametrize(
    "head",
    [
        OK,
        b"HTTP/1.0 200 OK" + FIVE,
        b"HTTP/1.1 200" + FIVE,
        b"HTTP/1.1 103 Early Hints",
        b"HTTP/1.1 101 Switching Protocols" + FIVE,
        b"HTTP/1.1 20 OK" + FIVE,
        b"HTTP/1.1  200 OK" + FIVE,
        b"HTTP/1.1 204 No Content" + FIVE,
        OK + FIVE + b"\r\nTransfer-Encoding: chunked",
        OK + b"\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        OK + b"\r\nTransfer-Encoding: gzip, chunked",
        OK + FIVE + FIVE,
        OK + b"\r\nContent-Length: 5, 5",
        OK + b"\r\nContent-Length: +5",
        OK + b"\r\nContent-Length: \xb2",
        OK + b"\r\nContent-Length: 1234567890123456789",
        OK + FIVE + b"\r\nConnection: X-Secret\r\nX-Secret: 1",
        OK + FIVE + b"\r\nConnection: close, X",
        OK + FIVE + b"\r\nConnection: close\r\nClose: x",
        OK + FIVE + b"\r\nX:y",
        OK + FIVE + b"\r\nX: y ",
        OK + FIVE + b"\r\nX: ",
        OK + FIVE + b"\r\n folded: y",
        OK + FIVE + b"\r\nX : y",
        OK + FIVE + b"\r\nX: a\nY: b",
        OK + FIVE + b"\r\nX: a\rY: b",
        OK + FIVE + b"\r\nX: \0",
        OK + FIVE + b"\n",
        OK + FIVE + b"\r\nX: y" * MAX_HEADERS,
    ],
)
def test_responses_that_are_not_plain(head: bytes) -> None:
    """What is doubtful, unfinished or framed by the connection's end is read by the ordinary reader."""
    assert taken(head) is None


@st.composite
def response_heads(draw: st.DrawFn) -> bytes:
    reason = draw(mostly([b" OK", b" ", b" Not  Found ", b" caf\xe9", b" \t"], [b""]))
    status = draw(mostly([b"200", b"201", b"204", b"304", b"302", b"401", b"503", b"205"], [b"100", b"999", b"101", b"2000"]))
    lines = draw(fields(mostly(RESPONSE_NAMES, [b"Close", b"Transfer-Encoding", b"Content-Length"]), 5))
    framed = mostly([b"Content-Length: 5", b"content-length: 0", b"CONTENT-LENGTH: 07", b"Transfer-Encoding: chunked"], [b"X: y"])
    lines.insert(draw(st.integers(0, len(lines))), draw(framed))
    return b"\r\n".join([b"HTTP/1.1 " + status + reason, *lines])


@settings(max_examples=800)
@given(head=mutated(response_heads()), bodiless=st.booleans())
def test_a_plain_response_leaves_as_on_the_ordinary_lane(head: bytes, bodiless: bool) -> None:  # noqa: FBT001  # drawn by name
    """Status, bytes, framing and keep-alive: what is taken here is taken there, and is the same."""
    read = taken(head, bodiless=bodiless)
    event("taken" if read else "left")
    if read is not None:
        assert as_written(read) == relayed(head, bodiless=bodiless)


@settings(max_examples=500)
@given(head=mutated(response_heads()), bodiless=st.booleans())
def test_both_readers_of_responses_agree(head: bytes, bodiless: bool) -> None:  # noqa: FBT001  # drawn by name
    """The pattern for usual answers takes nothing that the reader of lines does not take, and says the same of it."""
    usual = plain._USUAL.fullmatch(head)
    event("usual" if usual else "not usual")
    assert taken(head, bodiless=bodiless) == plain._read_lines(head, rewrite, bodiless=bodiless)


# time and memory


def test_long_names_are_not_remembered() -> None:
    """What is remembered of names is small, however long those are that callers and upstreams make up."""
    caches = plain._asked, plain._rule, plain._is_host
    before = [cache.cache_info().currsize for cache in caches]
    long = b"x" * (MAX_NAME + 1)
    assert at_a_glance(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + long + b": 1") is None
    assert at_a_glance(b"GET / HTTP/1.1\r\nHost: " + long) is None
    assert plain._read_lines(OK + FIVE + b"\r\n" + long + b": 1", rewrite, bodiless=False) is None
    grown = [cache.cache_info().currsize - size for cache, size in zip(caches, before, strict=True)]
    assert max(grown) <= 1  # Host, Content-Length


PATTERNS = {name: value for name, value in vars(plain).items() if isinstance(value, re.Pattern)}


def repeats(parsed: Any) -> Iterator[str]:
    """Every repeat in a parsed pattern that has no bound and may give back what it took."""
    parser = cast("Any", import_module("re._parser"))
    for operator, operand in parsed:
        if operator in {parser.MAX_REPEAT, parser.MIN_REPEAT} and operand[1] is parser.MAXREPEAT:
            yield str(operator)
        for part in operand if isinstance(operand, tuple | list) else (operand,):
            for inner in part if isinstance(part, list) else (part,):
                if isinstance(inner, parser.SubPattern):
                    yield from repeats(inner)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_goes_back(name: str) -> None:
    """Every unbounded repeat is possessive, so that no head takes more than a few looks at each of its bytes."""
    parser = cast("Any", import_module("re._parser"))
    found = parser.parse(PATTERNS[name].pattern)
    assert list(repeats(found)) == []
    assert list(repeats(parser.parse(b"(?:a|(b+))"))) == ["MAX_REPEAT"]


@pytest.mark.parametrize(
    "unit",
    [
        b"a",
        b"a: b\r\n",
        b"\r\n",
        b" ",
        b"\t",
        b"a: \t",
        b"Connection: keep-alive\r\n",
        b"Content-Length: 5\r\n",
        b"a:",
        b": ",
        b"\xff",
        b"/",
        b"%",
        b"\r",
    ],
)
def test_long_hostile_heads(unit: bytes) -> None:
    """The longest heads that can come are read, or left, in one pass."""
    flood = unit * (HOSTILE // len(unit))
    lines = flood.removesuffix(b"\r\n")
    assert at_a_glance(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + lines) is None or unit == b"a"
    assert meaning(b"GET /" + flood + b" HTTP/1.1") is None
    assert may_be_plain(b"GET /" + flood) == (flood.count(b"\n") == flood.count(b"\r\n"))
    for head in (OK + FIVE + b"\r\n" + lines, OK + flood + FIVE, OK + FIVE + b"\r\nX: " + flood, OK + b"\r\n" + lines + FIVE):
        assert as_written(taken(head)) in {None, relayed(head)}


def possessive_groups(parsed: Any) -> Iterator[str]:
    """Every possessive or atomic part of a parsed pattern that is more than one character."""
    parser = cast("Any", import_module("re._parser"))
    for operator, operand in parsed:
        inner = operand[2] if operator is parser.POSSESSIVE_REPEAT else ()
        if (
            operator is parser.ATOMIC_GROUP
            or len(inner) > 1
            or any(part[0] not in {parser.IN, parser.LITERAL, parser.NOT_LITERAL} for part in inner)
        ):
            yield str(operator)
        for part in operand if isinstance(operand, tuple | list) else (operand,):
            for branch in part if isinstance(part, list) else (part,):
                if isinstance(branch, parser.SubPattern):
                    yield from possessive_groups(branch)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_group_is_possessive(name: str) -> None:
    """CPython before 3.11.5, Debian 12's too, lets such a group take what it must not (gh-106052)."""
    parser = cast("Any", import_module("re._parser"))
    assert list(possessive_groups(parser.parse(rb"(?:ab|a)*+", 0)))
    assert list(possessive_groups(parser.parse(PATTERNS[name].pattern, 0))) == []
