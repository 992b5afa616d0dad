"""What a scrape reads from the running proxy."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from proxy.metrics.labels import BUCKETS, STATES
from proxy.metrics.route import RouteMetrics
from proxy.metrics.scrape import RouteSeries, Shown, connection_family, token_families

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from proxy.oauth.token import TokenState


@dataclass(frozen=True)
class Snapshot:
    """A token as the engine tells it."""

    alias: str
    state: TokenState
    issued_at: float | None = None
    expires_at: float | None = None


@dataclass(frozen=True)
class Connections:
    """A pool as it tells its connections."""

    route: str
    idle: int
    active: int


@pytest.mark.parametrize(
    ("tokens", "counts", "expiry", "issued"),
    [
        ([], [], [], []),
        ([Snapshot("a", "empty")], [1, 0, 0, 0, 0, 0, 0], [], []),
        ([Snapshot("a", "fresh", 10, 70)], [0, 0, 1, 0, 0, 0, 0], [70], [10]),
        ([Snapshot("a", "fresh", 10, 70), Snapshot("a", "due", 20, 30), Snapshot("a", "empty")], [1, 0, 1, 1, 0, 0, 0], [30], [20]),
        ([Snapshot("a", "cooling_down", None, None), Snapshot("a", "cooling_down", 5, 9)], [0, 0, 0, 0, 0, 2, 0], [9], [5]),
    ],
)
def test_token_families(tokens: list[Snapshot], counts: list[int], expiry: list[float], issued: list[float]) -> None:
    """Every state of an alias is shown with its count; expiry is the earliest, issue the latest, and neither is invented."""
    shown, ends, starts = token_families(tokens)
    assert STATES == ("empty", "fetching", "fresh", "due", "expired", "cooling_down", "needs_authorization")
    assert [sample.value for sample in shown.samples] == counts
    assert [sample.value for sample in ends.samples] == expiry
    assert [sample.value for sample in starts.samples] == issued


@pytest.mark.parametrize(
    ("per_route", "values"),
    [
        (True, {("a", "idle"): 3, ("a", "active"): 5, ("b", "idle"): 0, ("b", "active"): 1}),
        (False, {("", "idle"): 3, ("", "active"): 6}),
    ],
)
def test_connection_family(per_route: bool, values: dict[tuple[str, str], int]) -> None:  # noqa: FBT001  # a table's column
    """Connections of one route are added up; without per_route those of all."""
    counts = [Connections("a", 1, 2), Connections("b", 0, 1), Connections("a", 2, 3)]
    family = connection_family(counts, per_route=per_route)
    assert {(sample.labels["route"], sample.labels["state"]): sample.value for sample in family.samples} == values


def route(name: str = "crm") -> RouteMetrics:
    return RouteMetrics(name)


def shown(*routes: RouteMetrics) -> dict[str, Metric]:
    return {family.name.removeprefix("bearerd_"): family for family in RouteSeries(lambda: routes).collect()}


def values(family: Metric, *labels: str) -> list[tuple[str | float, ...]]:
    return [(*(sample.labels[label] for label in labels), sample.value) for sample in family.samples]


def test_routes_have_these_series() -> None:
    """Seven families tell of routes, with their types, also where there is no route."""
    assert [(name, family.type) for name, family in shown().items()] == [
        ("requests", "counter"),
        ("request_duration_seconds", "histogram"),
        ("upstream_duration_seconds", "histogram"),
        ("requests_in_flight", "gauge"),
        ("unauthorized", "counter"),
        ("retries", "counter"),
        ("replays_skipped", "counter"),
    ]


def test_an_unused_route_is_shown_as_zeros() -> None:
    """Every series of a route that nobody has used is there, and 0."""
    families = shown(route())
    assert [len(family.samples) for family in families.values()] == [10, 16, 16, 1, 10, 12, 12]
    assert {sample.value for family in families.values() for sample in family.samples} == {0}


def test_requests_that_no_route_takes() -> None:
    """What no route takes is shown as answered by 404 alone, until something else happens."""
    none = route("")
    assert values(shown(none)["requests"], "route", "method", "status") == [("", "GET", "404", 0)]
    none.finished("POST", 404, 0.1)
    assert values(shown(none)["requests"], "route", "method", "status") == [("", "GET", "404", 0), ("", "POST", "404", 1)]


def test_what_happened_stands_in_its_place() -> None:
    """Usual answers keep their order; others come after them, with their route."""
    crm, erp = route("crm"), route("erp")
    crm.finished("PUT", 201, 0.1)
    crm.finished("POST", 504, 0.1)
    told = values(shown(crm, erp)["requests"], "route", "method", "status")
    assert told[9:12] == [("crm", "POST", "504", 1), ("crm", "PUT", "201", 1), ("erp", "GET", "200", 0)]


@pytest.mark.parametrize(
    ("family", "label", "call", "word"),
    [
        ("unauthorized", "result", "unauthorized", "healed"),
        ("retries", "reason", "retried", "status_421"),
        ("replays_skipped", "reason", "replay_skipped", "deadline"),
    ],
)
def test_a_reason_is_shown(family: str, label: str, call: str, word: str) -> None:
    """Each event is shown in its own family, under its own word, beside the zeros of the others."""
    crm = route()
    getattr(crm, call)(word)
    told = values(shown(crm)[family], "route", label)
    assert [line for line in told if line[-1]] == [("crm", word, 1)]
    assert len(told) >= 10


@given(st.lists(st.sampled_from(BUCKETS) | st.floats(-1, 100)))
def test_a_histogram_is_as_the_library_tells_it(seconds: list[float]) -> None:
    """Whatever was observed is shown byte for byte as a histogram of prometheus_client would show it."""
    crm, registry = route(), CollectorRegistry()
    about = "From sending an attempt to its response head"
    theirs = Histogram("bearerd_upstream_duration_seconds", about, ("route",), registry=registry, buckets=BUCKETS).labels("crm")
    deque(map(crm.upstream, seconds), maxlen=0)
    deque(map(theirs.observe, seconds), maxlen=0)
    ours = Shown(CollectorRegistry(), [shown(crm)["upstream_duration_seconds"]])
    assert generate_latest(ours) == generate_latest(Shown(registry, ()))


def test_a_histogram_that_is_read_while_it_counts() -> None:
    """The samples of one scrape agree with each other, whatever is counted after they were read."""
    crm = route()
    crm.upstream(0.1)
    family = shown(crm)["upstream_duration_seconds"]
    crm.upstream(0.1)
    told = {(sample.name.removeprefix(family.name), sample.labels.get("le")): sample.value for sample in family.samples}
    assert (told["_bucket", "0.1"], told["_bucket", "+Inf"], told["_count", None], told["_sum", None]) == (1, 1, 1, 0.1)
