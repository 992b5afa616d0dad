"""The grammar of HTTP/1.1 heads and chunks, strict in both directions (RFC 9110, RFC 9112).

What is ambiguous is refused; what passes is kept as the bytes that came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Literal

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]

MAX_CHUNK_LINE = 4 << 10  # bytes of a chunk-size line with its extensions
MAX_TRAILER = 16 << 10  # bytes of a trailer section

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELD_LINE = _TOKEN + rb":[\t \x21-\x7e\x80-\xff]*"
_REQUEST_HEAD = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])(?:\r\n" + _FIELD_LINE + rb")*")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t \x21-\x7e\x80-\xff]*))?")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?[ \t]*")
# 15 hex digits: below 2^60, no overflow anywhere downstream
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t \x21-\x7e\x80-\xff]*)?")
_PORT = rb"(?::(?:[0-9]{0,4}|[0-5][0-9]{4}|6(?:[0-4][0-9]{3}|5(?:[0-4][0-9]{2}|5(?:[0-2][0-9]|3[0-5])))))?"  # up to 65535
_HOST = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|[A-Za-z0-9._~!$&'()*+,;=%\-]+)" + _PORT)
_LENGTH = re.compile(rb"[0-9]{1,18}")


class MalformedError(ValueError):
    """A head or chunk that could be read in two ways, or in none."""


class TooLargeError(MalformedError):
    """A head with too many fields, or a trailer section over its bound."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Where a body ends: `length` bytes, a last chunk, or the connection's close; length 0 with `none`."""

    kind: Literal["none", "length", "chunked", "close"]
    length: int = 0


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request head as it came."""

    method: bytes
    target: bytes
    minor: int  # HTTP/1.minor
    headers: Headers
    framing: Framing


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A response head as it came."""

    minor: int
    status: int
    reason: bytes
    headers: Headers

    def values(self, name: bytes) -> list[bytes]:
        """Every value of the header `name` (given in lower case), in order."""
        return [value for key, value in self.headers if key.lower() == name]


NO_BODY = Framing("none")


def check_request_head(head: bytes, headers: Headers, max_headers: int) -> RequestHead:
    """The request in `head`, which ends before the empty line; `headers` is what another parser read in it.

    Raises:
        MalformedError: grammar or framing is doubtful (RFC 9112 §2.2, §3, §5, §6.3).
        TooLargeError: over `max_headers` fields.
    """
    if len(headers) > max_headers:
        raise TooLargeError(f"more than {max_headers} header fields")
    found = _REQUEST_HEAD.fullmatch(head)
    if not found or head.count(b"\r\n") != len(headers):
        raise MalformedError("the request head is not 'method target HTTP/1.x' and 'name: value' lines")
    minor = 1 if found[3] == b"1" else 0
    return RequestHead(found[1], found[2], minor, headers, request_framing(headers, minor))


def check_unfinished(head: bytes | bytearray) -> None:
    """Look at a head whose end has not come yet.

    Raises:
        MalformedError: it has a bare LF, so that its end may never come (RFC 9112 §2.2).
    """
    if head.count(b"\n") != head.count(b"\r\n"):  # a head may come byte by byte: this is 30 times faster than a pattern
        raise MalformedError("a bare LF in the head")


def parse_response_head(head: bytes, max_headers: int) -> ResponseHead:
    """The response head in `head`, which ends before the empty line.

    Raises:
        MalformedError: the status line or a field is not what RFC 9112 §4 and §5 say.
    """
    lines = head.split(b"\r\n")
    first = _STATUS_LINE.fullmatch(lines[0])
    if not first:
        raise MalformedError("the status line is not 'HTTP/1.x status reason'")
    return ResponseHead(int(first[1]), int(first[2]), first[3] or b"", _fields(lines, max_headers))


def response_framing(method: bytes, head: ResponseHead) -> Framing:
    """Where the response's body ends (RFC 9112 §6.3).

    Raises:
        MalformedError: Transfer-Encoding other than exactly chunked, beside Content-Length or on HTTP/1.0;
            Content-Length malformed or repeated.
    """
    encodings, lengths = head.values(b"transfer-encoding"), head.values(b"content-length")
    framing = _framing(encodings, lengths, head.minor)
    if method == b"HEAD" or head.status in {204, 304} or head.status < 200:  # noqa: PLR2004  # RFC 9110 §15.2
        return NO_BODY
    return framing or Framing("close")


def request_framing(headers: Headers, minor: int) -> Framing:
    """Where the request's body ends (RFC 9112 §6.3).

    Raises:
        MalformedError: that is in doubt, or Host is missing, repeated or no host and port.
    """
    encodings: list[bytes] = []
    lengths: list[bytes] = []
    hosts: list[bytes] = []
    for name, value in headers:
        match name.lower():
            case b"transfer-encoding":
                encodings.append(value)
            case b"content-length":
                lengths.append(value)
            case b"host":
                hosts.append(value)
            case _:
                pass
    if len(hosts) != 1 and (hosts or minor):  # RFC 9112 §3.2; HTTP/1.0 may leave it out
        raise MalformedError("Host is missing or repeated")
    if hosts and not is_host(hosts[0]):
        raise MalformedError("Host is not a host and port")
    return _framing(encodings, lengths, minor) or NO_BODY


def is_host(value: bytes) -> bool:
    """Whether `value` is a host and port that every reader of a URL takes (RFC 3986 §3.2.2), or empty (RFC 9110 §7.2)."""
    found = _HOST.fullmatch(value)
    if not found:
        return not value
    if found[1] is None:
        return True
    try:
        IPv6Address(found[1].decode("ascii"))
    except ValueError:
        return False
    return True


def _framing(encodings: list[bytes], lengths: list[bytes], minor: int) -> Framing | None:
    if encodings:
        if lengths:
            raise MalformedError("both Content-Length and Transfer-Encoding")
        if len(encodings) > 1 or encodings[0].lower() != b"chunked":
            raise MalformedError("Transfer-Encoding is not exactly 'chunked'")
        if minor == 0:
            raise MalformedError("Transfer-Encoding in HTTP/1.0")
        return Framing("chunked")
    if lengths:
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            raise MalformedError("Content-Length is malformed or repeated")
        return Framing("length", int(lengths[0]))
    return None


def _fields(lines: list[bytes], max_headers: int) -> Headers:
    if len(lines) - 1 > max_headers:
        raise TooLargeError(f"more than {max_headers} header fields")
    headers = []
    for number in range(1, len(lines)):
        found = _FIELD.fullmatch(lines[number])
        if not found:
            raise MalformedError(f"header line {number} is not 'name: value'")
        headers.append((found[1], found[2] or b""))
    return tuple(headers)


class ChunkScanner:
    """Follows a chunked body through arbitrary cuts (RFC 9112 §7.1); trailers are checked, bounded and dropped."""

    __slots__ = ("_line", "_phase", "_remaining", "_trailer", "done", "rest")

    def __init__(self) -> None:
        self._phase: Literal["size", "data", "end", "trailer"] = "size"
        self._line = b""  # an unfinished line, its beginning
        self._remaining = 0  # bytes of the current chunk still to come
        self._trailer = 0  # bytes of the trailer section so far
        self.done = False
        self.rest = b""  # what came after the end

    def feed(self, data: bytes) -> list[bytes]:
        """The payload in `data`, without chunk framing; sets `done` and `rest` at the end.

        Raises:
            MalformedError: bad chunk syntax, spill after a chunk, or an unbounded line or trailer.
        """
        payload: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.done:
            if self._phase == "data":
                end = min(size, position + self._remaining)
                payload.append(data[position:end] if position or end < size else data)
                self._remaining -= end - position
                position = end
                if not self._remaining:
                    self._phase = "end"
            else:
                position = self._feed_line(data, position)
        if self.done:
            self.rest = data[position:]
        return payload

    def _feed_line(self, data: bytes, position: int) -> int:
        cut = data.find(b"\n", position)
        piece = data[position:] if cut < 0 else data[position : cut + 1]
        self._line += piece
        self._check_line_bound()
        if cut >= 0:
            if not self._line.endswith(b"\r\n"):
                raise MalformedError("bare LF in chunk framing")
            line, self._line = self._line[:-2], b""
            self._take_line(line)
        return position + len(piece)

    def _check_line_bound(self) -> None:
        if self._phase == "end" and self._line not in {b"\r", b"\r\n"}:
            raise MalformedError("bytes after a chunk's end")
        if self._phase == "size" and len(self._line) > MAX_CHUNK_LINE:
            raise MalformedError("a chunk-size line without end")
        if self._phase == "trailer" and self._trailer + len(self._line) > MAX_TRAILER:
            raise TooLargeError("the trailer section is too large")

    def _take_line(self, line: bytes) -> None:
        match self._phase:
            case "size":
                found = _CHUNK_LINE.fullmatch(line)
                if not found:
                    raise MalformedError("bad chunk size")
                self._remaining = int(found[1], 16)
                self._phase = "data" if self._remaining else "trailer"
            case "end":
                self._phase = "size"
            case _:
                self._trailer += len(line) + 2
                self.done = not line
                if line and not _FIELD.fullmatch(line):
                    raise MalformedError("bad trailer field")
