"""Series that are computed at the scrape, from what is there then.

A gauge that nobody has to keep current cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy.metrics.labels import ANSWERED, BUCKETS, RETRIED, SKIPPED, STATES, UNAUTHORIZED

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from proxy.metrics.route import Durations, RouteMetrics
    from proxy.oauth.token import TokenState

BOUNDS = (*map(str, BUCKETS), "+Inf")
UNMATCHED = (("GET", 404),)  # what no route takes is answered so


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


class RouteSeries(Collector):
    """The series of all routes, made of their numbers; what did not happen yet is shown as 0, so that rates work from the start.

    Args:
        routes: those there are, in order; asked in the scrape's thread.
    """

    def __init__(self, routes: Callable[[], Sequence[RouteMetrics]]) -> None:
        self._routes = routes

    def collect(self) -> Iterator[Metric]:
        routes = self._routes()
        yield _answers(routes)
        yield _histogram(
            "request_duration_seconds",
            "From a request's head to the end of its answer",
            ((route.route, route.durations) for route in routes),
        )
        yield _histogram(
            "upstream_duration_seconds",
            "From sending an attempt to its response head",
            ((route.route, route.upstream_durations) for route in routes),
        )
        yield _in_flight(routes)
        yield _counter(
            "unauthorized",
            "Answers that said the token is not valid",
            ("result", UNAUTHORIZED),
            ((route.route, route.refused) for route in routes),
        )
        yield _counter("retries", "Attempts that were sent again", ("reason", RETRIED), ((route.route, route.retries) for route in routes))
        yield _counter(
            "replays_skipped",
            "Attempts that could have been sent again and were not",
            ("reason", SKIPPED),
            ((route.route, route.skipped) for route in routes),
        )


def _answers(routes: Iterable[RouteMetrics]) -> Metric:
    family = CounterMetricFamily("bearerd_requests", "Answered requests", labels=("route", "method", "status"))
    usual, unmatched = dict.fromkeys(ANSWERED, 0), dict.fromkeys(UNMATCHED, 0)
    for route in routes:
        for (method, status), count in ((usual if route.route else unmatched) | route.answered.copy()).items():
            family.add_metric((route.route, method, str(status)), count)
    return family


def _in_flight(routes: Iterable[RouteMetrics]) -> Metric:
    family = GaugeMetricFamily("bearerd_requests_in_flight", "Requests that are being answered", labels=("route",))
    for route in routes:
        family.add_metric((route.route,), route.in_flight)
    return family


def _counter(name: str, about: str, known: tuple[str, Iterable[str]], routes: Iterable[tuple[str, dict[str, int]]]) -> Metric:
    label, words = known
    family = CounterMetricFamily(f"bearerd_{name}", about, labels=("route", label))
    none = dict.fromkeys(words, 0)
    for route, counts in routes:
        for word, count in (none | counts.copy()).items():
            family.add_metric((route, word), count)
    return family


def _histogram(name: str, about: str, routes: Iterable[tuple[str, Durations]]) -> Metric:
    family = HistogramMetricFamily(f"bearerd_{name}", about, labels=("route",))
    for route, durations in routes:
        seconds, counts = durations.sum, durations.counts.copy()
        family.add_metric((route,), tuple(zip(BOUNDS, accumulate(counts), strict=True)), seconds)  # the last is the count too
    return family


class Shown(Collector):
    """A registry's series and those read at the scrape, less `_created`: it doubles the counters and is no part of the contract."""

    def __init__(self, registry: CollectorRegistry, watched: Iterable[Metric]) -> None:
        self._registry = registry
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
        yield from self._watched
