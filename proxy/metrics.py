"""Every series of bearerd and its labels, by name; docs/metrics.md has a row for each.

A label's value comes from the configuration or from a closed list here, never from a caller or a server.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from proxy import __version__
from proxy.errors import TokenError
from proxy.oauth.events import DiscardReason
from proxy.oauth.token import TokenState

Unauthorized = Literal[
    "healed",  # a new token, one replay, and the API took it
    "refused_again",  # the replay was refused too
    "too_new",  # the token was obtained at or after the request's start
    "cooling_down",  # this route and alias were refused with a new token a moment ago
    "challenge",  # WWW-Authenticate says that a new token cannot help
    "not_replayable",  # a new token is ready, the body could not be sent again
    "refetch_failed",  # no new token was to be had
    "passed",  # the route says `unauthorized: pass`, or has no credential
]
RetryReason = Literal["status", "connect", "closed", "timeout", "stale_connection"]
ReplaySkip = Literal["too_large", "memory_spent", "method", "budget", "deadline", "response_begun", "retry_after"]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})  # RFC 9110 §9, RFC 5789
STATES: tuple[TokenState, ...] = get_args(TokenState)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
BEFORE_FIRST = tuple((method, status) for method in ("GET", "POST") for status in (200, 401, 502, 503, 504))  # shown as 0 from the start


class TokenSnapshot(Protocol):
    """One token's state now; an alias without any token has one snapshot with state `empty`."""

    @property
    def alias(self) -> str: ...
    @property
    def state(self) -> TokenState: ...
    @property
    def issued_at(self) -> float | None:
        """Epoch seconds."""

    @property
    def expires_at(self) -> float | None:
        """Epoch seconds."""


class ConnectionCount(Protocol):
    """A route's upstream connections now."""

    @property
    def route(self) -> str: ...
    @property
    def idle(self) -> int: ...
    @property
    def active(self) -> int: ...


class Metrics:
    """The series, on a registry of their own; implements `proxy.oauth.events.Events`.

    Args:
        per_route: False leaves the route label empty, for configurations with very many routes.
        clock: epoch seconds.
    """

    def __init__(self, *, per_route: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._per_route = per_route
        self._clock = clock
        self._routes: dict[str, RouteMetrics] = {}
        self._aliases: set[str] = set()
        self._tokens: Callable[[], Iterable[TokenSnapshot]] = tuple
        self._connections: Callable[[], Iterable[ConnectionCount]] = tuple
        self._request_series()
        self._token_series()
        self._process_series()
        self.registry.register(_Collected(self._collected))

    def _request_series(self) -> None:
        self.requests = self._counter("requests", "Answered requests", "route", "method", "status")
        self.duration = self._histogram("request_duration_seconds", "From a request's head to the end of its answer", "route")
        self.upstream_duration = self._histogram("upstream_duration_seconds", "From sending an attempt to its response head", "route")
        self.in_flight = self._gauge("requests_in_flight", "Requests that are being answered", "route")
        self.unauthorized = self._counter("unauthorized", "Answers that said the token is not valid", "route", "result")
        self.retries = self._counter("retries", "Attempts that were sent again", "route", "reason")
        self.replays_skipped = self._counter("replays_skipped", "Attempts that could have been sent again and were not", "route", "reason")

    def _token_series(self) -> None:
        self.token_fetches = self._counter("token_fetches", "Token requests that ended", "alias", "outcome")
        self.token_fetch_duration = self._histogram("token_fetch_duration_seconds", "Duration of token requests", "alias")
        self.token_waiters = self._counter("token_waiters", "Callers that waited for a token request", "alias")
        self.token_discards = self._counter("token_discards", "Tokens dropped before their end", "alias", "reason")

    def _process_series(self) -> None:
        self.config_reloads = self._counter("config_reloads", "Reloads of the configuration", "outcome")
        for outcome in ("ok", "failed"):
            self.config_reloads.labels(outcome)
        self.config_loaded_at = self._gauge("config_last_reload_success_timestamp_seconds", "When the running configuration was loaded")
        self.config_loaded_at.set(self._clock())
        self._gauge("build_info", "Version of bearerd and Python", "version", "python").labels(__version__, platform.python_version()).set(
            1
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"bearerd_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"bearerd_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, label: str) -> Histogram:
        return Histogram(f"bearerd_{name}", about, (label,), registry=self.registry, buckets=BUCKETS)

    def route(self, name: str) -> RouteMetrics:
        """A route's series, bound once; "" for requests that no route takes."""
        label = name if self._per_route else ""
        if label not in self._routes:
            self._routes[label] = RouteMetrics(self, label)
        return self._routes[label]

    def alias(self, name: str) -> None:
        """Shows an alias's series as 0 before its first event, so that rates work from the start."""
        if name in self._aliases:
            return
        self._aliases.add(name)
        self.token_fetch_duration.labels(name)
        self.token_waiters.labels(name)
        for outcome in ("ok", *token_codes()):
            self.token_fetches.labels(name, outcome)
        for reason in get_args(DiscardReason):
            self.token_discards.labels(name, reason)

    def token_fetched(self, alias: str, *, seconds: float, error: TokenError | None, lifetime: float | None) -> None:  # noqa: ARG002  # the logs use it
        self.token_fetches.labels(alias, "ok" if error is None else error.code).inc()
        self.token_fetch_duration.labels(alias).observe(seconds)

    def token_waited(self, alias: str) -> None:
        self.token_waiters.labels(alias).inc()

    def token_discarded(self, alias: str, reason: DiscardReason, *, age: float) -> None:  # noqa: ARG002  # the logs use it
        self.token_discards.labels(alias, reason).inc()

    def token_state(self, alias: str, state: TokenState, *, cause: str | None, until: float | None) -> None:
        """Nothing to count: states are read at the scrape (`watch_tokens`)."""

    def reloaded(self, outcome: Literal["ok", "failed"]) -> None:
        """A reload ended; `failed` keeps the old configuration and its timestamp."""
        self.config_reloads.labels(outcome).inc()
        if outcome == "ok":
            self.config_loaded_at.set(self._clock())

    def watch_tokens(self, snapshots: Callable[[], Iterable[TokenSnapshot]]) -> None:
        """Takes the token gauges from `snapshots` at each scrape."""
        self._tokens = snapshots

    def watch_connections(self, counts: Callable[[], Iterable[ConnectionCount]]) -> None:
        """Takes the connection gauges from `counts` at each scrape."""
        self._connections = counts

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """All series and their content type: OpenMetrics 1.0 where `accept` names it, else the Prometheus text format 0.0.4."""
        shown = _WithoutCreated(self.registry)
        if "application/openmetrics-text" in accept.lower():
            return openmetrics.generate_latest(shown), openmetrics.CONTENT_TYPE_LATEST  # type: ignore[no-untyped-call]  # untyped there
        return generate_latest(shown), CONTENT_TYPE_PLAIN_0_0_4

    def _collected(self) -> Iterator[Metric]:
        yield from token_families(self._tokens())
        yield connection_family(self._connections(), per_route=self._per_route)


class RouteMetrics:
    """One route's series with their labels bound: the hot path looks up a dict, not labels."""

    def __init__(self, metrics: Metrics, route: str) -> None:
        self._route = route
        self._requests = metrics.requests
        self._answered: dict[tuple[str, int], Counter] = {}  # at most 10 methods x 500 statuses
        self._duration = metrics.duration.labels(route)
        self._upstream = metrics.upstream_duration.labels(route)
        self._in_flight = metrics.in_flight.labels(route)
        self._unauthorized = {result: metrics.unauthorized.labels(route, result) for result in get_args(Unauthorized)}
        self._retries = {reason: metrics.retries.labels(route, reason) for reason in get_args(RetryReason)}
        self._skipped = {reason: metrics.replays_skipped.labels(route, reason) for reason in get_args(ReplaySkip)}
        for method, status in BEFORE_FIRST if route else (("GET", 404),):
            self._answer(method, status)

    def started(self) -> None:
        """A request's head is here; `finished` follows exactly once."""
        self._in_flight.inc()

    def finished(self, method: str, status: int, seconds: float) -> None:
        """The answer ended, whole or cut; `seconds` since the head."""
        self._in_flight.dec()
        answered = self._answered.get((method, status))
        if answered is None:
            answered = self._answer(method if method in METHODS else "other", min(max(status, 100), 599))
        answered.inc()
        self._duration.observe(seconds)

    def _answer(self, method: str, status: int) -> Counter:
        if (method, status) not in self._answered:
            self._answered[method, status] = self._requests.labels(self._route, method, str(status))
        return self._answered[method, status]

    def upstream(self, seconds: float) -> None:
        """An attempt's response head came after `seconds`."""
        self._upstream.observe(seconds)

    def unauthorized(self, result: Unauthorized) -> None:
        """The API said that the token is not valid; `result` is what came of it."""
        self._unauthorized[result].inc()

    def retried(self, reason: RetryReason) -> None:
        """An attempt is sent again."""
        self._retries[reason].inc()

    def replay_skipped(self, reason: ReplaySkip) -> None:
        """An attempt is not sent again, although its answer asked for it."""
        self._skipped[reason].inc()


def token_codes() -> list[str]:
    """The codes that a token request may end with."""
    found, left = set(), [TokenError]
    while left:
        kind = left.pop()
        found.add(kind.code)
        left += kind.__subclasses__()
    return sorted(found - {"internal_error"})


def token_families(snapshots: Iterable[TokenSnapshot]) -> tuple[Metric, ...]:
    """How many tokens of each alias are in which state, the earliest expiry and the latest issue."""
    states = GaugeMetricFamily("bearerd_token_state", "Tokens in that state", labels=("alias", "state"))
    expiry = GaugeMetricFamily("bearerd_token_expiry_timestamp_seconds", "Earliest expiry of the alias's tokens", labels=("alias",))
    issued = GaugeMetricFamily("bearerd_token_issued_timestamp_seconds", "Latest issue of the alias's tokens", labels=("alias",))
    aliases: dict[str, list[TokenSnapshot]] = {}
    for snapshot in snapshots:
        aliases.setdefault(snapshot.alias, []).append(snapshot)
    for alias, tokens in sorted(aliases.items()):
        for state in STATES:
            states.add_metric((alias, state), sum(token.state == state for token in tokens))
        if ends := [token.expires_at for token in tokens if token.expires_at is not None]:
            expiry.add_metric((alias,), min(ends))
        if starts := [token.issued_at for token in tokens if token.issued_at is not None]:
            issued.add_metric((alias,), max(starts))
    return states, expiry, issued


def connection_family(counts: Iterable[ConnectionCount], *, per_route: bool) -> Metric:
    """Idle and active upstream connections by route."""
    family = GaugeMetricFamily("bearerd_upstream_connections", "Connections to the upstream", labels=("route", "state"))
    sums: dict[str, tuple[int, int]] = {}
    for count in counts:
        route = count.route if per_route else ""
        idle, active = sums.get(route, (0, 0))
        sums[route] = idle + count.idle, active + count.active
    for route, (idle, active) in sorted(sums.items()):
        family.add_metric((route, "idle"), idle)
        family.add_metric((route, "active"), active)
    return family


class _Collected(Collector):
    """Series that are computed at the scrape."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


class _WithoutCreated(Collector):
    """A registry's series less `_created`, which doubles the counters and is no part of the contract."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
