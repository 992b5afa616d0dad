"""Which headers go up, which come back, and what is put in: hop-by-hop, injection, Location and Set-Cookie.

Hop-by-hop fields go before the token is put in, so that `Connection: Authorization` cannot strip it (RFC 9110 §7.6.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from proxy.http.inject import fixed_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.http.inject import Pairs
    from proxy.http.routing import Route
    from proxy.http.wire import Framing, Header, Headers

# TE and Trailer go because trailers are dropped; Proxy-* belong to this hop (RFC 9110 §7.6.1, §11.7).
HOP_BY_HOP = frozenset(
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
AUTHORIZATION = b"Authorization"
_FRAMING = frozenset({b"content-length", b"host", b"expect"})
_FORWARDED = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-prefix"}
)
_REFERENCE = re.compile(rb"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(//[^/?#]*)?([^?#]*)(.*)", re.DOTALL)  # RFC 3986 appendix B
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_COOKIE_ATTRIBUTE = re.compile(rb";[ \t]*(domain|path)[ \t]*=[ \t]*([^;]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from, as the upstream or the answer may have to name it."""

    scheme: str
    host: bytes  # the Host it named
    address: str  # "unix" on a Unix socket


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
    def of(cls, route: Route, presented: Iterable[str] = ()) -> HeaderPolicy:
        """The policy that `route` says; `presented` are headers that callers address to bearerd, and that go no further."""
        dropped = {plain_name(name.encode("latin-1")) for name in (*route.inject.headers, *presented)} | _FORWARDED
        if route.credential != "none":
            dropped.add(b"authorization")  # the caller's, and its look-alikes, never go up, wherever the token stands
        return cls(
            host=route.upstream.authority.encode("ascii"),
            preserve_host=route.preserve_host,
            injected=fixed_headers(route.inject),
            dropped=frozenset(dropped),
            via=route.via,
            forwarded=route.forwarded,
        )


def for_upstream(headers: Headers, policy: HeaderPolicy, caller: Caller, framing: Framing, put: Headers) -> list[Header]:
    """The request's headers towards the upstream: filtered, framed anew, `put` last, each in place of what has its name."""
    gone = _connection_options(headers)
    injected, dropped = policy.injected, policy.dropped
    if put and (len(put) > 1 or put[0][0] != AUTHORIZATION):
        names = {plain_name(name) for name, _ in put}
        dropped = dropped | names
        injected = tuple(pair for pair in injected if plain_name(pair[0]) not in names)
    sent: list[Header] = [(b"Host", sent_host(policy, caller))]
    for name, value in headers:
        low = name.lower()
        if low in gone or low in HOP_BY_HOP or low in _FRAMING or plain_name(name) in dropped:
            continue
        sent.append((name, value))
    sent += injected
    sent += _forwarded(policy, caller)
    match framing.kind:
        case "length":
            sent.append((b"Content-Length", b"%d" % framing.length))
        case "chunked":
            sent.append((b"Transfer-Encoding", b"chunked"))
        case _:
            pass
    sent += put
    return sent


def last_of_each(headers: Iterable[Header]) -> Headers:
    """These headers, of those that a server may take for one the last."""
    return tuple({plain_name(name): (name, value) for name, value in headers}.values())


def sent_host(policy: HeaderPolicy, caller: Caller) -> bytes:
    """The Host that is sent."""
    return caller.host if policy.preserve_host and caller.host else policy.host


def for_client(headers: Headers, extra: Iterable[Header] = ()) -> list[Header]:
    """A response's end-to-end headers; framing is not among them except Content-Length."""
    gone = _connection_options(headers)
    kept = [(name, value) for name, value in headers if (low := name.lower()) not in gone and low not in HOP_BY_HOP]
    kept += extra
    return kept


def request_id_of(value: bytes) -> str:
    """A caller's X-Request-Id; "" where it is not one that may stand in a log line."""
    return value.decode("ascii") if _REQUEST_ID.fullmatch(value) else ""


def rewrite_location(value: bytes, route: Route, caller: Caller) -> bytes:
    """A Location (or Content-Location) that points into the upstream, turned to the caller's address; else unchanged."""
    found = _REFERENCE.fullmatch(value)
    if found is None or b"\\" in value or b"\t" in value:  # a browser reads the one as a slash, and skips the other
        return value
    scheme, authority, path, tail = found.groups()
    if authority is not None:
        if not _names_upstream(scheme, authority[2:], route):
            return value
    elif scheme is not None or not path.startswith(b"/"):
        return value
    outer = _outer_path(path or b"/", route)
    if outer is None:
        return value
    doubtful = outer.startswith(b"//")  # alone, it would name a host
    if doubtful and not caller.host:
        return value
    origin = b"%b://%b" % (caller.scheme.encode("ascii"), caller.host) if caller.host and (doubtful or authority is not None) else b""
    return origin + outer + tail


def rewrite_cookie(value: bytes, route: Route) -> bytes:
    """A Set-Cookie value whose Domain of the upstream goes and whose Path is the caller's; anything else stays.

    A Path above the route's base becomes the route's prefix, so that no other route's API is shown the cookie.
    """
    if value[:7].lower() == b"__host-":  # it must say Path=/ and no Domain (RFC 6265bis §4.1.3.2)
        return value

    def replace(found: re.Match[bytes]) -> bytes:
        if found[1].lower() == b"domain":
            domain = found[2].strip().lstrip(b".").lower().decode("latin-1")
            host = route.upstream.host.lower()
            return b"" if host == domain or host.endswith("." + domain) else found[0]
        path = _cookie_path(found[2].strip(), route)
        return found[0] if path is None else b"; Path=" + path

    return _COOKIE_ATTRIBUTE.sub(replace, value)


def replace_query(query: bytes, put: Pairs) -> bytes:
    """The query with the parameters `put` in place of the caller's of the same names, and of earlier ones; other bytes stay."""
    if not put:
        return query
    said = dict(put)
    names = {_quoted(name) for name in said} | set(said)
    kept = [pair for pair in query.split(b"&") if _query_name(pair) not in names] if query else []
    kept += [f"{_quoted(name)}={_quoted(value)}".encode("ascii") for name, value in said.items()]
    return b"&".join(kept)


def encode_head(first_line: bytes, headers: Iterable[Header]) -> bytes:
    """A message head as bytes, with its empty line."""
    return b"".join([first_line, b"\r\n", *(b"%b: %b\r\n" % pair for pair in headers), b"\r\n"])


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")  # a JSON answer may hold half a character


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


def plain_name(name: bytes) -> bytes:
    """A header name as servers that take `_` for `-` read it."""
    return name.lower().replace(b"_", b"-").strip(b"-")


def _names_upstream(scheme: bytes | None, authority: bytes, route: Route) -> bool:
    """Whether a URL's origin is the upstream's; one without a scheme takes the page's own."""
    upstream = route.upstream
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    names = {upstream.authority.encode("ascii"), f"{host}:{upstream.port}".encode("ascii")}
    return (scheme is None or scheme.lower() == upstream.scheme.encode("ascii")) and authority.lower() in names


def _outer_path(path: bytes, route: Route) -> bytes | None:
    """The caller's path for a path of the upstream; None where it lies outside the route."""
    base, prefix = _base_and_prefix(route)
    if path != base and not path.startswith(base + b"/"):
        return None
    rest = path[len(base) :]
    if route.strip_prefix:
        return prefix + rest or b"/"
    return rest or b"/" if rest == prefix or rest.startswith(prefix + b"/") else None


def _cookie_path(path: bytes, route: Route) -> bytes | None:
    base, prefix = _base_and_prefix(route)
    if route.strip_prefix and path.startswith(b"/") and (base + b"/").startswith(path.rstrip(b"/") + b"/"):
        return prefix or b"/"
    return _outer_path(path, route)


def _base_and_prefix(route: Route) -> tuple[bytes, bytes]:
    return route.upstream.path.rstrip("/").encode("ascii"), route.prefix.rstrip("/").encode("ascii")


def _forwarded(policy: HeaderPolicy, caller: Caller) -> list[Header]:
    added: list[Header] = []
    if policy.via:
        added.append((b"Via", b"1.1 bearerd"))  # RFC 9110 §7.6.3: after those of earlier hops
    host = caller.host
    match policy.forwarded:
        case "x-forwarded":
            if caller.address != "unix":
                added.append((b"X-Forwarded-For", caller.address.encode("ascii")))
            added.append((b"X-Forwarded-Proto", caller.scheme.encode("ascii")))
            if host:
                added.append((b"X-Forwarded-Host", host))
        case "rfc7239":  # RFC 7239 §4: an IPv6 address is bracketed and quoted; §6.2: without any, unknown
            node = f'"[{caller.address}]"' if ":" in caller.address else caller.address.replace("unix", "unknown")
            pairs = [b"for=" + node.encode("ascii"), b"proto=" + caller.scheme.encode("ascii")]
            if host:
                pairs.insert(1, b'host="' + host + b'"')
            added.append((b"Forwarded", b";".join(pairs)))
        case _:
            pass
    return added
