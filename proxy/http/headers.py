"""Which headers go up, which come back, and what is put in: hop-by-hop, injection, Location and Set-Cookie.

Hop-by-hop fields go before the token is put in, so that `Connection: Authorization` cannot strip it (RFC 9110 §7.6.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.http.routing import Inject, Route
    from proxy.http.wire import Framing, Header, Headers

# TE and Trailer go because trailers are dropped; Proxy-* belong to this hop (RFC 9110 §7.6.1, §11.7).
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
_CONNECTION = len(b"connection")
_FRAMING = frozenset({b"content-length", b"host", b"expect"})
_FORWARDED = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-prefix"}
)
_COOKIE_ATTRIBUTE = re.compile(rb";[ \t]*(domain|path)[ \t]*=[ \t]*([^;]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from, as the upstream or the answer may have to name it."""

    scheme: str
    host: bytes  # the Host it named
    address: str


@dataclass(frozen=True, slots=True)
class HeaderPolicy:
    """What of a route concerns request headers, prepared once."""

    host: bytes
    preserve_host: bool
    injected: Headers
    dropped: frozenset[bytes]  # lower case, `_` taken as `-`
    via: bool
    forwarded: str

    @classmethod
    def of(cls, route: Route) -> HeaderPolicy:
        """The policy that `route` says."""
        injected = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in route.inject.headers.items())
        dropped = {_plain(name) for name, _ in injected} | _FORWARDED
        if route.credential != "none":
            dropped.add(b"authorization")  # the caller's, and its look-alikes, never go up
        return cls(
            host=route.upstream.authority.encode("ascii"),
            preserve_host=route.preserve_host,
            injected=injected,
            dropped=frozenset(dropped),
            via=route.via,
            forwarded=route.forwarded,
        )


def for_upstream(headers: Headers, policy: HeaderPolicy, caller: Caller, framing: Framing, authorization: bytes | None) -> list[Header]:
    """The request's headers towards the upstream: filtered, framed anew, the token last."""
    gone = _connection_options(headers)
    sent: list[Header] = [(b"Host", caller.host if policy.preserve_host and caller.host else policy.host)]
    for name, value in headers:
        low = name.lower()
        if low in gone or low in _HOP_BY_HOP or low in _FRAMING or _plain(name) in policy.dropped:
            continue
        sent.append((name, value))
    sent += policy.injected
    sent += _forwarded(policy, caller)
    match framing.kind:
        case "length":
            sent.append((b"Content-Length", b"%d" % framing.length))
        case "chunked":
            sent.append((b"Transfer-Encoding", b"chunked"))
        case _:
            pass
    if authorization is not None:
        sent.append((b"Authorization", authorization))
    return sent


def for_client(headers: Headers, extra: Iterable[Header] = ()) -> list[Header]:
    """A response's end-to-end headers; framing is not among them except Content-Length."""
    gone = _connection_options(headers)
    kept = [(name, value) for name, value in headers if (low := name.lower()) not in gone and low not in _HOP_BY_HOP]
    kept += extra
    return kept


def rewrite_location(value: bytes, route: Route, caller: Caller) -> bytes:
    """A Location (or Content-Location) that points into the upstream, turned to the caller's address; else unchanged."""
    upstream = route.upstream
    try:
        parts = urlsplit(value.decode("latin-1"))
        port = parts.port
    except ValueError:
        return value
    if parts.netloc:
        same_scheme = parts.scheme in {"", upstream.scheme}
        default = 443 if (parts.scheme or upstream.scheme) == "https" else 80
        if (
            not same_scheme
            or parts.username is not None
            or (parts.hostname or "") != upstream.host.lower()
            or (port or default) != upstream.port
        ):
            return value
    elif parts.scheme or not parts.path.startswith("/"):
        return value
    path = _outer_path(parts.path or "/", route)
    if path is None:
        return value
    tail = ("?" + parts.query if parts.query else "") + ("#" + parts.fragment if parts.fragment else "")
    origin = f"{caller.scheme}://{caller.host.decode('latin-1')}" if parts.netloc and caller.host else ""
    return (origin + path + tail).encode("latin-1")


def rewrite_cookie(value: bytes, route: Route) -> bytes:
    """A Set-Cookie value whose Domain of the upstream goes and whose Path is the caller's; anything else stays."""

    def replace(found: re.Match[bytes]) -> bytes:
        if found[1].lower() == b"domain":
            domain = found[2].strip().lstrip(b".").lower().decode("latin-1")
            host = route.upstream.host.lower()
            return b"" if host == domain or host.endswith("." + domain) else found[0]
        path = _outer_path(found[2].strip().decode("latin-1"), route)
        return found[0] if path is None else b"; Path=" + path.encode("latin-1")

    return _COOKIE_ATTRIBUTE.sub(replace, value)


def replace_query(query: bytes, inject: Inject) -> bytes:
    """The query with the injected parameters in place of the caller's of the same names; other bytes stay."""
    if not inject.query:
        return query
    names = {quote(name, safe="") for name in inject.query} | set(inject.query)
    kept = [pair for pair in query.split(b"&") if pair and _query_name(pair) not in names]
    kept += [f"{quote(name, safe='')}={quote(value, safe='')}".encode("ascii") for name, value in inject.query.items()]
    return b"&".join(kept)


def encode_head(first_line: bytes, headers: Iterable[Header]) -> bytes:
    """A message head as bytes, with its empty line."""
    return b"".join([first_line, b"\r\n", *(b"%b: %b\r\n" % pair for pair in headers), b"\r\n"])


def _query_name(pair: bytes) -> str:
    name = pair.partition(b"=")[0].replace(b"+", b" ")
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), name).decode("utf-8", "surrogateescape")


def _connection_options(headers: Headers) -> set[bytes]:
    """The fields that Connection names; Content-Length is framing and never one of them."""
    gone: set[bytes] = set()
    for name, value in headers:
        if len(name) == _CONNECTION and name.lower() == b"connection":
            gone.update(part.strip().lower() for part in value.split(b","))
    gone.discard(b"content-length")
    return gone


def _plain(name: bytes) -> bytes:
    """A header name as servers that take `_` for `-` read it."""
    return name.lower().replace(b"_", b"-").strip(b"-")


def _outer_path(path: str, route: Route) -> str | None:
    """The caller's path for a path of the upstream; None where it lies outside the route."""
    if not route.strip_prefix:
        return path if route.upstream.path.rstrip("/") == "" else None
    base = route.upstream.path.rstrip("/")
    if path != base and not path.startswith(base + "/"):
        return None
    prefix = route.prefix.rstrip("/")
    return (prefix + path[len(base) :]) or "/"


def _forwarded(policy: HeaderPolicy, caller: Caller) -> list[Header]:
    added: list[Header] = []
    if policy.via:
        added.append((b"Via", b"1.1 bearerd"))  # RFC 9110 §7.6.3: after those of earlier hops
    host = caller.host
    match policy.forwarded:
        case "x-forwarded":
            added.append((b"X-Forwarded-For", caller.address.encode("ascii")))
            added.append((b"X-Forwarded-Proto", caller.scheme.encode("ascii")))
            if host:
                added.append((b"X-Forwarded-Host", host))
        case "rfc7239":  # RFC 7239 §4: an IPv6 address is bracketed and quoted
            node = f'"[{caller.address}]"' if ":" in caller.address else caller.address
            pairs = [b"for=" + node.encode("ascii"), b"proto=" + caller.scheme.encode("ascii")]
            if host:
                pairs.insert(1, b'host="' + host + b'"')
            added.append((b"Forwarded", b";".join(pairs)))
        case _:
            pass
    return added
