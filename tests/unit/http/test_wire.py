"""proxy/http/wire.py: what a head and a chunk may be, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.wire import (
    MAX_CHUNK_LINE,
    MAX_TRAILER,
    ChunkScanner,
    Framing,
    Headers,
    MalformedError,
    RequestHead,
    ResponseHead,
    TooLargeError,
    check_request_head,
    check_unfinished,
    parse_response_head,
    response_framing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = (b"Host", b"a.test")
BYTES = [bytes([value]) for value in range(256)]
FORBIDDEN = [byte for byte in BYTES if byte not in b"\t" and (byte < b" " or byte == b"\x7f")]


def check(headers: Headers, *, line: bytes = b"POST /x HTTP/1.1", most: int = 128) -> Framing:
    head = b"\r\n".join([line, *(name + b": " + value for name, value in headers)])
    return check_request_head(head, headers, most).framing


@pytest.mark.parametrize(
    ("headers", "framing"),
    [
        ((), Framing("none")),
        (((b"Content-Length", b"0"),), Framing("length", 0)),
        (((b"content-LENGTH", b"12"),), Framing("length", 12)),
        (((b"Content-Length", b"0012"),), Framing("length", 12)),
        (((b"Content-Length", b"9" * 18),), Framing("length", 10**18 - 1)),
        (((b"Transfer-Encoding", b"chunked"),), Framing("chunked")),
        (((b"transfer-encoding", b"CHUNKED"),), Framing("chunked")),
        (((b"X-Transfer-Encoding", b"gzip"), (b"Content_Length", b"7")), Framing("none")),
    ],
)
def test_framing_of_a_request(headers: Headers, framing: Framing) -> None:
    """One plain Content-Length, or exactly `chunked`, or no body."""
    assert check((HOST, *headers)) == framing


@pytest.mark.parametrize(
    "headers",
    [
        ((b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")),
        ((b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"1")),
        ((b"Content-Length", b"1"), (b"Content-Length", b"1")),
        ((b"Content-Length", b"1"), (b"content-length", b"2")),
        *(((b"Content-Length", value),) for value in (b"", b"+1", b"-1", b"0x1", b"1_0", b"1 0", b"1,1", b"1, 1", b"1;", b"1.0", b"1e3")),
        *(((b"Content-Length", value),) for value in (b"9" * 19, b"\xb2", b"\xd9\xa1", b"one", b'"1"', b"chunked")),
        *(
            ((b"Transfer-Encoding", value),)
            for value in (
                b"",
                b"gzip",
                b"identity",
                b"xchunked",
                b"chunkedx",
                b"chunked,",
                b",chunked",
                b"chunked, chunked",
                b"gzip, chunked",
            )
        ),
        *(
            ((b"Transfer-Encoding", value),)
            for value in (b"chunked, identity", b"chunked;q=1", b'"chunked"', b"chunked chunked", b"\xa0chunked")
        ),
        ((b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")),
        ((b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"identity")),
        ((b"Transfer-Encoding", b"identity"), (b"Content-Length", b"0")),
    ],
)
def test_doubtful_framing_is_refused(headers: Headers) -> None:
    """Whatever two parsers could read in two ways is malformed."""
    with pytest.raises(MalformedError):
        check((HOST, *headers))


def test_chunked_in_http_1_0_is_refused() -> None:
    """HTTP/1.0 has no chunked coding (RFC 9112 §6.1)."""
    with pytest.raises(MalformedError):
        check((HOST, (b"Transfer-Encoding", b"chunked")), line=b"POST / HTTP/1.0")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"a.test",
        b"a.test:80",
        b"a.test:",
        b"127.0.0.1",
        b"[::1]",
        b"[::1]:8080",
        b"[::ffff:1.2.3.4]",
        b"a_b.test",
        b"A.TEST",
        b"x--1",
        b"a:0",
        b"a:00080",
        b"a:65535",
        b"a:59999",
        b"a:64999",
        b"[1::2]:65535",
    ],
)
def test_a_host_is_taken(value: bytes) -> None:
    """RFC 9112 §3.2 with the grammar of RFC 3986 §3.2."""
    assert check(((b"Host", value),)) == Framing("none")


@pytest.mark.parametrize(
    "value",
    [
        b"a b",
        b"a/b",
        b"a@b",
        b"user:x@a",
        b"a?b",
        b"a#b",
        b"a\\b",
        b"a,b.test:x",
        b"a:b",
        b"a:80:90",
        b"a:123456",
        b":80",
        b":",
        b"h:65536",
        b"h:99999",
        b"[...]",
        b"[:]",
        b"[:::]:80",
        b"[1.2.3.4]",
        b"[::1]:65536",
        b"[::1",
        b"::1",
        b"a\xe9",
        b"[g::1]",
    ],
)
def test_an_invalid_host_is_refused(value: bytes) -> None:
    """What is not a host and port is no Host."""
    with pytest.raises(MalformedError):
        check(((b"Host", value),))


@pytest.mark.parametrize(
    ("line", "hosts", "good"),
    [
        (b"GET / HTTP/1.1", 0, False),
        (b"GET / HTTP/1.1", 1, True),
        (b"GET / HTTP/1.1", 2, False),
        (b"GET / HTTP/1.0", 0, True),
        (b"GET / HTTP/1.0", 1, True),
        (b"GET / HTTP/1.0", 2, False),
    ],
)
def test_how_many_hosts(line: bytes, hosts: int, good: bool) -> None:  # noqa: FBT001  # a column of the table
    """Exactly one; HTTP/1.0 may leave it out (RFC 9112 §3.2)."""
    refused = False
    try:
        check((HOST,) * hosts, line=line)
    except MalformedError:
        refused = True
    assert refused is not good


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.2",
        b"GET / HTTP/0.9",
        b"GET / HTTP/1.10",
        b"GET / HTTP/1",
        b"GET / http/1.1",
        b"GET / HTTPS/1.1",
        b"GET /",
        b"GET / ",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/1.1\t",
        b"GET /a b HTTP/1.1",
        b"GET /a\x00 HTTP/1.1",
        b"GET /a\x7f HTTP/1.1",
        b"GET /\rx HTTP/1.1",
        b"GET /\nx HTTP/1.1",
        b"G(T / HTTP/1.1",
        b"G\xe9T / HTTP/1.1",
        b" / HTTP/1.1",
        b"",
    ],
)
def test_a_doubtful_request_line_is_refused(line: bytes) -> None:
    """Only `method SP target SP HTTP/1.0-or-1` (RFC 9112 §3)."""
    with pytest.raises(MalformedError):
        check((HOST,), line=line)


@pytest.mark.parametrize("target", [b"/", b"*", b"/\xe9%00?a=b&&%zz", b"http://a.test/x", b"//a", b'/a|b"<>^`{}'])
def test_a_target_is_kept_as_it_came(target: bytes) -> None:
    """No byte of a target is changed by reading it."""
    head = check_request_head(b"GET " + target + b" HTTP/1.1\r\nHost: a.test", (HOST,), 128)
    assert (head.method, head.target, head.minor) == (b"GET", target, 1)


@pytest.mark.parametrize(
    "line",
    [
        b"Name : x",
        b"Name\t: x",
        b" Name: x",
        b"\tfolded",
        b" folded",
        b": x",
        b"no colon",
        b"",
        b"N\xe9: x",
        b"Na(me: x",
        b"Name: a\rb",
        b"Name: a\nb",
        b"Name: a\n b",
        b"Name: x\r",
        *(b"Name: a" + byte + b"b" for byte in FORBIDDEN),
    ],
)
def test_a_doubtful_field_line_is_refused(line: bytes) -> None:
    """No space before the colon, no folding, no control byte (RFC 9112 §5)."""
    head = b"GET / HTTP/1.1\r\nHost: a.test\r\n" + line
    with pytest.raises(MalformedError):
        check_request_head(head, (HOST, (b"Name", b"x")), 128)
    with pytest.raises(MalformedError):
        parse_response_head(b"HTTP/1.1 200 OK\r\n" + line, 128)


def test_another_parsers_reading_must_have_as_many_fields() -> None:
    """What the parser before joined or dropped is no longer what came."""
    with pytest.raises(MalformedError):
        check_request_head(b"GET / HTTP/1.1\r\nHost: a.test\r\nA: 1", (HOST,), 128)


@pytest.mark.parametrize(("most", "good"), [(2, True), (1, False)])
def test_fields_are_bounded(most: int, good: bool) -> None:  # noqa: FBT001  # a column of the table
    """A head has at most `max_headers` fields, both ways."""
    headers = (HOST, (b"A", b"1"))
    outcomes = []
    for_request = b"GET / HTTP/1.1\r\nHost: a.test\r\nA: 1"
    for_response = b"HTTP/1.1 200 OK\r\nHost: a.test\r\nA: 1"
    try:
        outcomes += [check_request_head(for_request, headers, most).headers, parse_response_head(for_response, most).headers]
    except TooLargeError:
        outcomes = []
    assert outcomes == ([headers, headers] if good else [])


@pytest.mark.parametrize(("head", "good"), [(b"GET / HT", True), (b"GET /\r\nHost: a\r", True), (b"GET /\nHost", False), (b"\n", False)])
def test_an_unfinished_head_has_no_bare_lf(head: bytes, good: bool) -> None:  # noqa: FBT001  # a column of the table
    """A head that ends in LF LF would never end; it is refused at once."""
    refused = False
    try:
        check_unfinished(head)
    except MalformedError:
        refused = True
    assert refused is not good


@pytest.mark.parametrize(
    ("raw", "minor", "status", "reason", "headers"),
    [
        (b"HTTP/1.1 200 OK", 1, 200, b"OK", ()),
        (b"HTTP/1.0 204", 0, 204, b"", ()),
        (b"HTTP/1.1 404 ", 1, 404, b"", ()),
        (b"HTTP/1.1 500 Sch\xf6n\there", 1, 500, b"Sch\xf6n\there", ()),
        (
            b"HTTP/1.1 200 OK\r\nA:1\r\na: \t2 \t\r\nA:\r\nB: x y\tz",
            1,
            200,
            b"OK",
            ((b"A", b"1"), (b"a", b"2"), (b"A", b""), (b"B", b"x y\tz")),
        ),
        (b"HTTP/1.1 200 OK\r\nX: \xff\xfe", 1, 200, b"OK", ((b"X", b"\xff\xfe"),)),
    ],
)
def test_a_response_head_is_read(raw: bytes, minor: int, status: int, reason: bytes, headers: Headers) -> None:
    """Reason, order, case, duplicates and obs-text stay; only the space around a value goes."""
    assert parse_response_head(raw, 128) == ResponseHead(minor, status, reason, headers)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 600 OK",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK",
        b"HTTP/1.1 200\tOK",
        b"HTTP/2 200 OK",
        b"HTTP/1.2 200 OK",
        b"http/1.1 200 OK",
        b"ICY 200 OK",
        b" HTTP/1.1 200 OK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 OK\nA: 1",
        b"HTTP/1.1 200 OK\rA: 1",
        b"<html>",
        b"220 mail.test ESMTP",
    ],
)
def test_a_doubtful_status_line_is_refused(raw: bytes) -> None:
    """What is not HTTP/1.0 or 1.1 is nobody's answer."""
    with pytest.raises(MalformedError):
        parse_response_head(raw, 128)


def response(status: int, *headers: tuple[bytes, bytes], minor: int = 1) -> ResponseHead:
    return ResponseHead(minor, status, b"", headers)


LENGTH = (b"Content-Length", b"5")
CHUNKED = (b"Transfer-Encoding", b"chunked")


@pytest.mark.parametrize(
    ("method", "head", "framing"),
    [
        (b"GET", response(200, LENGTH), Framing("length", 5)),
        (b"GET", response(200, CHUNKED), Framing("chunked")),
        (b"GET", response(200), Framing("close")),
        (b"GET", response(200, minor=0), Framing("close")),
        (b"GET", response(200, LENGTH, minor=0), Framing("length", 5)),
        (b"HEAD", response(200, LENGTH), Framing("none")),
        (b"HEAD", response(200, CHUNKED), Framing("none")),
        (b"HEAD", response(200), Framing("none")),
        (b"head", response(200, LENGTH), Framing("length", 5)),
        (b"GET", response(204), Framing("none")),
        (b"GET", response(204, LENGTH), Framing("none")),
        (b"GET", response(304, LENGTH), Framing("none")),
        (b"GET", response(103), Framing("none")),
        (b"GET", response(205), Framing("close")),
        (b"POST", response(401, LENGTH), Framing("length", 5)),
    ],
)
def test_framing_of_a_response(method: bytes, head: ResponseHead, framing: Framing) -> None:
    """RFC 9112 §6.3: HEAD, 1xx, 204 and 304 have no body whatever they say."""
    assert response_framing(method, head) == framing


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize(
    "head",
    [
        response(200, LENGTH, CHUNKED),
        response(200, LENGTH, LENGTH),
        response(200, LENGTH, (b"Content-Length", b"6")),
        response(200, (b"Content-Length", b"5, 5")),
        response(200, (b"Content-Length", b"-5")),
        response(200, (b"Content-Length", b"")),
        response(200, (b"Transfer-Encoding", b"gzip, chunked")),
        response(200, (b"Transfer-Encoding", b"identity")),
        response(200, CHUNKED, CHUNKED),
        response(200, CHUNKED, minor=0),
        response(304, LENGTH, CHUNKED),
    ],
)
def test_doubtful_framing_of_a_response_is_refused(method: bytes, head: ResponseHead) -> None:
    """A response that two parsers could end at two places is refused."""
    with pytest.raises(MalformedError):
        response_framing(method, head)


def scan(*feeds: bytes) -> tuple[bytes, bool, bytes]:
    scanner = ChunkScanner()
    payload = b"".join(piece for data in feeds for piece in scanner.feed(data))
    return payload, scanner.done, scanner.rest


@pytest.mark.parametrize(
    ("raw", "payload", "rest"),
    [
        (b"0\r\n\r\n", b"", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc", b""),
        (b"3\r\nabc\r\n2\r\nde\r\n000\r\n\r\n", b"abcde", b""),
        (b"A\r\n0\r\n\r\n12345\r\n0\r\n\r\n", b"0\r\n\r\n12345", b""),
        (b"0000a\r\n0123456789\r\n0\r\n\r\n", b"0123456789", b""),
        (b'3;a;b=c;d="e f"\r\nabc\r\n0;x\r\n\r\n', b"abc", b""),
        (b"3 ;a\r\nabc\r\n0\r\n\r\n", b"abc", b""),
        (b"0\r\nX-Sum: 1\r\nY:\r\n\r\nGET / ", b"", b"GET / "),
        (b"1\r\na\r\n0\r\n\r\n\r\n", b"a", b"\r\n"),
    ],
)
def test_chunks_are_read(raw: bytes, payload: bytes, rest: bytes) -> None:
    """The payload alone, extensions and trailers dropped, and what lies behind the end."""
    assert scan(raw) == (payload, True, rest)


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"3\n",
        b"3\r\nabc\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc0\r\n",
        b"3\r\nabc\rx",
        b"3\rx\n",
        b"+3\r\n",
        b"-3\r\n",
        b"0x3\r\n",
        b"3g\r\n",
        b" 3\r\n",
        b"3 \r\n",
        b"3\t\r\n",
        b"3_0\r\n",
        b"\xb3\r\n",
        b"3;a\x00\r\n",
        b"3;a\rb\r\n",
        b"3;a\nb\r\n",
        b"f" * 16 + b"\r\n",
        b"0" * 17 + b"\r\n",
        b"0\r\nno colon\r\n",
        b"0\r\nName : x\r\n",
        b"0\r\n folded\r\n",
        b"0\r\nA: 1\n",
        b"0\r\nA: \x00\r\n",
        b"0\r\n\n",
        b"1" + b";" + b"a" * MAX_CHUNK_LINE,
        b"0\r\n" + b"A: 1\r\n" * (MAX_TRAILER // 6 + 1),
        b"0\r\nA: " + b"a" * MAX_TRAILER,
    ],
)
@pytest.mark.parametrize("step", [1 << 20, 1], ids=["at once", "byte by byte"])
def test_bad_chunks_are_refused(raw: bytes, step: int) -> None:
    """Any doubt about a chunk is an error, at once, and however it is cut."""
    with pytest.raises(MalformedError):
        scan(*(raw[at : at + step] for at in range(0, len(raw), step)))


def encode(parts: list[bytes], extension: bytes, trailer: bytes) -> bytes:
    return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


@given(
    parts=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    extension=st.sampled_from([b"", b";a", b' ; a="b"']),
    trailer=st.sampled_from([b"", b"A: 1\r\n", b"A:1\r\nB: 2\r\n"]),
    rest=st.binary(max_size=10),
    cuts=st.lists(st.integers(0, 300), max_size=8),
)
def test_chunks_read_the_same_however_they_are_cut(
    parts: list[bytes], extension: bytes, trailer: bytes, rest: bytes, cuts: list[int]
) -> None:
    """Payload and end depend on the bytes alone, never on how they arrived."""
    raw = encode(parts, extension, trailer)
    edges = sorted({0, len(raw), *(min(cut, len(raw)) for cut in cuts)})
    feeds = [raw[start:end] for start, end in pairwise(edges)]
    feeds[-1] += rest
    assert scan(*feeds) == (b"".join(parts), True, rest)


def verdict(*feeds: bytes) -> tuple[bytes, bool] | None:
    try:
        payload, done, _ = scan(*feeds)
    except MalformedError:
        return None
    return payload, done


@given(st.one_of(st.binary(max_size=200), st.text("0123456789abcdef;=\r\n X:", max_size=60).map(str.encode)))
def test_any_bytes_are_chunks_or_malformed(data: bytes) -> None:
    """No input raises anything but MalformedError, and the cuts do not change the verdict."""
    assert verdict(data) == verdict(*(data[at : at + 1] for at in range(len(data))))


HEAD_READERS = {"request": lambda data: check_request_head(data, (), 10), "response": lambda data: parse_response_head(data, 10)}


@pytest.mark.parametrize("read", HEAD_READERS.values(), ids=HEAD_READERS)
@given(data=st.one_of(st.binary(max_size=200), st.text("HTTP/1. 20OK\r\n:X", max_size=60).map(str.encode)))
def test_any_bytes_are_a_head_or_malformed(read: Callable[[bytes], RequestHead | ResponseHead], data: bytes) -> None:
    """No input raises anything but MalformedError, and no line end gets into a name or value."""
    headers: Headers = ()
    with suppress(MalformedError):
        headers = read(data).headers
    assert not set(b"".join(name + value for name, value in headers)) & set(b"\r\n\0")
