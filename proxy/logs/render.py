"""Facts to one line of JSON or of text for people.

Whatever a caller sends, a line stays one line of printable ASCII: control characters and line ends are escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii

import msgspec

from proxy.logs.redaction import well_formed

LONGEST = 2048  # characters of one field of an access line
FEW = 1024  # parts of access lines that are kept: of addresses and words of our own, never of what a caller sends
DEL, DEL_ESCAPED = "\x7f", "\\u007f"


class Access(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answered request; of `path` the query is not written."""

    request_id: str
    client: str  # address of the caller
    method: str
    path: str
    route: str  # "": no route took it
    status: int
    seconds: float
    bytes_in: int = 0  # of the request body
    bytes_out: int = 0  # of the response body
    attempts: int = 0  # sends to the upstream
    upstream_status: int | None = None
    alias: str | None = None
    code: str | None = None  # of an answer of our own, or of what Proxy-Status says
    token: str | None = None  # a word for what was done with the token: cached, fetched, replaced


def quoted(value: str | None) -> str:
    """A JSON string of printable ASCII, or null; cut to LONGEST, lone surrogates replaced."""
    return "null" if value is None else _string(value).replace(DEL, DEL_ESCAPED)


def _string(value: str) -> str:
    """The same, but DEL stands as it is."""
    if value.isascii() and len(value) <= LONGEST:
        return encode_basestring_ascii(value)
    return encode_basestring_ascii(well_formed(value[:LONGEST]))


def access_json(stamp: str, entry: Access) -> bytes:
    """An access line as JSON; put together of parts of which most were written before."""
    line = (
        f'{{"ts":"{stamp}","level":"info","event":"access","request_id":{_string(entry.request_id)}{_who(entry.client)}'
        f',"method":{_string(entry.method)},"path":{_string(entry.path.partition("?")[0])}{_what(entry.route, entry.status)}'
        f'{entry.seconds:.6f},"bytes_in":{entry.bytes_in},"bytes_out":{entry.bytes_out}'
        f"{_how(entry.attempts, entry.upstream_status, entry.alias, entry.code, entry.token)}"
    )
    return line.replace(DEL, DEL_ESCAPED).encode("ascii")


@lru_cache(FEW)
def _who(client: str) -> str:
    return f',"client":{quoted(client)}'


@lru_cache(FEW)
def _what(route: str, status: int) -> str:
    return f',"route":{quoted(route)},"status":{status},"seconds":'


@lru_cache(FEW)
def _how(attempts: int, upstream_status: int | None, alias: str | None, code: str | None, token: str | None) -> str:
    status = "null" if upstream_status is None else upstream_status
    return f',"attempts":{attempts},"upstream_status":{status},"alias":{quoted(alias)},"code":{quoted(code)},"token":{quoted(token)}}}\n'


def access_console(stamp: str, entry: Access) -> bytes:
    """An access line for people: what it was, what came of it, then the facts that there are."""
    head = f"{stamp} access  {_plain(entry.method)} {_plain(entry.path.partition('?')[0])} {entry.status} {entry.seconds * 1000:.3f} ms"
    facts = {
        "route": entry.route,
        "alias": entry.alias,
        "code": entry.code,
        "token": entry.token,
        "upstream_status": entry.upstream_status,
        "attempts": entry.attempts,
        "bytes_in": entry.bytes_in,
        "bytes_out": entry.bytes_out,
        "client": entry.client,
        "request_id": entry.request_id,
    }
    return f"{head}{_pairs(facts)}\n".encode("ascii")


def event_json(facts: Mapping[str, object]) -> bytes:
    """An event line as JSON, of values that `redact` returned."""
    return (json.dumps(facts, separators=(",", ":")).replace(DEL, DEL_ESCAPED) + "\n").encode("ascii")


def event_console(facts: Mapping[str, object]) -> bytes:
    """An event line for people; facts that do not apply are left out."""
    rest = {name: value for name, value in facts.items() if name not in {"ts", "level", "event"}}
    return f"{facts['ts']} {facts['level']:<7} {_plain(facts['event'])}{_pairs(rest)}\n".encode("ascii")


def _pairs(facts: Mapping[str, object]) -> str:
    return "".join(f" {_plain(name)}={_plain(value)}" for name, value in facts.items() if value is not None and value != "")


def _plain(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value).replace(DEL, DEL_ESCAPED)
    text = quoted(value)
    return text if " " in text or not value else text[1:-1]


class Stamp:
    """Epoch seconds as RFC 3339 in UTC with milliseconds; the text of a second is made once, that of a millisecond too."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._millisecond = self._second = -1
        self._text = self._head = ""

    def __call__(self) -> str:
        millisecond = int(self._clock() * 1000 + 0.5)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._text = self._written(*divmod(millisecond, 1000))
        return self._text

    def _written(self, second: int, rest: int) -> str:
        if second != self._second:
            self._second = second
            self._head = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._head}.{rest:03d}Z"
