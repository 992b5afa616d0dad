"""What a scrape reads from the running proxy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from proxy.metrics.labels import STATES
from proxy.metrics.scrape import connection_family, token_families

if TYPE_CHECKING:
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
