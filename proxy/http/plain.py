"""Heads that can be used at a glance: canonical HTTP/1.1 whose bytes pass nearly as they are.

A strict part of what the grammar in `wire` takes: what is in any way unusual is None here, and goes the ordinary way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.http.wire import MalformedError, request_framing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from proxy.http.wire import Framing, Headers

    _Noted = tuple[bytes, bytes, int, int]  # (name in lower case, value, where it starts and ends)
    Rewrite = Callable[[bytes, bytes], bytes]  # (a field's name in lower case, its value) -> the value for the caller

_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*) HTTP/1\.1\r\n")
_REQUEST_FIELDS = re.compile(rb"(?:" + _NAME + rb": [!-~][ -~]*\r\n)+")
_FIELD = re.compile(rb"([^:]+): ([^\r]+)\r\n")
_RESPONSE = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2}) [\t -~\x80-\xff]*(?:\r\n" + _NAME + rb": [!-~\x80-\xff][\t -~\x80-\xff]*)*")
# Fields of a response that are framing, of this hop, or may be rewritten.
_NOTED = re.compile(
    rb"\r\n(connection|close|keep-alive|transfer-encoding|content-length|te|trailer|upgrade|http2-settings"
    rb"|proxy-(?:connection|authenticate|authentication-info|authorization)|location|content-location|set-cookie): ([^\r]*)",
    re.IGNORECASE,
)
_REWRITTEN = frozenset({b"location", b"content-location", b"set-cookie"})
_DROPPED = frozenset(
    {
        *(b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade", b"http2-settings"),
        *(b"proxy-connection", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-authorization"),
    }
)
_LENGTH = re.compile(rb"[0-9]{1,18}")
MAX_HEADERS = 512  # fields of a response
_NO_CONTENT, _NOT_MODIFIED = 204, 304


@dataclass(frozen=True, slots=True)
class Fields:
    """The header block of a request, read once for all requests that send the same."""

    headers: Headers
    host: bytes
    framing: Framing
    keep_alive: bool
    idempotency_key: bool


def request_line(head: bytes) -> re.Match[bytes] | None:
    """(method, target) of a request whose first line is plain: a usual method, a path in the characters of RFC 3986, HTTP/1.1."""
    return _LINE.match(head)


def read_fields(block: bytes, max_headers: int) -> Fields | None:
    """The fields of a request in `block`, which ends before the empty line; None where one of them is not plain."""
    if not _REQUEST_FIELDS.fullmatch(block) or b" \r\n" in block:
        return None
    headers: Headers = tuple(_FIELD.findall(block))
    if len(headers) > max_headers:
        return None
    host, keep_alive, idempotency_key = b"", True, False
    for name, value in headers:
        match name.lower():
            case b"host":
                host = value
            case b"connection":
                option = value.lower()
                keep_alive = keep_alive and option == b"keep-alive"
                if option not in {b"close", b"keep-alive"}:
                    return None
            case b"idempotency-key":
                idempotency_key = True
            case b"transfer-encoding" | b"expect" | b"upgrade":
                return None
            case _:
                pass
    try:
        framing = request_framing(headers, 1)
    except MalformedError:
        return None
    return Fields(headers, host, framing, keep_alive, idempotency_key)


@dataclass(slots=True, eq=False)
class PlainResponse:
    """A response head at a glance.

    Args:
        head: the status line and fields for the caller, without the empty line.
        length: bytes of the body; None: chunked.
        keep_alive: the upstream's connection stays.
    """

    status: int
    head: bytes
    length: int | None
    keep_alive: bool


def read_response(head: bytes, rewrite: Rewrite, *, bodiless: bool) -> PlainResponse | None:
    """The final response in `head`, which ends before the empty line; None where it is not plain, or ends by the connection's end.

    `bodiless`: it answers HEAD (RFC 9110 §9.3.2).
    """
    found = _RESPONSE.fullmatch(head)
    if found is None or head.count(b"\r\n") > MAX_HEADERS or b" \r\n" in head or b"\t\r\n" in head or head[-1] in b" \t":
        return None
    status = int(found[1])
    noted = [(mark[1].lower(), mark[2], mark.start(), mark.end()) for mark in _NOTED.finditer(head)]
    framing = _framing(noted)
    if framing is None:
        return None
    bodiless = bodiless or status in {_NO_CONTENT, _NOT_MODIFIED}
    length = 0 if bodiless else framing.length
    if length is None and not framing.chunked:
        return None
    gone = _DROPPED if status != _NO_CONTENT else _DROPPED | {b"content-length"}  # RFC 9110 §8.6
    return PlainResponse(status, _for_caller(head, noted, gone, rewrite), length, framing.keep_alive)


@dataclass(slots=True)
class _Framing:
    length: int | None = None
    chunked: bool = False
    keep_alive: bool = True


def _framing(noted: list[_Noted]) -> _Framing | None:
    """What the noted fields say of the body's end and the connection's; None where it is not plain."""
    found = _Framing()
    for name, value, _, _ in noted:
        if name == b"content-length":
            if found.length is not None or found.chunked or not _LENGTH.fullmatch(value):
                return None
            found.length = int(value)
        elif name == b"transfer-encoding":
            if found.length is not None or found.chunked or value.lower() != b"chunked":
                return None
            found.chunked = True
        elif name == b"connection":
            option = value.lower()
            if option not in {b"keep-alive", b"close"}:
                return None
            found.keep_alive = found.keep_alive and option == b"keep-alive"
        elif name == b"close":  # a field that Connection may name
            return None
    return found


def _for_caller(head: bytes, noted: list[_Noted], gone: Collection[bytes], rewrite: Rewrite) -> bytes:
    """The head without the fields of the upstream's hop, and with those that are rewritten."""
    kept: list[bytes] = []
    at = 0
    for name, value, start, end in noted:
        if name in gone:
            kept.append(head[at:start])
            at = end
        elif name in _REWRITTEN:
            kept += (head[at : end - len(value)], rewrite(name, value))
            at = end
    if not at:
        return head
    kept.append(head[at:])
    return b"".join(kept)
