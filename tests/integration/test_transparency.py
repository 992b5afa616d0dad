"""What a caller sent is what the API gets, and what the API answered is what the caller gets: byte for byte.

Only hop-by-hop headers, Authorization, Location and Set-Cookie are touched, and only as configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import request
from tests.fakes.raw import say

if TYPE_CHECKING:
    from tests.integration.conftest import Wire

pytestmark = pytest.mark.lanes


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/raw", b"/base"),
        ("/raw/", b"/base/"),
        ("/raw?", b"/base?"),
        ("/raw/a%2Fb%2fc", b"/base/a%2Fb%2fc"),
        ("/raw/%7Euser/~user", b"/base/%7Euser/~user"),
        ("/raw//a///b", b"/base//a///b"),
        ("/raw/a;v=1,2(3)'*!", b"/base/a;v=1,2(3)'*!"),
        ("/raw/x?q=a+b%20c&q=&&=x&%E9", b"/base/x?q=a+b%20c&q=&&=x&%E9"),
        ("/raw/x?next=/../a//b?c=d", b"/base/x?next=/../a//b?c=d"),
        ("/raw/$metadata('a%27b')", b"/base/$metadata('a%27b')"),
        ("/raw/a:8080@host", b"/base/a:8080@host"),
        ("/raw/{a}|b^c", b"/base/{a}|b^c"),
    ],
)
async def test_path_and_query_arrive_byte_for_byte(target: str, expected: bytes, wire: Wire) -> None:
    """Nothing in a request target is re-quoted, normalised or dropped."""
    async with await wire.connect() as client:
        assert (await client.ask(request(target))).status == 200
    assert [seen.target for seen in wire.upstream.requests] == [expected]


@pytest.mark.parametrize("target", ["/raws", "/RAW", "/%72aw/x", "/", "*"])
async def test_a_prefix_ends_on_a_segment_boundary(target: str, wire: Wire) -> None:
    """What no route takes is refused here, and no prefix is told."""
    async with await wire.connect() as client:
        answer = await client.ask(request(target))
    assert answer.status in {400, 404}
    assert b"/raw" not in answer.body.data
    assert wire.upstream.requests == []


async def test_request_headers_survive(wire: Wire) -> None:
    """Order, case, duplicates and bytes over 0x7F arrive as sent; hop-by-hop headers and those that Connection names do not."""
    sent = (
        "x-CaSe: 1\r\nX-Twice: a\r\nX-Twice: b\r\nX-Bytes: caf\xe9\r\nAccept-Encoding: gzip;q=0.1\r\n"
        "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: close\r\nX-Empty:\r\n"
    )
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw", headers=sent))).status == 200
    [seen] = wire.upstream.requests
    kept = [(name, value) for name, value in seen.head.headers if name.lower() not in {b"host", b"connection"}]
    assert kept == [
        (b"x-CaSe", b"1"),
        (b"X-Twice", b"a"),
        (b"X-Twice", b"b"),
        (b"X-Bytes", b"caf\xe9"),
        (b"Accept-Encoding", b"gzip;q=0.1"),
        (b"X-Empty", b""),
    ]
    assert seen.head.all("Host") == [f"127.0.0.1:{wire.upstream.port}".encode()]
    assert b"x-hop" not in seen.head.raw.lower()


async def test_response_headers_and_coding_survive(wire: Wire) -> None:
    """Duplicates, odd bytes, an unknown coding and the reason phrase come through, and nothing is added but X-Request-Id."""
    wire.upstream.reply = say(
        b"HTTP/1.1 299 Odd \xe9 Reason\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Bytes: \xff\xfe\r\n"
        b"Content-Encoding: gzip\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\x01"
    )
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw"))
    assert answer.head.start == b"HTTP/1.1 299 Odd \xe9 Reason"
    assert answer.head.all("Set-Cookie") == [b"a=1", b"b=2"]
    assert answer.head.all("X-Bytes") == [b"\xff\xfe"]
    assert (answer.get("Content-Encoding"), answer.body.data) == ("gzip", b"\x1f\x8b\x00\x01")
    names = {name.lower() for name, _ in answer.head.headers}
    assert names <= {b"set-cookie", b"x-bytes", b"content-encoding", b"content-length", b"x-request-id", b"connection"}


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("{upstream}/base/next?x=1", {"/raw/next?x=1", "http://bearerd.test/raw/next?x=1"}),
        ("/base/next", {"/raw/next", "http://bearerd.test/raw/next"}),
        ("next", {"next"}),
        ("http://elsewhere.test/base/next", {"http://elsewhere.test/base/next"}),
        ("https://127.0.0.1:{port}/base/next", {"https://127.0.0.1:{port}/base/next"}),
    ],
)
async def test_location_leads_back_to_the_caller(location: str, expected: set[str], wire: Wire) -> None:
    """A Location at the upstream becomes one at the proxy; others stay as they are."""
    facts = {"upstream": wire.upstream.url, "port": wire.upstream.port}
    wire.upstream.reply = say(f"HTTP/1.1 302 Found\r\nLocation: {location.format(**facts)}\r\nContent-Length: 0\r\n\r\n".encode())
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw/here"))
    assert answer.get("Location") in {value.format(**facts) for value in expected}


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        (b"sid=1; Path=/base; HttpOnly", b"sid=1; Path=/raw; HttpOnly"),
        (b"sid=1; Path=/base/sub", b"sid=1; Path=/raw/sub"),
        (b"sid=\xff; Expires=Wed, 01 Jan 2031 00:00:00 GMT", b"sid=\xff; Expires=Wed, 01 Jan 2031 00:00:00 GMT"),
        (b"sid=a=b=; SameSite=Lax", b"sid=a=b=; SameSite=Lax"),
    ],
)
async def test_a_cookies_path_leads_back_to_the_caller(cookie: bytes, expected: bytes, wire: Wire) -> None:
    """The path of a cookie is the caller's; its value and other attributes are untouched."""
    wire.upstream.reply = say(b"HTTP/1.1 200 OK\r\nSet-Cookie: %b\r\nContent-Length: 0\r\n\r\n" % cookie)
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw"))
    assert answer.head.all("Set-Cookie") == [expected]


@pytest.mark.parametrize("body", [b"", b"x", b"0\r\n\r\n", bytes(range(256)) * 300], ids=["empty", "one", "a last chunk", "75 KiB"])
async def test_a_fixed_body_arrives_as_sent(body: bytes, wire: Wire) -> None:
    """Content-Length stays, and so does every byte."""
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw", method="POST", body=body))).status == 200
    [seen] = wire.upstream.requests
    assert (seen.head.all("Content-Length"), seen.body.raw) == ([str(len(body)).encode()], body)


async def test_a_chunked_body_arrives_as_meant(wire: Wire) -> None:
    """Chunked goes on as chunked; extensions and trailers are no part of what is meant."""
    sent = b"3;name=value\r\nabc\r\n1\r\nd\r\n0\r\nX-Trailer: 1\r\n\r\n"
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw", method="POST", headers="Transfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n") + sent)
        assert answer.status == 200
        await client.ask(request("/raw/next"))
    first, second = wire.upstream.requests
    assert (first.head.all("Transfer-Encoding"), first.body.data) == ([b"chunked"], b"abcd")
    assert b"x-trailer" not in (first.head.raw + first.body.raw + second.head.raw).lower()


async def test_connections_are_kept_on_both_sides(wire: Wire) -> None:
    """Calls in a row use one connection here and one there."""
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw"))).status == 200
        before = wire.upstream.connections
        assert (await client.ask(request("/raw"))).status == 200
        assert (await client.ask(request("/raw", method="POST", body=b"x"))).status == 200
    assert wire.upstream.connections == before
