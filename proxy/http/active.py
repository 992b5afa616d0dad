"""A route in service: its rules, its connections, its tokens, and what it remembers between calls.

Everything that outlives a call and belongs to one route is here, and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from proxy.addresses import forbidden_address, is_loopback
from proxy.errors import SubjectTokenMissingError, TokenResponseInvalidError
from proxy.http.retry import FORBIDDEN, RetryBudget, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.http.body import MemoryBudget
    from proxy.http.headers import HeaderPolicy
    from proxy.http.inject import Injected
    from proxy.http.routing import Route
    from proxy.http.upstream import ConnectionPool
    from proxy.http.wire import Headers
    from proxy.metrics import RouteMetrics
    from proxy.oauth.source import TokenSource
    from proxy.oauth.token import Token, TokenKey

MAX_NAMED = 64  # upstreams that tokens named, per route; the one that was not called for longest goes
MAX_SUBJECTS = 1024  # subjects whose refused tokens a route remembers
_BARE = re.compile(rb"[\x21-\x7e]+")
_WITH_SCHEME = re.compile(rb"bearer +[\x21-\x7e]+", re.IGNORECASE)  # RFC 6750 §2.1


@dataclass(frozen=True, slots=True)
class RouteToken:
    """Where a route's tokens come from.

    `presented` are the headers, in lower case, in which a caller shows whose token it is; `options` says of each how the credential
    writes it, and by which of its options.
    """

    alias: str
    source: TokenSource
    key: TokenKey
    asked: tuple[str, ...]  # the scope that the credential asks for
    presented: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def key_of(self, headers: Headers) -> TokenKey:
        """Whose token a request with these headers is sent with.

        Raises:
            SubjectTokenMissingError: a header in which the caller's own token stands is missing, repeated or unreadable.
        """
        if not self.presented:
            return self.key
        shown = {name: self._shown(headers, name) for name in self.presented}
        subject = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
        return replace(self.key, subject=subject, presented=shown)

    def _shown(self, headers: Headers, name: str) -> str:
        """The value of the one header with this name, as it came."""
        wanted = name.encode("ascii")
        values = [value for field, value in headers if field.lower() == wanted]
        written, option = self.options.get(name, (name, ""))
        key = f"credentials.{self.alias}.{option}" if option else None
        if not values:
            told = f"alias '{self.alias}': the caller's own token is missing; it is expected in {written}"
            raise SubjectTokenMissingError(told, alias=self.alias, key=key)
        scheme = _WITH_SCHEME.fullmatch(values[0])
        if len(values) > 1 or not (scheme or (name != "authorization" and _BARE.fullmatch(values[0]))):
            told = f"alias '{self.alias}': the caller's own token cannot be read; {written} holds it once, as Bearer and the token"
            raise SubjectTokenMissingError(told, alias=self.alias, key=key)
        return values[0].decode("ascii")


@dataclass(frozen=True, slots=True, eq=False)
class Upstream:
    """One upstream of a route: the route with it, what its requests' headers are, its connections."""

    route: Route
    headers: HeaderPolicy
    pool: ConnectionPool


@dataclass(slots=True, eq=False)
class ActiveRoute:
    """One route's parts; `token` is None for `credential: none`, `opened` makes a further upstream for the same route."""

    own: Upstream
    opened: Callable[[Route], Upstream]
    injected: Injected
    memory: MemoryBudget
    metrics: RouteMetrics
    token: RouteToken | None
    route: Route = field(init=False)
    policy: RetryPolicy = field(init=False)
    judged: frozenset[int] = field(init=False)  # statuses for which the policy is asked
    first_deadline: float = field(init=False)  # seconds that an answer's head may take
    names_callers: bool = field(init=False)  # its requests say where they came from
    at_a_glance: bool = field(init=False)  # nothing about its requests is made for each send, or from what callers present
    budget: RetryBudget = field(default_factory=RetryBudget)
    running: int = 0
    _refused: OrderedDict[str, float] = field(default_factory=OrderedDict)  # by subject
    _named: OrderedDict[str, Upstream] = field(default_factory=OrderedDict)  # by what tokens said

    def __post_init__(self) -> None:
        self.route = self.own.route
        self.policy = RetryPolicy(self.route)
        self.judged = frozenset({FORBIDDEN, *self.route.expired_when.status, *self.route.retry.statuses})
        self.first_deadline = min(self.route.timeout.response, self.route.timeout.total)
        self.names_callers = self.route.forwarded != "none"
        self.at_a_glance = self.injected.fixed and not self.injected.query and not (self.token and self.token.presented)

    def at(self, token: Token | None) -> Upstream:
        """Where a call with this token goes: the route's upstream, or the one that the token's answer named.

        Raises:
            TokenResponseInvalidError: the token names an upstream that the route may not call.
            OSError: TLS cannot be made ready for it.
        """
        if token is None or token.upstream is None:
            return self.own
        known = self._named.get(token.upstream)
        if known is None:
            known = self._named[token.upstream] = self.opened(self._moved(token.upstream))
            if len(self._named) > MAX_NAMED:
                self._named.popitem(last=False)[1].pool.close()
        self._named.move_to_end(token.upstream)
        return known

    def refused_until(self, key: TokenKey) -> float:
        """Monotonic seconds until which no token of this key is fetched anew because of a 401."""
        return self._refused.get(key.subject, 0.0)

    def refuse(self, key: TokenKey, until: float) -> None:
        """Fetch none for this key until then."""
        self._refused[key.subject] = until
        self._refused.move_to_end(key.subject)
        if len(self._refused) > MAX_SUBJECTS:
            self._refused.popitem(last=False)

    @property
    def refusing_until(self) -> float:
        """The last of these moments; 0.0 where nothing was refused."""
        return max(self._refused.values(), default=0.0)

    @property
    def pools(self) -> list[ConnectionPool]:
        """The connections to each upstream."""
        return [self.own.pool, *(named.pool for named in self._named.values())]

    @property
    def connections(self) -> tuple[int, int]:
        """Those at rest, and those in an exchange."""
        return sum(pool.idle for pool in self.pools), sum(pool.active for pool in self.pools)

    def close(self) -> None:
        """Idle connections end now, active ones when they are released."""
        for pool in self.pools:
            pool.close()

    def enter(self) -> bool:
        """Take a place among `max_concurrency` calls; whether one was free."""
        limit = self.route.max_concurrency
        if limit is not None and self.running >= limit:
            return False
        self.running += 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self.running -= 1

    def _moved(self, url: str) -> Route:
        alias = self.token.alias if self.token else ""
        try:
            upstream = self.route.upstream.moved_to(url)
        except ValueError as exc:
            told = "the token's answer names an upstream that is no address"
            raise TokenResponseInvalidError(told, alias=alias, field="token_response.upstream", log_detail=str(exc)) from exc
        if upstream.scheme == "http" and not self.route.allow_plaintext and not is_loopback(upstream.host):
            told = "the token's answer names an upstream without TLS"
            raise TokenResponseInvalidError(told, alias=alias, key=f"routes.{self.route.name}.allow_plaintext")
        if forbidden_address(upstream.host) and not self.route.allow_link_local:
            told = "the token's answer names a link-local or metadata address"
            raise TokenResponseInvalidError(told, alias=alias, key=f"routes.{self.route.name}.allow_link_local")
        return msgspec.structs.replace(self.route, upstream=upstream)
