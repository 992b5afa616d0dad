"""Requests whose framing or target leaves a doubt, sent as raw bytes.

They are refused with 400, the connection ends, and none of their bytes goes upstream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import request

if TYPE_CHECKING:
    from tests.integration.conftest import Wire

pytestmark = pytest.mark.lanes

SMUGGLED = b"GET /raw/smuggled HTTP/1.1\r\nHost: bearerd.test\r\n\r\n"
POST = b"POST /raw HTTP/1.1\r\nHost: bearerd.test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"

DOUBTFUL_HEADS = {
    "both framings": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "both framings, length first": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "two equal lengths": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of lengths": POST + b"Content-Length: 1, 1\r\n\r\nx",
    "length with a sign": POST + b"Content-Length: +1\r\n\r\nx",
    "length below zero": POST + b"Content-Length: -1\r\n\r\nx",
    "length in hex": POST + b"Content-Length: 0x1\r\n\r\nx",
    "length with an underscore": POST + b"Content-Length: 1_0\r\n\r\nx",
    "empty length": POST + b"Content-Length:\r\n\r\nx",
    "length with a space within": POST + b"Content-Length: 1 0\r\n\r\nx",
    "endless length": POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\nx",
    "coding xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "coding gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding chunked, chunked": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding twice, second odd": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "empty coding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "coding with a tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "space before the coding's colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "space before the name": POST + b" Content-Length: 5\r\n\r\nhello",
    "folded": POST + b"X-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare CR in a value": POST + b"X-A: 1\rTransfer-Encoding: chunked\r\n\r\n",
    "bare LF as line end": b"GET /raw HTTP/1.1\nHost: bearerd.test\n\n",
    "NUL in a value": POST + b"X-A: a\x00b\r\n\r\n",
    "no colon": POST + b"Nonsense\r\n\r\n",
    "empty name": POST + b": x\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /raw HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no Host": b"GET /raw HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /raw HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "Host with a slash": b"GET /raw HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with a user": b"GET /raw HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "Host with a space": b"GET /raw HTTP/1.1\r\nHost: a b\r\n\r\n",
    "HTTP/2.0": b"GET /raw HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET /raw HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /raw HTTP/0.9\r\nHost: a\r\n\r\n",
    "no version": b"GET /raw\r\nHost: a\r\n\r\n",
    "lower-case version": b"GET /raw http/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "space in the target": b"GET /raw a HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS hello": bytes.fromhex("16030100a5010000a10303") + b"\x00" * 40 + b"\r\n\r\n",
}

DOUBTFUL_CHUNKS = {
    "size in letters": b"zz\r\nab\r\n0\r\n\r\n",
    "size with 0x": b"0x2\r\nab\r\n0\r\n\r\n",
    "size with a sign": b"+2\r\nab\r\n0\r\n\r\n",
    "size below zero": b"-2\r\nab\r\n0\r\n\r\n",
    "empty size": b"\r\nab\r\n0\r\n\r\n",
    "endless size": b"f" * 20 + b"\r\nab\r\n0\r\n\r\n",
    "size with a space": b"2 \r\nab\r\n0\r\n\r\n",
    "bare LF after the size": b"2\nab\r\n0\r\n\r\n",
    "spill after a chunk": b"2\r\nabX\r\n0\r\n\r\n",
    "chunk too long": b"2\r\nabcd\r\n0\r\n\r\n",
    "bare LF after a chunk": b"2\r\nab\n0\r\n\r\n",
    "bare CR after the size": b"2\rXab\r\n0\r\n\r\n",
    "LF in an extension": b"2;a\nb\r\nab\r\n0\r\n\r\n",
}

REFUSED_TARGETS = [
    "/raw/../admin",
    "/raw/..",
    "/raw/./x",
    "/raw/%2e%2e/admin",
    "/raw/%2E./x",
    "/raw/.%2e/x",
    "/raw/..\\x",
    "/raw\\..\\x",
    "/raw/a#b",
    "/raw/%5c..%5cx",
    "raw",
    "http://other.test/raw",
    "http://bearerd.test@evil.test/raw",
    "http://u@bearerd.test/raw",
    "ftp://bearerd.test/raw",
    "//bearerd.test@evil.test/raw\\",
]


@pytest.mark.parametrize("sent", DOUBTFUL_HEADS.values(), ids=DOUBTFUL_HEADS)
async def test_a_doubtful_head_is_refused(sent: bytes, wire: Wire) -> None:
    """400 and close; neither it nor what follows it goes upstream."""
    async with await wire.connect() as client:
        await client.send(sent + SMUGGLED)
        answer = await client.answer()
        assert answer.status == 400
        assert await client.rest() == b""
    await _nothing_went_upstream(wire)


async def test_a_half_closed_caller_hears_of_its_doubtful_head(wire: Wire) -> None:
    """A caller that has no more to send still gets its 400."""
    async with await wire.connect() as client:
        await client.send(DOUBTFUL_HEADS["two lengths"])
        client.half_close()
        assert (await client.answer()).status == 400


@pytest.mark.parametrize("sent", DOUBTFUL_CHUNKS.values(), ids=DOUBTFUL_CHUNKS)
async def test_a_doubtful_chunk_ends_the_exchange(sent: bytes, wire: Wire) -> None:
    """400 and close; what went upstream before the doubt is no whole request, and what follows does not go at all."""
    async with await wire.connect() as client:
        await client.send(CHUNKED + b"\r\n" + b"3\r\nabc\r\n" + sent + SMUGGLED)
        answer = await client.answer()
        assert answer.status == 400
        assert await client.rest() == b""
    await _nothing_went_upstream(wire)
    assert not any(fragment.endswith(b"0\r\n\r\n") or b"smuggled" in fragment for fragment in wire.upstream.fragments)


@pytest.mark.parametrize("target", REFUSED_TARGETS)
async def test_a_doubtful_target_is_refused(target: str, wire: Wire) -> None:
    """Dot segments in any spelling, backslashes, fragments and foreign authorities are 400 before routing."""
    async with await wire.connect() as client:
        answer = await client.ask(request(target))
    assert answer.status == 400
    assert b"path_refused" in answer.body.data or b"request_malformed" in answer.body.data
    await _nothing_went_upstream(wire)


@pytest.mark.parametrize("head", [b"CONNECT bearerd.test:443 HTTP/1.1\r\nHost: bearerd.test:443\r\n\r\n", request("/crm", method="TRACE")])
async def test_a_tunnel_and_a_trace_are_refused(head: bytes, wire: Wire) -> None:
    """CONNECT makes no tunnel, and TRACE never carries the token."""
    async with await wire.connect() as client:
        await client.send(head)
        answer = await client.answer()
    assert answer.status in {400, 405}
    await _nothing_went_upstream(wire)


async def test_absolute_form_for_our_own_host_is_taken(wire: Wire) -> None:
    """An absolute target whose authority equals Host is routed by its path (RFC 9112 §3.2.2)."""
    async with await wire.connect() as client:
        assert (await client.ask(request("http://bearerd.test/raw/x?y"))).status == 200
    assert [seen.target for seen in wire.upstream.requests] == [b"/base/x?y"]


@pytest.mark.parametrize(
    "head",
    [
        request("/raw", headers="X-Long: " + "a" * (40 << 10) + "\r\n"),
        request("/raw", headers="".join(f"X-{number}: 1\r\n" for number in range(200))),
        request("/raw?" + "a" * (40 << 10)),
    ],
    ids=["long header", "many headers", "long target"],
)
async def test_a_head_over_the_limit_is_refused(head: bytes, wire: Wire) -> None:
    """431 (414 or 400 for a target), and nothing goes upstream."""
    async with await wire.connect() as client:
        await client.send(head)
        answer = await client.answer()
    assert answer.status in {431, 414}
    await _nothing_went_upstream(wire)


async def test_a_large_head_within_the_limit_passes(wire: Wire) -> None:
    """A Kerberos ticket of 24 KiB is a header like any other."""
    async with await wire.connect() as client:
        assert (await client.ask(request("/raw", headers="X-Ticket: " + "a" * (24 << 10) + "\r\n"))).status == 200


async def test_a_bad_request_behind_a_good_one_loses_no_answer(wire: Wire) -> None:
    """Two pipelined requests of which the second is bad: the first is answered, then comes 400 and the end."""
    async with await wire.connect() as client:
        await client.send(request("/raw/good") + DOUBTFUL_HEADS["both framings"])
        first, second = await client.answer(), await client.answer()
        assert [first.status, second.status] == [200, 400]
        assert await client.rest() == b""
    assert [seen.target for seen in wire.upstream.requests] == [b"/base/good"]


async def test_a_refusal_is_a_problem_document(wire: Wire) -> None:
    """400 comes as problem+json with our code, and says nothing of a server."""
    async with await wire.connect() as client:
        await client.send(DOUBTFUL_HEADS["two lengths"])
        answer = await client.answer()
    assert answer.get("Content-Type") == "application/problem+json"
    assert b'"request_malformed"' in answer.body.data
    assert answer.get("Proxy-Status").startswith("bearerd; error=http_request_error; details=")
    assert answer.get("Server") == ""


async def _nothing_went_upstream(wire: Wire) -> None:
    async with await wire.connect() as after:
        assert (await after.ask(request("/raw/after"))).status == 200
    assert [seen.target for seen in wire.upstream.requests] == [b"/base/after"]
