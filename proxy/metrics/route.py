"""What one route counts, as plain numbers.

Only the event loop counts, and takes no lock for it; a scrape's thread reads copies that one step of the interpreter makes.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeVar

from proxy.metrics.labels import BUCKETS, OTHER, SKIPPED, UNAUTHORIZED, known_method, known_retry, known_status

Key = TypeVar("Key")


class Durations:
    """Seconds by bucket: `counts[i]` are those up to `BUCKETS[i]` and above the bucket before; the last are above all."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0  # seconds

    def observe(self, seconds: float) -> None:
        """One more that took `seconds`."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class RouteMetrics:
    """One route's numbers; what never happened takes no room, and is shown as 0 all the same.

    Attributes:
        route: the label; "" for requests that no route takes, or for all of them where routes are not told apart.
        in_flight: requests that are being answered.
        answered: answers by method and status, as `labels` knows them.
        refused: answers that said the token is not valid, by what came of them.
        retries: attempts that were sent again, by reason.
        skipped: attempts that could have been sent again and were not, by reason.
    """

    __slots__ = ("answered", "durations", "in_flight", "refused", "retries", "route", "skipped", "upstream_durations")

    def __init__(self, route: str) -> None:
        self.route = route
        self.in_flight = 0
        self.durations = Durations()
        self.upstream_durations = Durations()
        self.answered: dict[tuple[str, int], int] = {}
        self.refused: dict[str, int] = {}
        self.retries: dict[str, int] = {}
        self.skipped: dict[str, int] = {}

    def started(self) -> None:
        """A request's head is here; `finished` follows exactly once."""
        self.in_flight += 1

    def finished(self, method: str, status: int, seconds: float) -> None:
        """The answer ended, whole or cut; `seconds` since the head."""
        self.in_flight -= 1
        self.durations.observe(seconds)
        try:
            self.answered[method, status] += 1
        except KeyError:  # the first of its kind, or one that is not known
            _count(self.answered, (known_method(method), known_status(status)))

    def upstream(self, seconds: float) -> None:
        """An attempt's response head came after `seconds`."""
        self.upstream_durations.observe(seconds)

    def unauthorized(self, result: str) -> None:
        """The API said that the token is not valid; `result` is one of `labels.UNAUTHORIZED`."""
        _count(self.refused, result if result in UNAUTHORIZED else OTHER)

    def retried(self, reason: str) -> None:
        """An attempt is sent again; `reason` is the retry policy's."""
        _count(self.retries, known_retry(reason))

    def replay_skipped(self, reason: str) -> None:
        """An attempt is not sent again, although its answer asked for it; `reason` is the retry policy's."""
        _count(self.skipped, reason if reason in SKIPPED else OTHER)


def _count(counts: dict[Key, int], key: Key) -> None:
    counts[key] = counts.get(key, 0) + 1
