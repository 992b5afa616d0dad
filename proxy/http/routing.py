"""Which route takes a request, and what a route says; the request target towards the upstream.

What was routed is what is forwarded: a path is matched and forwarded as the bytes that came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from proxy.egress import EgressProxy  # msgspec reads the fields' types
from proxy.errors import USUAL_METHODS, MethodNotAllowedError, PathRefusedError, RouteNotFoundError
from proxy.http.address import UpstreamURL
from proxy.oauth.template import Template
from proxy.units import Bytes, FilePath, Seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
ErrorStatus = Annotated[int, msgspec.Meta(ge=400, le=599)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NEVER_TAKEN = frozenset({"TRACE", "CONNECT"})
_HASH, _BACKSLASH, _DOT, _PERCENT = b"#\\.%"  # numbers: `in` finds one of them ten times as fast as bytes of length 1
_DOT_SEGMENT = re.compile(rb"(?:/|%2f|%5c)(?:\.|%2e){1,2}(?=[;/]|%2f|%5c|\Z)", re.IGNORECASE)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the YAML file, with its keys as fields."""


class Timeout(Options, frozen=True, kw_only=True):
    """Seconds; `response` bounds one attempt until its head, `total` everything until the relayed head."""

    connect: Seconds = Seconds(5)
    response: Seconds = Seconds(60)
    total: Seconds = Seconds(120)
    idle: Seconds = Seconds(300)  # between body bytes, either way


class Replay(Options, frozen=True, kw_only=True):
    """How much of a request body is kept for a replay."""

    memory: Bytes = Bytes(1 << 20)
    memory_total: Bytes = Bytes(64 << 20)
    disk: Bytes = Bytes(0)  # largest body kept in an unlinked 0600 file; 0 = never on disk


class BodyMatch(Options, frozen=True, kw_only=True):
    """A text in the first bytes of a response body."""

    contains: str
    max: Bytes = Bytes(4 << 10)


class ExpiredWhen(Options, frozen=True, kw_only=True):
    """What answer of the API says that the token is no longer valid."""

    status: tuple[Status, ...] = (401,)
    header: dict[str, str] = {}
    body: BodyMatch | None = None
    challenge: Literal["bearer", "any"] = "bearer"


class Retry(Options, frozen=True, kw_only=True):
    """When a failed attempt is sent again; `attempts` counts all, 1 = no retry."""

    attempts: Positive = 3
    statuses: tuple[ErrorStatus, ...] = (429, 500, 502, 503, 504)
    connect_errors: bool = True
    base_delay: Seconds = Seconds(0.2)
    max_delay: Seconds = Seconds(8)
    retry_after_cap: Seconds = Seconds(30)
    methods: Literal["idempotent", "all", "none"] = "idempotent"


class PoolOptions(Options, frozen=True, kw_only=True):
    """Keep-alive connections to one upstream."""

    connections: Positive = 100
    idle_timeout: Seconds = Seconds(30)
    max_age: Seconds = Seconds(600)


class Inject(Options, frozen=True, kw_only=True):
    """Headers and query parameters, fixed or made for each send; each replaces what the caller sent under that name."""

    headers: dict[str, Template] = {}
    query: dict[str, Template] = {}


class Rewrite(Options, frozen=True, kw_only=True):
    """What of a response is turned back to the caller's address."""

    location: bool = True
    cookies: bool = True


class RouteTLS(Options, frozen=True, kw_only=True):
    """TLS towards the upstream; paths are relative to the file that names them."""

    ca: FilePath | None = None
    cert: FilePath | None = None
    key: FilePath | None = None
    server_name: str | None = None


class Probe(Options, frozen=True, kw_only=True):
    """What `bearerd probe` calls: a path from the upstream's origin."""

    path: str | None = None


class Route(Options, frozen=True, kw_only=True, dict=True):
    """One prefix and everything that is done for it."""

    prefix: str
    upstream: UpstreamURL
    credential: str  # alias, or "none"
    name: str = ""
    strip_prefix: bool = True
    preserve_host: bool = False
    host: str | None = None
    methods: tuple[str, ...] | None = None
    max_concurrency: Positive | None = None
    timeout: Timeout = Timeout()
    replay: Replay = Replay()
    unauthorized: Literal["replay", "replay_idempotent", "pass"] = "replay"
    expired_when: ExpiredWhen = ExpiredWhen()
    refused_cooldown: Seconds = Seconds(30)
    retry: Retry = Retry()
    pool: PoolOptions = PoolOptions()
    inject: Inject = Inject()
    rewrite: Rewrite = Rewrite()
    via: bool = False
    forwarded: Literal["none", "x-forwarded", "rfc7239"] = "none"
    tls: RouteTLS = RouteTLS()
    proxy: EgressProxy | None = None
    allow_plaintext: bool = False
    allow_link_local: bool = False
    probe: Probe = Probe()

    @cached_property
    def way_up(self) -> tuple[int, bytes, bytes]:
        """How many bytes of a path are left behind, what stands before the rest, what is sent where nothing is left."""
        base = self.upstream.path.encode("ascii")
        return len(_bare(self)) if self.strip_prefix else 0, base.removesuffix(b"/"), base or b"/"


@dataclass(slots=True, eq=False)
class _Place:
    """Where a segment leads: the routes whose prefix ends here, and what comes further down."""

    above: _Place | None = None
    below: dict[bytes, _Place] = field(default_factory=dict)  # by segment
    for_all: Route | None = None
    for_host: dict[bytes, Route] = field(default_factory=dict)

    def add(self, route: Route) -> None:
        """Of two for the same, the first takes the request."""
        if route.host:
            self.for_host.setdefault(route.host.encode("ascii").lower(), route)
        elif self.for_all is None:
            self.for_all = route

    def taker(self, host: bytes) -> Route | None:
        """Who takes a request for this Host here, else further up."""
        name = _without_port(host)
        place: _Place | None = self
        while place is not None:
            route = place.for_host.get(name, place.for_all)
            if route is not None:
                return route
            place = place.above
        return None


class RouteTable:
    """All routes as a tree of their prefixes' segments; at one prefix, a route for one Host comes before one for all.

    A match costs a look-up for each segment, at most as many as the deepest prefix has, however many prefixes there are.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Place()
        self._depth = 0  # slashes in the deepest prefix
        for route in routes:
            segments = _bare(route).encode("ascii").split(b"/")
            place = self._root
            for segment in segments:
                place = place.below.setdefault(segment, _Place(place))
            place.add(route)
            self._depth = max(self._depth, len(segments) - 1)

    def match(self, host: bytes, method: str, path: bytes) -> Route:
        """The route with the longest prefix that fits; a prefix ends on a segment boundary.

        What that route refuses is not offered to a shorter prefix: another upstream would see it, with another token.

        Raises:
            RouteNotFoundError: no prefix and host fit.
            MethodNotAllowedError: that route does not take the method; TRACE and CONNECT never.
        """
        place = self._root
        for segment in path.split(b"/", self._depth + 1):
            deeper = place.below.get(segment)
            if deeper is None:
                break
            place = deeper
        route = place.for_all
        if route is None or place.for_host:
            route = place.taker(host)
        if route is None:
            raise RouteNotFoundError("no route takes this host and path")
        if method in NEVER_TAKEN or (route.methods is not None and method not in route.methods):
            raise _refusal(route, method)
        return route


def _refusal(route: Route, method: str) -> MethodNotAllowedError:
    allow = [taken for taken in route.methods or USUAL_METHODS if taken not in NEVER_TAKEN]
    key = None if method in NEVER_TAKEN else f"routes.{route.name}.methods"
    return MethodNotAllowedError("the route does not take this method", key=key, allow=allow)


def split_target(target: bytes, host: bytes) -> tuple[bytes, bytes | None]:
    """(path, query or None) of a request target in origin-form, or in absolute-form when its authority equals Host.

    Raises:
        PathRefusedError: another form, a dot segment in any spelling, a backslash, a fragment, or a foreign authority.
    """
    if target[:1] != b"/":
        target = _origin_form(target, host)
    path, mark, query = target.partition(b"?")
    if _HASH in target:
        raise PathRefusedError("the target has a fragment")
    if _BACKSLASH in path:
        raise PathRefusedError("the path has a backslash")
    if (_PERCENT in path or (_DOT in path and path.find(b"/.") >= 0)) and _DOT_SEGMENT.search(path):
        raise PathRefusedError("the path has a dot segment")
    return path, query if mark else None


def request_line(method: bytes, path: bytes, query: bytes | None) -> bytes:
    """The first line of a request (RFC 9112 §3)."""
    return b"%b %b HTTP/1.1" % (method, path) if query is None else b"%b %b?%b HTTP/1.1" % (method, path, query)


def upstream_path(route: Route, path: bytes) -> bytes:
    """The path towards the upstream: its base path, then what is left of `path`, which the route took, behind the prefix."""
    cut, base, whole = route.way_up
    return base + path[cut:] if len(path) > cut else whole


def _bare(route: Route) -> str:
    return route.prefix.rstrip("/")


def _origin_form(target: bytes, host: bytes) -> bytes:
    """RFC 9112 §3.2.2: absolute-form, taken only when it names the host that Host names."""
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.lower() not in {b"http", b"https"}:
        raise PathRefusedError("the target is neither a path nor a URL")
    cut = min((index for index in (rest.find(b"/"), rest.find(b"?")) if index >= 0), default=len(rest))
    if rest[:cut].lower() != host.lower() or not host:
        raise PathRefusedError("the target's authority is not the Host")
    path = rest[cut:]
    return path if path.startswith(b"/") else b"/" + path


def _without_port(host: bytes) -> bytes:
    name, mark, port = host.rpartition(b":")
    return (name if mark and port.isdigit() else host).lower()


def shown_path(target: bytes) -> bytes:
    """What of a request target may be logged: its path, without authority, query and fragment, which may hold secrets."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    if path[:1] == b"/":
        return path
    _, mark, rest = path.partition(b"://")
    return b"/" + rest.partition(b"/")[2] if mark else b""
