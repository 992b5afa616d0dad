"""Heads that can be used at a glance: canonical HTTP/1.1 whose bytes pass nearly as they are.

A strict part of what the grammar in `wire` takes: what is in any way unusual is None here, and goes the ordinary way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from proxy.http.headers import AUTHORIZATION, HOP_BY_HOP, plain_name, request_id_of
from proxy.http.wire import NO_BODY, Framing, is_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.http.headers import HeaderPolicy
    from proxy.http.wire import Headers

    Rewrite = Callable[[bytes, bytes], bytes]  # (a field's name in lower case, its value) -> the value for the caller
    PlainResponse = tuple[int, bytes, int | None, bool]  # status; head for the caller; bytes of the body, None: chunked; it stays
    Asked = Literal["kept", "host", "length", "option", "idempotency", "named", "dropped", "odd"]
    Rule = Literal["kept", "length", "connection", "coding", "rewritten", "dropped", "odd"]

_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# A usual method, a path in the characters of RFC 3986, HTTP/1.1; its groups are the method and the target.
REQUEST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*+) HTTP/1\.1\r\n")
_FIELD = re.compile(rb"([^:]++): ([^\r]++)\r\n")
_TOKEN = re.compile(_NAME)
_VALUE = rb"[!-~\x80-\xff][\t -~\x80-\xff]*+(?<![\t ])"
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2}) [\t -~\x80-\xff]*+")
_ASCII = bytes(range(0x20, 0x7F))  # what a plain request's field may hold
_SPACE = 0x20
_TEXT = bytes({9, *range(0x20, 0x7F), *range(0x80, 0x100)})  # what a field may hold (RFC 9110 §5.5)
_CONNECTION = frozenset({b"keep-alive", b"close"})
_NO_CONTENT = 204
_BODILESS = frozenset({_NO_CONTENT, 304})
MAX_HEADERS = 512  # fields of a response
MAX_DIGITS = 18  # of a length
ODD = -1  # a length that is not plain
_KEPT = frozenset({"kept", "length"})
MAX_NAME = 128  # bytes of a name that is remembered; a longer one is not plain
MAX_NAMES = 1024  # names of fields whose rule is remembered
_PASSED = frozenset({"kept", "idempotency", "named"})
_ASKED: dict[bytes, Asked] = {
    **dict.fromkeys(HOP_BY_HOP, "dropped"),
    b"host": "host",
    b"content-length": "length",
    **dict.fromkeys((b"connection", b"proxy-connection"), "option"),  # aiohttp's parser takes the one for the other
    b"idempotency-key": "idempotency",
    b"x-request-id": "named",
    **dict.fromkeys((b"transfer-encoding", b"expect", b"upgrade", b"close", b"sec-websocket-key1"), "odd"),  # aiohttp refuses the last one
}
_RULES: dict[bytes, Rule] = {
    **dict.fromkeys(HOP_BY_HOP, "dropped"),
    b"content-length": "length",
    b"connection": "connection",
    b"transfer-encoding": "coding",
    **dict.fromkeys((b"location", b"content-location", b"set-cookie"), "rewritten"),
    b"close": "odd",  # a field that Connection may name
}
_INITIALS = bytes({letter for name in _RULES for letter in name[:1] + name[:1].upper()})
_NOTED = rb"(?=[" + _INITIALS + rb"])(?i:" + rb"|".join(sorted(_RULES)) + rb"):"
# The answers that most APIs give: Content-Length once (2), at most one `Connection: keep-alive` (3), and nothing else that has a rule.
# Each line can be read in one way only, so that nothing is tried twice. A possessive group would say so, but takes what it must not
# before CPython 3.11.5 (gh-106052), which Debian 12 has.
_USUAL = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2}) [\t -~\x80-\xff]*+(?:"
    rb"(?:\r\n(?!" + _NOTED + rb")" + _NAME + rb": " + _VALUE + rb"|(?(2)(?!)|\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,18}))"
    rb"|(?(3)(?!)|(\r\n[Cc]onnection: [Kk]eep-[Aa]live)))(?=\r|\Z)){0,%d}" % MAX_HEADERS
)


@dataclass(slots=True, eq=False)
class Fields:
    """The header block of a request, read once for all requests that send the same.

    Args:
        block: as it came; lines: its end-to-end fields but Host and Content-Length.
        names: those of the lines, as servers read them that take `_` for `-`.
        length: of the body; None: it has none.
        request_id: "": the caller named none.
    """

    block: bytes
    lines: list[bytes]
    names: list[bytes]
    host: bytes = b""
    length: int | None = None
    keep_alive: bool = True
    idempotency_key: bool = False
    request_id: str = ""

    @property
    def headers(self) -> Headers:
        """Every field, as the walk knows it."""
        return tuple(_FIELD.findall(self.block))

    @property
    def framing(self) -> Framing:
        """Where the body ends."""
        return NO_BODY if self.length is None else Framing("length", self.length)

    def takes(self, rule: Asked, value: bytes) -> bool:
        """Take in a field that is not only passed on; whether it is plain."""
        match rule:
            case "host":
                plain = not self.host and len(value) <= MAX_NAME and _is_host(value)
                self.host = value
            case "length":
                plain = self.length is None and value.isdigit() and len(value) <= MAX_DIGITS
                self.length = int(value) if plain else None
            case "option":
                option = value.lower()
                plain = option in _CONNECTION
                self.keep_alive = self.keep_alive and option != b"close"
            case "idempotency":
                plain = self.idempotency_key = True
            case "named":
                plain, self.request_id = True, request_id_of(value)
            case _:
                plain = rule == "dropped"
        return plain


def read_fields(block: bytes, max_headers: int) -> Fields | None:
    """The fields of a request in `block`, which ends before the empty line; None where one of them is not plain."""
    *lines, end = block.split(b"\r\n")
    if end or len(lines) > max_headers or block.translate(None, _ASCII) != b"\r\n" * len(lines):
        return None
    kept: list[bytes] = []
    names: list[bytes] = []
    fields = Fields(block, kept, names)
    for line in lines:
        name, _, value = line.partition(b": ")
        if len(name) > MAX_NAME:
            return None
        rule, plain = _asked(name)
        if not value or value[0] == _SPACE or value[-1] == _SPACE or (rule != "kept" and not fields.takes(rule, value)):
            return None
        if rule in _PASSED:
            kept.append(line)
            names.append(plain)
    return fields if fields.host and len(set(names)) == len(names) else None


@lru_cache(MAX_NAMES)
def _asked(name: bytes) -> tuple[Asked, bytes]:
    """What becomes of a request's field, and its name as servers read it that take `_` for `-`."""
    return _ASKED.get(name.lower(), "kept") if _TOKEN.fullmatch(name) else "odd", plain_name(name)


@lru_cache(MAX_NAMES)
def _is_host(value: bytes) -> bool:
    return is_host(value)


def sent_fields(fields: Fields, policy: HeaderPolicy, put: Headers) -> bytes | None:
    """A request's head behind its first line, towards the upstream; None where `for_upstream` has more to say."""
    if policy.via or policy.preserve_host or policy.forwarded != "none" or len(put) > 1 or (put and put[0][0] != AUTHORIZATION):
        return None
    lines, dropped = fields.lines, policy.dropped
    if not dropped.isdisjoint(fields.names):
        lines = [line for line, name in zip(lines, fields.names, strict=True) if name not in dropped]
    ends = [b"%b: %b" % pair for pair in policy.injected]
    if fields.length is not None:
        ends.append(b"Content-Length: %d" % fields.length)
    ends += [b"%b: %b" % pair for pair in put]
    return b"\r\n".join((b"\r\nHost: " + policy.host, *lines, *ends, b"\r\n"))


def may_be_plain(start: bytes) -> bool:
    """Whether a head that begins so, and has no end yet, may become plain."""
    return start[0] not in b"\r\n" and start.count(b"\n") == start.count(b"\r\n")


def read_response(head: bytes, rewrite: Rewrite, *, bodiless: bool) -> PlainResponse | None:
    """The final response in `head`, which ends before the empty line; None where it is not plain, or ends by the connection's end.

    `bodiless`: it answers HEAD (RFC 9110 §9.3.2).
    """
    usual = _USUAL.fullmatch(head)
    if usual is None or usual[2] is None:
        return _read_lines(head, rewrite, bodiless=bodiless)
    status, length = int(usual[1]), int(usual[2])
    if status in _BODILESS:
        return _read_lines(head, rewrite, bodiless=bodiless)
    start, end = usual.span(3)
    return status, head if end < 0 else head[:start] + head[end:], 0 if bodiless else length, True


def _read_lines(head: bytes, rewrite: Rewrite, *, bodiless: bool) -> PlainResponse | None:
    """A response that has more than the usual fields."""
    first, *lines = head.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(first)
    if found is None or len(lines) > MAX_HEADERS or head.translate(None, _TEXT) != b"\r\n" * len(lines):
        return None
    framing, kept = _Framing(), [first]
    for line in lines:
        name, _, value = line.partition(b": ")
        if len(name) > MAX_NAME:
            return None
        rule = _rule(name)
        if not value or value.strip() != value or not framing.takes(rule, value):
            return None
        if rule == "rewritten":
            kept.append(b"%b: %b" % (name, rewrite(name.lower(), value)))
        elif rule in _KEPT:
            kept.append(line)
    length = framing.ends(int(found[1]), bodiless=bodiless)
    return None if length == ODD else (int(found[1]), b"\r\n".join(kept), length, framing.keep_alive)


class _Framing:
    """What the fields of this hop say of the body's end and the connection's."""

    __slots__ = ("chunked", "keep_alive", "length")

    def __init__(self) -> None:
        self.length: int | None = None
        self.chunked = False
        self.keep_alive = True

    def takes(self, rule: Rule, value: bytes) -> bool:
        """Take in a field's value; whether it is plain."""
        match rule:
            case "length":
                plain = self.length is None and value.isdigit() and len(value) <= MAX_DIGITS
                self.length = int(value) if plain else None
                return plain
            case "connection":
                option = value.lower()
                self.keep_alive = self.keep_alive and option != b"close"
                return option in _CONNECTION
            case "coding":
                plain = not self.chunked and value.lower() == b"chunked"
                self.chunked = True
                return plain
            case _:
                return rule != "odd"

    def ends(self, status: int, *, bodiless: bool) -> int | None:
        """Bytes of the body; None: chunked; ODD: it is not plain where it ends."""
        if self.length is not None and (self.chunked or status == _NO_CONTENT):  # RFC 9110 §8.6
            return ODD
        if bodiless or status in _BODILESS:
            return 0
        return ODD if self.length is None and not self.chunked else self.length


@lru_cache(MAX_NAMES)
def _rule(name: bytes) -> Rule:
    """What becomes of a response's field."""
    return _RULES.get(name.lower(), "kept") if _TOKEN.fullmatch(name) else "odd"
