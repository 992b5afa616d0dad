"""Facts to one line of JSON or of text for people.

Whatever a caller sends, a line stays one line of printable ASCII: control characters and line ends are escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from proxy.logs.redaction import well_formed

LONGEST = 2048  # characters of one field of an access line


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


_encode = json.JSONEncoder().encode  # to ASCII, DEL left as it is


def quoted(value: str | None) -> str:
    """A JSON string of printable ASCII, or null; cut to LONGEST, lone surrogates replaced."""
    if value is None:
        return "null"
    if value.isascii() and "\x7f" not in value and len(value) <= LONGEST:
        return _encode(value)
    return _encode(well_formed(value[:LONGEST])).replace("\x7f", "\\u007f")


_name = lru_cache(1024)(quoted)  # names of the configuration and words of our own, of which there are few


def access_json(stamp: str, entry: Access) -> bytes:
    """An access line as JSON; built by hand, a third of what an event line costs."""
    status = "null" if entry.upstream_status is None else entry.upstream_status
    return (
        f'{{"ts":"{stamp}","level":"info","event":"access","request_id":{quoted(entry.request_id)},"client":{quoted(entry.client)}'
        f',"method":{quoted(entry.method)},"path":{quoted(entry.path.partition("?")[0])},"route":{_name(entry.route)}'
        f',"status":{entry.status},"seconds":{entry.seconds:.6f},"bytes_in":{entry.bytes_in},"bytes_out":{entry.bytes_out}'
        f',"attempts":{entry.attempts},"upstream_status":{status},"alias":{_name(entry.alias)},"code":{_name(entry.code)}'
        f',"token":{_name(entry.token)}}}\n'
    ).encode("ascii")


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
    return (json.dumps(facts, separators=(",", ":")).replace("\x7f", "\\u007f") + "\n").encode("ascii")


def event_console(facts: Mapping[str, object]) -> bytes:
    """An event line for people; facts that do not apply are left out."""
    rest = {name: value for name, value in facts.items() if name not in {"ts", "level", "event"}}
    return f"{facts['ts']} {facts['level']:<7} {_plain(facts['event'])}{_pairs(rest)}\n".encode("ascii")


def _pairs(facts: Mapping[str, object]) -> str:
    return "".join(f" {_plain(name)}={_plain(value)}" for name, value in facts.items() if value is not None and value != "")


def _plain(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    text = quoted(value)
    return text if " " in text or not value else text[1:-1]


class Stamp:
    """Epoch seconds as RFC 3339 in UTC with milliseconds; a second's text is made once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        now = self._clock() + 0.0005  # rounds what is cut below
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{int((now - second) * 1000):03d}Z"
