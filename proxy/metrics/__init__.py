"""Every series of bearerd and its labels, by name; docs/metrics.md has a row for each.

A label's value comes from the configuration or from a closed list here, never from a caller or a server.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from proxy import __version__
from proxy.metrics import labels
from proxy.metrics.route import RouteMetrics
from proxy.metrics.scrape import ConnectionCount, RouteSeries, Shown, TokenSnapshot, connection_family, token_families

if TYPE_CHECKING:
    from proxy.errors import TokenError
    from proxy.oauth.events import DiscardReason
    from proxy.oauth.lifetime import Short
    from proxy.oauth.token import TokenState

__all__ = ["ConnectionCount", "Metrics", "RouteMetrics", "TokenSnapshot"]


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
        self._gone: set[str] = set()  # aliases that a reload removed
        self._tokens: Callable[[], Iterable[TokenSnapshot]] = tuple
        self._connections: Callable[[], Iterable[ConnectionCount]] = tuple
        self.registry.register(RouteSeries(lambda: tuple(self._routes.values())))
        self._token_series()
        self._process_series()

    def _token_series(self) -> None:
        self.token_fetches = self._counter("token_fetches", "Token requests that ended", "alias", "outcome")
        self.token_fetch_duration = self._histogram("token_fetch_duration_seconds", "Duration of token requests", "alias")
        self.token_waiters = self._counter("token_waiters", "Callers that waited for a token request", "alias")
        self.token_discards = self._counter("token_discards", "Tokens dropped before their end", "alias", "reason")

    def _process_series(self) -> None:
        self.config_reloads = self._counter("config_reloads", "Reloads of the configuration", "outcome")
        for outcome in labels.RELOADS:
            self.config_reloads.labels(outcome)
        self.config_loaded_at = self._gauge("config_last_reload_success_timestamp_seconds", "When the running configuration was loaded")
        self.config_loaded_at.set(self._clock())
        self._gauge("build_info", "Version of bearerd and Python", "version", "python").labels(__version__, platform.python_version()).set(
            1
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _counter(self, name: str, about: str, *names: str) -> Counter:
        return Counter(f"bearerd_{name}", about, names, registry=self.registry)

    def _gauge(self, name: str, about: str, *names: str) -> Gauge:
        return Gauge(f"bearerd_{name}", about, names, registry=self.registry)

    def _histogram(self, name: str, about: str, label: str) -> Histogram:
        return Histogram(f"bearerd_{name}", about, (label,), registry=self.registry, buckets=labels.BUCKETS)

    def route(self, name: str) -> RouteMetrics:
        """What a route counts, made once; "" for requests that no route takes."""
        label = name if self._per_route else ""
        if label not in self._routes:
            self._routes[label] = RouteMetrics(label)
        return self._routes[label]

    def alias(self, name: str) -> None:
        """Shows an alias's series as 0 before its first event, so that rates work from the start."""
        if name in self._aliases:
            return
        self._aliases.add(name)
        self.token_fetch_duration.labels(name)
        self.token_waiters.labels(name)
        for outcome in labels.token_outcomes():
            self.token_fetches.labels(name, outcome)
        for reason in labels.DISCARDS:
            self.token_discards.labels(name, reason)

    def keep(self, routes: Iterable[str], aliases: Iterable[str]) -> None:
        """Forgets the series of routes and aliases that a reload removed, and shows those that it added."""
        by_alias = (self.token_fetches, self.token_fetch_duration, self.token_waiters, self.token_discards)
        wanted, kept = dict.fromkeys(("", *routes)), set(aliases)
        for name in self._routes.keys() - wanted.keys():
            del self._routes[name]
        for name in self._aliases - kept:
            self._aliases.discard(name)
            self._gone.add(name)
            _forget(by_alias, {"alias": name})
        self._gone -= kept
        for name in wanted:
            self.route(name)
        for name in kept:
            self.alias(name)

    def token_fetched(self, alias: str, *, seconds: float, error: TokenError | None, lifetime: float | None) -> None:  # noqa: ARG002  # the logs use it
        if alias in self._gone:  # a fetch that landed after the reload that removed its alias
            return
        self.token_fetches.labels(alias, "ok" if error is None else error.code).inc()
        self.token_fetch_duration.labels(alias).observe(seconds)

    def token_waited(self, alias: str) -> None:
        self.token_waiters.labels(alias).inc()

    def token_discarded(self, alias: str, reason: DiscardReason, *, age: float) -> None:  # noqa: ARG002  # the logs use it
        self.token_discards.labels(alias, reason).inc()

    def token_short_lived(self, alias: str, short: Short) -> None:
        """Nothing to count: the log tells it once."""

    def next_secret_used(self, alias: str) -> None:
        """Nothing to count: it happens once in a rotation, and the log tells it."""

    def token_state(self, alias: str, state: TokenState, *, cause: TokenError | None, until: float | None) -> None:
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

    def reading(self, accept: str = "") -> Callable[[], tuple[bytes, str]]:
        """Reads what is watched now, and returns `expose`, to be called in any thread: with many routes it takes a while."""
        return partial(self._expose, accept, tuple(self._tokens()), tuple(self._connections()))

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """All series and their content type: OpenMetrics 1.0 where `accept` names it, else the Prometheus text format 0.0.4."""
        return self.reading(accept)()

    def _expose(self, accept: str, tokens: Iterable[TokenSnapshot], connections: Iterable[ConnectionCount]) -> tuple[bytes, str]:
        shown = Shown(self.registry, (*token_families(tokens), connection_family(connections, per_route=self._per_route)))
        if "application/openmetrics-text" in accept.lower():
            escaping = openmetrics.ALLOWUTF8  # our names need no escaping; else each would be copied letter by letter, twice the cost
            return openmetrics.generate_latest(shown, escaping), openmetrics.CONTENT_TYPE_LATEST  # type: ignore[no-untyped-call]  # untyped there
        return generate_latest(shown), CONTENT_TYPE_PLAIN_0_0_4


def _forget(families: Iterable[Counter | Gauge | Histogram], label: dict[str, str]) -> None:
    for family in families:
        family.remove_by_labels(label)
