"""Requests that leave a doubt, as raw bytes, by the part of the grammar that they break (RFC 9110, 9112).

Every case stands for a reading that some server takes and another does not: that difference is what smuggles.
"""

from __future__ import annotations

HOST = b"Host: bearerd.test\r\n"
END = b"0\r\n\r\n"


def _post(line: bytes, body: bytes = END) -> bytes:
    return b"POST /raw HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n" + body


def _named(prefix: str, values: list[bytes], template: bytes, body: bytes = b"") -> dict[str, bytes]:
    return {f"{prefix} {value!r}": _post(template % value, body) for value in values}


_CONTROLS = [bytes([code]) for code in (*range(9), *range(10, 32), 127) if code not in {10, 13}]
_NO_TOKEN = [bytes([code]) for code in b'"(),/:;<=>?@[\\]{} \t' if code != ord(":")] + [b"\xe9", b"\xff", b"\x80"]

LENGTHS = _named(
    "Content-Length",
    [
        b"", b" ", b"+1", b"-1", b"-0", b"1 1", b"1,1", b"1, 1", b"1,2", b",1", b"1,", b"0x1", b"1_0", b"1.0", b"1e0", b"a", b"1a", b"a1",
        b"'1'", b'"1"', b"1;", b"1\x00", b"\x001", b"1\x0b", b"\x0c1", b"\xb2", b"\xc2\xb9", b"9" * 19 + b"9",
        b"18446744073709551617", b"9" * 400,
        b"\xef\xbc\x91", b"1\t1", b"chunked", b"NaN", b"inf", b"1%20",
    ],
    b"Content-Length: %b",
    b"x",
)  # fmt: skip

CODINGS = _named(
    "Transfer-Encoding",
    [
        b"", b" ", b"x", b"identity", b"gzip", b"chunked, identity", b"identity, chunked", b"gzip, chunked", b"chunked, gzip",
        b"chunked,chunked",
        b"chunked, ", b", chunked", b"chunked;", b"chunked;a=b", b"chunked\x00", b"\x00chunked", b"\x0bchunked", b"chunked\x0b",
        b"chunked\x0c",
        b"chunked chunked", b"chunkedx", b"xchunked", b"chunke", b"chunk", b'"chunked"', b"'chunked'", b"chun\tked", b"chunked\xa0",
        b"\xa0chunked",
        b"chunked\x85", b"cow, chunked", b"chunked\\", b"c hunked", b"deflate, gzip, chunked", b"chunked, cow",
        "ch\u0075n\u212aed".encode(), "chun\u212aed".encode(),
    ],
    b"Transfer-Encoding: %b",
    END,
)  # fmt: skip

FRAMINGS = {
    "chunked and length": _post(b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
    "length and chunked": _post(b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
    "length 0 and chunked": _post(b"Content-Length: 0\r\nTransfer-Encoding: chunked"),
    "upper-case coding and length": _post(b"TRANSFER-ENCODING: CHUNKED\r\nContent-Length: 5"),
    "unknown coding and length": _post(b"Transfer-Encoding: x\r\nContent-Length: 5"),
    "empty coding and length": _post(b"Transfer-Encoding:\r\nContent-Length: 5"),
    "coding twice": _post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    "coding twice in other case": _post(b"Transfer-Encoding: chunked\r\ntransfer-encoding: identity"),
    "coding first odd": _post(b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
    "length twice": _post(b"Content-Length: 1\r\nContent-Length: 1", b"x"),
    "lengths differ": _post(b"Content-Length: 1\r\nContent-Length: 2", b"xx"),
    "lengths differ in case": _post(b"Content-Length: 1\r\ncontent-length: 2", b"xx"),
    "length and padded length": _post(b"Content-Length: 1\r\nContent-Length: 01", b"x"),
    "chunked of HTTP/1.0": b"POST /raw HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + END,
    "coding on a GET": b"GET /raw HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "two lengths on a GET": b"GET /raw HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
}

NAMES = (
    {f"byte {byte!r} in a name": _post(b"X" + byte + b"A: 1\r\nContent-Length: 0", b"") for byte in _CONTROLS + _NO_TOKEN}
    | {
        f"byte {byte!r} before the colon": _post(b"Content-Length" + byte + b": 5", b"hello")
        for byte in (b" ", b"\t", b"\x00", b"\x0b", b"\xa0")
    }
    | {
        f"byte {byte!r} before the coding's colon": _post(b"Transfer-Encoding" + byte + b": chunked")
        for byte in (b" ", b"\t", b"\x00", b"\x0b")
    }
    | {
        "empty name": _post(b": 1\r\nContent-Length: 0", b""),
        "no colon": _post(b"Content-Length 5\r\nContent-Length: 0", b""),
        "folded": _post(b"X-A: 1\r\n Content-Length: 5", b"hello"),
        "folded by a tab": _post(b"X-A: 1\r\n\tTransfer-Encoding: chunked"),
        "folded first line": b"GET /raw HTTP/1.1\r\n X-A: 1\r\n" + HOST + b"\r\n",
        "space before the first name": b"POST /raw HTTP/1.1\r\n Content-Length: 5\r\n" + HOST + b"\r\nhello",
    }
)

VALUES = {f"byte {byte!r} in a value": _post(b"X-A: a" + byte + b"b\r\nContent-Length: 0", b"") for byte in _CONTROLS} | {
    "bare CR in a value": _post(b"X-A: a\rb\r\nContent-Length: 0", b""),
    "bare CR hides a coding": _post(b"X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: 0", b""),
    "bare LF hides a coding": _post(b"X-A: a\nTransfer-Encoding: chunked\r\nContent-Length: 0", b""),
    "bare LF ends a line": b"GET /raw HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "bare LF ends the head": b"GET /raw HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR ends the head": b"GET /raw HTTP/1.1\r\nHost: a\r\r\n\r\n",
    "only bare LF": b"GET /raw HTTP/1.1\nHost: a\n\n",
}

HOSTS = (
    {
        f"Host {value!r}": b"GET /raw HTTP/1.1\r\nHost: " + value + b"\r\n\r\n"
        for value in [
            b"a b", b"a/b", b"a\\b", b"a?b", b"a#b", b"u@a", b"u:p@a", b"a, b", b"http://a", b"a:b", b"a:1:2", b"a:-1",
            b"a:99999999",
            b"[::1", b"::1]", b"[a]b", b"a\x00b", b"a\x7f", b"a\xe9", b"<a>", b'"a"', b"a\tb", b"a{b}", b"a|b", b"a^b", b"a`b",
        ]
    }
    | {
        "no Host": b"GET /raw HTTP/1.1\r\nX-A: 1\r\n\r\n",
        "two Hosts": b"GET /raw HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "two equal Hosts": b"GET /raw HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "two Hosts in HTTP/1.0": b"GET /raw HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    }
)  # fmt: skip

START_LINES = {
    f"start line {line!r}": line + b"\r\n" + HOST + b"\r\n"
    for line in [
        b"GET /raw", b"GET /raw ", b"GET  /raw HTTP/1.1", b"GET /raw  HTTP/1.1", b"GET\t/raw HTTP/1.1", b"GET /raw\tHTTP/1.1",
        b"GET /raw HTTP/1.1 ",
        b" GET /raw HTTP/1.1", b"GET /raw HTTP/1.1 x", b"/raw HTTP/1.1", b"GET HTTP/1.1", b"G(T /raw HTTP/1.1", b"G\x00T /raw HTTP/1.1",
        b"G\xc9T /raw HTTP/1.1", b"GET: /raw HTTP/1.1", b"GET /raw HTTP/1.10", b"GET /raw HTTP/01.1", b"GET /raw HTTP/1",
        b"GET /raw HTTP/1.",
        b"GET /raw HTTP/.1", b"GET /raw HTTP/1,1", b"GET /raw HTTP /1.1", b"GET /raw HTTP/ 1.1", b"GET /raw http/1.1",
        b"GET /raw HTTPS/1.1",
        b"GET /raw HTTP/0.9", b"GET /raw HTTP/1.2", b"GET /raw HTTP/2.0", b"GET /raw HTTP/2", b"GET /raw HTTP/3.0", b"GET /raw HTTP/-1.1",
        b"GET /raw HTTP/1.1\x00", b"GET /ra w HTTP/1.1", b"GET /raw\x00 HTTP/1.1", b"GET /raw\x7f HTTP/1.1", b"GET /raw\x0b HTTP/1.1",
        b"GET /raw\r HTTP/1.1", b"GET raw HTTP/1.1", b"GET ../raw HTTP/1.1", b"GET ?raw HTTP/1.1", b"GET http: HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"GET http:///raw HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x00\xa5", b"\x00",
    ]
}  # fmt: skip

CHUNKS = {
    f"chunk {data[:24]!r}": data
    for data in [
        b"\r\nab\r\n", b" 2\r\nab\r\n", b"2 \r\nab\r\n", b"\t2\r\nab\r\n", b"2\t\r\nab\r\n", b"+2\r\nab\r\n", b"-2\r\nab\r\n",
        b"0x2\r\nab\r\n",
        b"2h\r\nab\r\n", b"g\r\nab\r\n", b"2_\r\nab\r\n", b"2.0\r\nab\r\n", b"\xb2\r\nab\r\n", b"2\x00\r\nab\r\n", b"2,\r\nab\r\n",
        b"f" * 17 + b"\r\nab\r\n",
        b"1" + b"0" * 16 + b"\r\nab\r\n", b"2\nab\r\n", b"2\rab\r\n", b"2\r\rab\r\n", b"2\r\nab\n", b"2\r\nab\r", b"2\r\nabc\r\n",
        b"2\r\na\r\n0\r\n\r\n",
        b"2\r\nab0\r\n\r\n", b"2;a\nb\r\nab\r\n", b"2;a\rb\r\nab\r\n", b"2;\x00\r\nab\r\n", b"2 ;\n\r\nab\r\n",
        b"2;" + b"a" * 70_000 + b"\r\nab\r\n",
        b"0\n\r\n", b"0\r\n\n", b"0\r\nX-A\r\n\r\n", b"0\r\n X-A: 1\r\n\r\n", b"0\r\nX-A : 1\r\n\r\n", b"0\r\nX-A: \x001\r\n\r\n",
        b"0\r\n" + b"X-A: 1\r\n" * 20_000 + b"\r\n", b"0\r\nX-A: 1\nX-B: 2\r\n\r\n",
    ]
}  # fmt: skip
