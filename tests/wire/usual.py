"""Messages that are plain, or nearly: what the express lane takes at a glance, and what differs from that in one thing.

Every request of a caller is whole; every answer of an upstream can be told from the next.
"""

from __future__ import annotations

from tests.wire.lanes import Case
from tests.wire.stand import Sayings

HOST = b"Host: bearerd.test\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def get(target: bytes = b"/x", fields: bytes = b"", *, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """A request without a body."""
    return method + b" " + target + b" HTTP/" + version + b"\r\n" + HOST + fields + b"\r\n"


def post(body: bytes, fields: bytes = b"", *, method: bytes = b"POST") -> bytes:
    """A request with Content-Length."""
    return method + b" /x HTTP/1.1\r\n" + HOST + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunks(*parts: bytes, fields: bytes = b"") -> bytes:
    """A chunked request."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"POST /x HTTP/1.1\r\n" + HOST + fields + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


TARGETS = {
    f"target {target!r}": get(target)
    for target in [
        b"/", b"/x?", b"/x?a=b&a=c", b"/x?a=/../b", b"/a%2Fb%2fc", b"//a///b", b"/a;b=1,2(3)'*!", b"/{a}|b^c", b"/%E9\xe9", b"/a/../b",
        b"/a/%2e%2E/b", b"/a/./b", b"/a\\b", b"/x#y", b"*", b"http://bearerd.test/x", b"http://other.test/x", b"HTTP://BEARERD.test:80/x",
        b"/" + b"a" * 3000, b"/x?" + b"b" * 9000, b"/x?q=\xff", b"/x%", b"/x%zz", b"/x%00", b'/"', b"/<x>", b"/x?<", b"/x`",
    ]
}  # fmt: skip

METHODS = {
    f"{method.decode()}": get(method=method)
    for method in [
        b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PUT", b"PATCH", b"POST", b"TRACE", b"CONNECT", b"PURGE", b"PROPFIND", b"get", b"X",
        b"M-SEARCH",
    ]
}  # fmt: skip

FIELDS = {
    f"field {fields!r}": get(fields=fields)
    for fields in [
        b"X-A: 1\r\nX-A: 2\r\nx-a: 3\r\n", b"X-A:1\r\n", b"X-A:  1\r\n", b"X-A: 1  \r\n", b"X-A:\t1\t\r\n", b"X-A:\r\n", b"X-A: \r\n",
        b"X-A: a\tb\r\n",
        b"X-A: \xe9\xff\x80\r\n", b"X-A: \xc3\xa9\r\n", b"!#$%&'*+-.^_`|~09AZaz: 1\r\n", b"1: 1\r\n", b"X_A: 1\r\n",
        b"Authorization: Bearer mine\r\n", b"authorization: Basic eDp5\r\n", b"AUTHORIZATION_: x\r\n", b"Proxy-Authorization: x\r\n",
        b"Connection: keep-alive\r\n", b"Connection: close\r\n", b"connection: Close\r\n", b"Connection: X-A\r\nX-A: 1\r\n",
        b"Connection: Authorization\r\nAuthorization: Bearer mine\r\n", b"Connection: close, X-A\r\nX-A: 1\r\n",
        b"Connection: close\r\nConnection: keep-alive\r\n", b"Connection:\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Upgrade: x\r\n", b"Keep-Alive: timeout=5\r\n", b"TE: trailers\r\n", b"Trailer: X-A\r\n", b"Proxy-Connection: close\r\n",
        b"Proxy-Connection: keep-alive\r\n",
        b"Expect: 100-continue\r\n", b"Expect: tea\r\n", b"Via: 1.1 a\r\n", b"Forwarded: for=a\r\n", b"X-Forwarded-For: 1.2.3.4\r\n",
        b"X-Request-Id: abc\r\n", b"X-Request-Id: \xe9\r\n", b"X-Request-Id: a b\r\n", b"Idempotency-Key: k\r\n", b"Cookie: a=b; c=d\r\n",
        b"Cookie: a=b\r\nCookie: c=d\r\n", b"Content-Length: 0\r\n", b"Content-Length: 00\r\n", b"Accept-Encoding: gzip, br\r\n",
        b"X-A: " + b"a" * 6000 + b"\r\n", b"X-A: " + b"a" * 9000 + b"\r\n", b"X-A: 1\r\n" * 39, b"X-A: 1\r\n" * 40,
        b"X" * 3000 + b": 1\r\n", b"Range: bytes=0-1\r\n", b'If-None-Match: "a"\r\n', b"Max-Forwards: 0\r\n", b"Sec-Fetch-Site: none\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
    ]
}  # fmt: skip

HOSTS = {
    f"Host {host!r}": b"GET /x HTTP/1.1\r\nHost:" + host + b"\r\n\r\n"
    for host in [b" a", b"a", b" a:80", b" [::1]", b" [::1]:80", b"", b" ", b" 127.0.0.1:6750", b" A.B", b" a.", b" a_b", b" a:", b" \xe9"]
} | {"Host last": b"GET /x HTTP/1.1\r\nX-A: 1\r\nHost: a\r\n\r\n", "host": b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n"}

BODIES = {
    "empty": post(b""),
    "one byte": post(b"x"),
    "a line end": post(b"\r\n"),
    "a request in a body": post(get(b"/smuggled")),
    "10 KiB": post(bytes(range(256)) * 40),
    "100 KiB": post(bytes(range(256)) * 400),
    "PUT": post(b"hello", method=b"PUT"),
    "PATCH": post(b"hello", method=b"PATCH"),
    "DELETE": post(b"hello", method=b"DELETE"),
    "GET with a body": post(b"hello", method=b"GET"),
    "HEAD with a body": post(b"hello", method=b"HEAD"),
    "length with zeros": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 0005\r\n\r\nhello",
    "length without a space": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length:5\r\n\r\nhello",
    "expected": post(b"hello", b"Expect: 100-continue\r\n"),
    "expected in other case": post(b"hello", b"expect: 100-Continue\r\n"),
    "type and length": post(b'{"a": 1}', b"Content-Type: application/json\r\n"),
    "close": post(b"hello", b"Connection: close\r\n"),
    "chunked": chunks(b"hello", b"world"),
    "chunked without a byte": chunks(),
    "chunked with an extension": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
    "chunked with a trailer": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-T: 1\r\n\r\n",
    "chunked close": chunks(b"hello", fields=b"Connection: close\r\n"),
    "chunked expected": chunks(b"hello", fields=b"Expect: 100-continue\r\n"),
    "HTTP/1.0": get(version=b"1.0"),
    "HTTP/1.0 kept": get(version=b"1.0", fields=b"Connection: keep-alive\r\n"),
    "HTTP/1.0 with a body": b"POST /x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0 without Host": b"GET /x HTTP/1.0\r\n\r\n",
    "nothing": b"",
    "empty lines": b"\r\n\r\n" + get() + b"\r\n" + get(),
    "an empty line of LF": b"\n" + get(),
    "bare LF": b"GET /x HTTP/1.1\nHost: a\n\n",
}

_PLAIN, _POST, _CHUNKS, _OLD = get(), post(b"hello"), chunks(b"a", b"bc"), get(version=b"1.0", fields=b"Connection: keep-alive\r\n")
_BAD = b"GET /bad HTTP/1.1\r\n\r\n"
PIPELINES = {
    "two": _PLAIN * 2,
    "five": b"".join(get(b"/%d" % number) for number in range(5)),
    "posts": _POST * 3,
    "get, post, get": _PLAIN + _POST + _PLAIN,
    "post, head, get": _POST + get(method=b"HEAD") + _PLAIN,
    "plain, chunked, plain": _PLAIN + _CHUNKS + _PLAIN,
    "chunked, plain, chunked": _CHUNKS + _PLAIN + _CHUNKS,
    "plain, 1.0, plain": _PLAIN + _OLD + _PLAIN,
    "plain, 1.0 that ends, plain": _PLAIN + get(version=b"1.0") + _PLAIN,
    "plain, chunked, 1.0, post": _PLAIN + _CHUNKS + _OLD + _POST,
    "plain, absolute-form, plain": _PLAIN + get(b"http://bearerd.test/a") + _PLAIN,
    "plain, expecting, plain": _PLAIN + post(b"hello", b"Expect: 100-continue\r\n") + _PLAIN,
    "chunked with a trailer, plain": BODIES["chunked with a trailer"] + _PLAIN,
    "plain, close, plain": _PLAIN + get(fields=b"Connection: close\r\n") + _PLAIN,
    "post, close, plain": _POST + post(b"x", b"Connection: close\r\n") + _PLAIN,
    "plain, bad, plain": _PLAIN + _BAD + _PLAIN,
    "post, bad": _POST + _BAD,
    "chunked, bad": _CHUNKS + _BAD,
    "plain, refused path, plain": _PLAIN + get(b"/a/../b") + _PLAIN,
    "plain, then empty lines": _PLAIN + b"\r\n\r\n",
    "empty lines between": _PLAIN + b"\r\n" + _PLAIN + b"\r\n\r\n" + _POST,
    "a body too long": post(b"hello") + b"x" + _PLAIN,
    "ten": _PLAIN * 10,
    "a large post, plain": post(b"y" * (90 << 10)) + _PLAIN,
}

UNFINISHED = {
    "cut in the head": _PLAIN[:-3],
    "cut in the body": _POST[:-2],
    "cut before the body": _POST[:-5],
    "cut in a chunk": _CHUNKS[:-9],
    "plain, half a head": _PLAIN + _PLAIN[:-4],
    "plain, half a body": _PLAIN + _POST[:-2],
    "plain, half a chunk": _PLAIN + _CHUNKS[:-9],
}

REQUESTS = TARGETS | METHODS | FIELDS | HOSTS | BODIES | PIPELINES

_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"


def _status(line: bytes, fields: bytes = b"Content-Length: 2\r\n", body: bytes = b"ok") -> bytes:
    return b"HTTP/1.1 " + line + b"\r\n" + fields + b"\r\n" + body


WHOLE = (
    {"plain": OK, "no reason": _status(b"200 "), "no space behind the status": _status(b"200"),
     "obs-text reason": _status(b"200 \xe9t\xe9")}
    | {
        f"status {line!r}": _status(line)
        for line in [
            b"201 Created", b"202 Accepted", b"206 Partial", b"299 Odd", b"300 Many", b"400 Bad", b"403 No", b"404 Gone", b"405 No",
            b"407 Proxy", b"418 Tea", b"429 Slow", b"500 Oh", b"501 Not", b"502 Bad", b"503 Busy", b"504 Late", b"599 Odd",
        ]
    }
    | {
        "204": _status(b"204 No Content", b"", b""),
        "204 with a length": _status(b"204 No Content", b"Content-Length: 0\r\n", b""),
        "204 with a length that lies": _status(b"204 No Content", b"Content-Length: 5\r\n", b""),
        "205": _status(b"205 Reset", b"Content-Length: 0\r\n", b""),
        "304": _status(b"304 Not Modified", b'ETag: "a"\r\n', b""),
        "304 with a length": _status(b"304 Not Modified", b"Content-Length: 1000\r\n", b""),
        "302": _status(b"302 Found", b"Location: /elsewhere\r\nContent-Length: 0\r\n", b""),
        "302 to the upstream": _status(b"302 Found", b"Location: http://127.0.0.1/elsewhere\r\nContent-Length: 0\r\n", b""),
        "empty": _status(b"200 OK", b"Content-Length: 0\r\n", b""),
        "10 KiB": _status(b"200 OK", b"Content-Length: 10240\r\n", b"z" * 10240),
        "300 KiB": _status(b"200 OK", b"Content-Length: 307200\r\n", b"z" * 307200),
        "chunked": _CHUNKED + b"2\r\nok\r\n3\r\nand\r\n0\r\n\r\n",
        "chunked without a byte": _CHUNKED + b"0\r\n\r\n",
        "chunked with an extension": _CHUNKED + b"2;a=b\r\nok\r\n0\r\n\r\n",
        "chunked with a trailer": _CHUNKED + b"2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
        "chunked in capitals": b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "100 KiB chunked": _CHUNKED + b"2000\r\n" + b"z" * 8192 + b"\r\n" + b"19000\r\n" + b"z" * 102400 + b"\r\n0\r\n\r\n",
        "103": _HINTS + OK,
        "103 thrice": _HINTS * 3 + OK,
        "100 unasked": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        "102, 103, chunked": b"HTTP/1.1 102 Processing\r\n\r\n" + _HINTS + _CHUNKED + b"2\r\nok\r\n0\r\n\r\n",
        "hop-by-hop": _status(b"200 OK", b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nContent-Length: 2\r\n"),
        "keep-alive said": _status(b"200 OK", b"Connection: keep-alive\r\nKeep-Alive: timeout=9\r\nContent-Length: 2\r\n"),
        "proxy fields": _status(b"200 OK", b"Proxy-Authenticate: Basic\r\nProxy-Connection: x\r\nTE: x\r\nContent-Length: 2\r\n"),
        "Upgrade": _status(b"200 OK", b"Upgrade: h2c\r\nContent-Length: 2\r\n"),
        "duplicates": _status(b"200 OK", b"X-A: 1\r\nX-A: 2\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 2\r\n"),
        "a cookie's domain": _status(b"200 OK", b"Set-Cookie: a=b; Domain=127.0.0.1; Path=/\r\nContent-Length: 2\r\n"),
        "obs-text": _status(b"200 OK", b"X-A: \xe9\xff\r\nContent-Length: 2\r\n"),
        "no space, tabs, empty": _status(b"200 OK", b"X-A:1\r\nX-B: \t2\t\r\nX-C:\r\nX-D: \r\nContent-Length:2\r\n"),
        "length twice": _status(b"200 OK", b"Content-Length: 2\r\nContent-Length: 2\r\n"),
        "length with zeros": _status(b"200 OK", b"Content-Length: 0002\r\n"),
        "X-Request-Id": _status(b"200 OK", b"X-Request-Id: theirs\r\nContent-Length: 2\r\n"),
        "Proxy-Status": _status(b"200 OK", b"Proxy-Status: theirs\r\nContent-Length: 2\r\n"),
        "compressed": _status(b"200 OK", b"Content-Encoding: gzip\r\nContent-Length: 4\r\n", b"\x1f\x8b\x00\x01"),
        "400 fields": _status(b"200 OK", b"X-A: 1\r\n" * 400 + b"Content-Length: 2\r\n"),
        "60 KiB field": _status(b"200 OK", b"X-A: " + b"a" * 60_000 + b"\r\nContent-Length: 2\r\n"),
        "events": _status(b"200 OK", b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n", b"8\r\ndata: x\n\r\n0\r\n\r\n"),
        "401": _status(b"401 Unauthorized", b"WWW-Authenticate: Bearer\r\nContent-Length: 2\r\n"),
        "401 for a scope": _status(b"401 Unauthorized", b'WWW-Authenticate: Bearer error="insufficient_scope"\r\nContent-Length: 2\r\n'),
        "401 Basic": _status(b"401 Unauthorized", b"WWW-Authenticate: Basic\r\nContent-Length: 2\r\n"),
        "401 chunked": b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    }
)  # fmt: skip

ENDED = {
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nall of it",
    "until the end, nothing": b"HTTP/1.1 200 OK\r\n\r\n",
    "until the end of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nall of it",
    "HTTP/1.0 with a length": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "close": _status(b"200 OK", b"Connection: close\r\nContent-Length: 2\r\n"),
    "close, chunked": b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "plain": OK,
    "cut body": _status(b"200 OK", b"Content-Length: 5\r\n"),
    "cut before the body": _status(b"200 OK", b"Content-Length: 5\r\n", b""),
    "cut chunk": _CHUNKED + b"5\r\nok",
    "cut before the last chunk": _CHUNKED + b"2\r\nok\r\n",
    "cut in a trailer": _CHUNKED + b"2\r\nok\r\n0\r\nX-T",
    "cut head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut status line": b"HTTP/1.1 2",
    "no byte": b"",
    "103 alone": _HINTS,
    "more than it said": OK + b"evil",
    "another answer": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\nevil",
    "304 with a body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
    "chunked and more": _CHUNKED + b"2\r\nok\r\n0\r\n\r\nevil",
    "503 close": _status(b"503 Busy", b"Connection: close\r\nContent-Length: 2\r\n"),
    "401 close": _status(b"401 No", b"Connection: close\r\nContent-Length: 2\r\n"),
    "401 cut": _status(b"401 No", b"Content-Length: 9\r\n"),
    "600 fields": _status(b"200 OK", b"X-A: 1\r\n" * 600 + b"Content-Length: 2\r\n"),
    "300 KiB field": _status(b"200 OK", b"X-A: " + b"a" * 300_000 + b"\r\nContent-Length: 2\r\n"),
    "1,000 interim heads": _HINTS * 1000 + OK,
}

ASKED = {"GET": get(), "HEAD": get(method=b"HEAD"), "POST": post(b"hello"), "GET twice": get() * 2}


def answered(raws: dict[str, bytes], ends: str = "", asked: dict[str, bytes] | None = None) -> dict[str, Case]:
    """Each of `raws` as the answer to each of `asked`, and the usual one behind it, so that a retry and a second request have theirs."""
    return {
        f"{name} to {what}": Case(request, Sayings((raw, OK), ends))  # type: ignore[arg-type]  # one of the three
        for name, raw in raws.items()
        for what, request in (asked or ASKED).items()
    }
