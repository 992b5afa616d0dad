"""What a route counts: under known labels, each event once."""

from __future__ import annotations

import pytest

from proxy.metrics.labels import BUCKETS
from proxy.metrics.route import Durations, RouteMetrics


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(-1.0, 0), (0.0, 0), (0.005, 0), (0.0051, 1), (0.01, 1), (0.7, 7), (60.0, 12), (60.1, 13), (float("inf"), 13)],
)
def test_a_duration_counts_in_its_bucket(seconds: float, bucket: int) -> None:
    """A duration counts once: in the first bucket whose bound it does not pass, or behind all of them."""
    durations = Durations()
    durations.observe(seconds)
    assert durations.counts == [int(number == bucket) for number in range(len(BUCKETS) + 1)]
    assert durations.sum == seconds


def test_a_request_counts_when_it_ends() -> None:
    """A request is in flight until its answer ended; then its method, status and duration count."""
    route = RouteMetrics("crm")
    route.started()
    route.started()
    assert (route.in_flight, route.answered) == (2, {})
    route.finished("GET", 200, 0.25)
    route.finished("GET", 200, 0.5)
    assert (route.in_flight, route.answered, route.durations.sum) == (0, {("GET", 200): 2}, 0.75)


def test_an_attempt_counts_for_itself() -> None:
    """The time to an upstream's head does not count as a request's."""
    route = RouteMetrics("crm")
    route.upstream(0.25)
    assert (sum(route.upstream_durations.counts), sum(route.durations.counts)) == (1, 0)


@pytest.mark.parametrize(
    ("method", "status", "key"),
    [
        ("PATCH", 599, ("PATCH", 599)),
        ("get", 200, ("other", 200)),
        ("other", 200, ("other", 200)),
        ("", 200, ("other", 200)),
        ("GET", 0, ("GET", 100)),
        ("GET", 99999, ("GET", 599)),
    ],
)
def test_answers_count_under_known_labels(method: str, status: int, key: tuple[str, int]) -> None:
    """What a caller or a server invents counts, the second time too, under a label that is listed."""
    route = RouteMetrics("crm")
    route.finished(method, status, 0.1)
    route.finished(method, status, 0.1)
    assert route.answered == {key: 2}


@pytest.mark.parametrize(
    ("call", "numbers", "known", "label"),
    [
        ("unauthorized", "refused", "healed", "healed"),
        ("unauthorized", "refused", "from the wire", "other"),
        ("retried", "retries", "connect", "connect"),
        ("retried", "retries", "status_421", "status_421"),
        ("retried", "retries", "status_200", "other"),
        ("replay_skipped", "skipped", "deadline", "deadline"),
        ("replay_skipped", "skipped", "from the wire", "other"),
    ],
)
def test_reasons_count_under_known_labels(call: str, numbers: str, known: str, label: str) -> None:
    """A reason counts among its own kind, under its label or `other`."""
    route = RouteMetrics("crm")
    getattr(route, call)(known)
    getattr(route, call)(known)
    assert getattr(route, numbers) == {label: 2}
    assert sum(map(len, (route.refused, route.retries, route.skipped))) == 1
