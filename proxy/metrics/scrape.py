"""Series that are computed at the scrape, from what is there then.

A gauge that nobody has to keep current cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy.metrics.labels import STATES

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from proxy.oauth.token import TokenState


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
