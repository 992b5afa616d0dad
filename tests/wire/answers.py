"""Answers of an upstream that leave a doubt, as raw bytes (RFC 9112 §4, §6, §7).

A lenient reader takes each of them for something; a proxy that passes one on lets its caller take it for something else.
"""

from __future__ import annotations

OK = b"HTTP/1.1 200 OK\r\n"
FIXED = b"Content-Length: 2\r\n\r\nok"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"

_CONTROLS = [bytes([code]) for code in (*range(9), 11, 12, *range(14, 32), 127)]

STATUS_LINES = {
    f"status line {line!r}": line + b"\r\n" + FIXED
    for line in [
        b"HTTP/1.1 200\x00OK", b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 099 Low", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 2OO OK",
        b"HTTP/1.1 -200 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 600 High", b"HTTP/1.1 999 High", b"HTTP/1.1 OK", b"HTTP/1.1",
        b"HTTP/2.0 200 OK",
        b"HTTP/2 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.10 200 OK", b"http/1.1 200 OK", b"HTTPS/1.1 200 OK", b"ICY 200 OK",
        b" HTTP/1.1 200 OK",
        b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 O\rK", b"200 OK HTTP/1.1", b"GET / HTTP/1.1", b"<html>",
    ]
}  # fmt: skip

HEADERS = (
    {f"byte {byte!r} in a value": OK + b"X-A: a" + byte + b"b\r\n" + FIXED for byte in _CONTROLS}
    | {f"byte {byte!r} in a name": OK + b"X" + byte + b"A: 1\r\n" + FIXED for byte in (b" ", b"\t", b"\x00", b"(", b'"', b"\xe9", b"@")}
    | {
        "space before the colon": OK + b"X-A : 1\r\n" + FIXED,
        "space before the length's colon": OK + b"Content-Length : 2\r\n\r\nok",
        "empty name": OK + b": 1\r\n" + FIXED,
        "no colon": OK + b"X-A\r\n" + FIXED,
        "folded": OK + b"X-A: 1\r\n 2\r\n" + FIXED,
        "bare CR": OK + b"X-A: 1\rSet-Cookie: a=b\r\n" + FIXED,
        "bare LF": OK + b"X-A: 1\nSet-Cookie: a=b\r\n" + FIXED,
        "bare LF all through": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    }
)

FRAMINGS = (
    {
        f"length {value!r}": OK + b"Content-Length: " + value + b"\r\n\r\nok"
        for value in [b"", b"+2", b"-2", b"0x2", b"2 2", b"2,3", b"2.0", b"2a", b"a", b"9" * 30, b"\xb2", b"2;"]
    }
    | {
        f"coding {value!r}": OK + b"Transfer-Encoding: " + value + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        for value in [b"", b"x", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"chunked;a",
        b"xchunked", b"\x0bchunked"]
    }
    | {
        "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "coding and length": OK + b"Content-Length: 2\r\n" + CHUNKED,
        "coding twice": OK + b"Transfer-Encoding: chunked\r\n" + CHUNKED,
        "coding of HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + CHUNKED,
        "unasked 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    }
)  # fmt: skip

CHUNKS = {
    f"chunk {data!r}": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nok\r\n" + data
    for data in [
        b"zz\r\nok\r\n0\r\n\r\n", b"+2\r\nok\r\n0\r\n\r\n", b"-2\r\nok\r\n0\r\n\r\n", b"0x2\r\nok\r\n0\r\n\r\n",
        b"\r\nok\r\n0\r\n\r\n", b"2 \r\nok\r\n0\r\n\r\n",
        b"2\nok\r\n0\r\n\r\n", b"2\r\nok\n0\r\n\r\n", b"2\r\nokX\r\n0\r\n\r\n", b"f" * 17 + b"\r\nok\r\n0\r\n\r\n",
        b"2;a\nb\r\nok\r\n0\r\n\r\n", b"2\r\no",
        b"2\r\nok", b"0\r\n", b"0", b"", b"0\r\nX-A\r\n\r\n", b"0\r\n X-A: 1\r\n\r\n",
    ]
}  # fmt: skip
