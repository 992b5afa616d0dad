"""What bearerd is to cost, as a table: a measure, the most that it may be, and the most that it had better be.

A goal that was not measured is said to be so, and is neither met nor missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from tests.bench.results import Of
from tests.bench.scenarios import STEADY
from tests.bench.stage import DIRECT

if TYPE_CHECKING:
    from tests.bench.results import Figure, Results


class Measure(Protocol):
    """Where a goal's number comes from."""

    @property
    def needs(self) -> tuple[Of, ...]:
        """The entrants without which there is none."""

    @property
    def unit(self) -> str:
        """What stands behind the number."""

    def of(self, results: Results) -> float | None:
        """The number; None if it was not measured."""


@dataclass(frozen=True)
class Ratio:
    """What one entrant's figure is to another's, in the same rounds."""

    one: Of
    other: Of
    figure: Figure = "cpu_us_per_request"
    unit: str = "x"

    @property
    def needs(self) -> tuple[Of, ...]:
        return self.one, self.other

    def of(self, results: Results) -> float | None:
        return results.ratio(self.one, self.other, self.figure)


@dataclass(frozen=True)
class Added:
    """What an entrant's median latency is above that of the direct call, in the same rounds."""

    one: Of
    unit: str = "us"

    @property
    def needs(self) -> tuple[Of, ...]:
        return self.one, Of(self.one.scenario, DIRECT)

    def of(self, results: Results) -> float | None:
        return results.added(self.one, Of(self.one.scenario, DIRECT), "p50_us")


@dataclass(frozen=True)
class Footprint:
    """A number of bearerd that is measured aside from the rounds, by its name in `footprint.py`."""

    name: str
    unit: str

    @property
    def needs(self) -> tuple[Of, ...]:
        return ()

    def of(self, results: Results) -> float | None:
        return results.footprint.get("bearerd", {}).get(self.name)


@dataclass(frozen=True)
class Goal:
    """At most `most`; `stretch` is what is wished beyond. A row may have the one without the other."""

    says: str
    measure: Measure
    most: float | None = None
    stretch: float | None = None


def beside(scenario: str, other: str, most: float | None, stretch: float | None) -> Goal:
    """bearerd's processor time for a call beside another's."""
    return Goal(f"{scenario}: CPU beside {other}", Ratio(Of(scenario, "bearerd"), Of(scenario, other)), most, stretch)


GOALS = (
    beside("get32", "envoy", 0.75, 0.60),
    beside("get32", "go", 0.75, 0.60),
    beside("get32", "naive", 0.25, 0.20),
    beside("get32", "nginx", None, 2.0),
    beside("vary32", "envoy", None, None),
    beside("vary32", "go", None, None),
    beside("get256", "envoy", 0.55, 0.45),
    beside("get256", "go", 0.55, 0.45),
    beside("post10k", "envoy", 0.80, 0.65),
    beside("big1m", "envoy", 1.20, 1.0),
    beside("close", "go", 1.20, 1.0),
    Goal("routes10k: CPU beside its own with one route", Ratio(Of("routes10k", "bearerd"), Of("routes1", "bearerd")), 1.15, 1.05),
    beside("routes10k", "envoy", 0.25, None),
    Goal("refresh: p99 beside steady", Ratio(Of("refresh", "bearerd"), Of("refresh" + STEADY, "bearerd"), "p99_us"), 1.2),
    Goal("herd401: p99 beside steady", Ratio(Of("herd401", "bearerd"), Of("herd401" + STEADY, "bearerd"), "p99_us"), 1.2),
    Goal("half load: p50 beside envoy", Ratio(Of("half", "bearerd"), Of("half", "envoy"), "p50_us"), 1.0),
    Goal("half load: p50 that bearerd adds", Added(Of("half", "bearerd"))),
    Goal("half load: p50 that envoy adds", Added(Of("half", "envoy"))),
    Goal("1 GiB up: memory grows by", Footprint("up_mib", "MiB"), 8, 4),
    Goal("1 GiB down: memory grows by", Footprint("down_mib", "MiB"), 8, 4),
    Goal("1 GiB to a slow reader: memory grows by", Footprint("slow_mib", "MiB"), 8, 4),
    Goal("idle memory, after 100 calls", Footprint("idle_mb", "MiB"), 50, 45),
    Goal("start to the first 200", Footprint("first_s", "s"), 0.5, 0.3),
)
NEEDED = frozenset(of for goal in GOALS for of in goal.measure.needs)

Outcome = Literal["stretch", "met", "missed", "not measured", "no goal"]


@dataclass(frozen=True)
class Verdict:
    """A goal, the number, and what that means."""

    goal: Goal
    measured: float | None

    @property
    def outcome(self) -> Outcome:
        """`stretch` is more than met; where nothing is set but a stretch, it is that or missed; where nothing is set, it is told."""
        if self.measured is None:
            return "not measured"
        if self.goal.most is None and self.goal.stretch is None:
            return "no goal"
        if self.goal.stretch is not None and self.measured <= self.goal.stretch:
            return "stretch"
        return "met" if self.goal.most is not None and self.measured <= self.goal.most else "missed"

    def cells(self) -> tuple[str, str, str, str, str]:
        """The goal, its most, its stretch, the number and the outcome, as text."""
        unit = self.goal.measure.unit
        numbers = (self.goal.most, self.goal.stretch, self.measured)
        most, stretch, measured = ("" if number is None else f"{number:.2f} {unit}" for number in numbers)
        return self.goal.says, most, stretch, measured, self.outcome


def verdicts(results: Results) -> list[Verdict]:
    """Every goal, judged."""
    return [Verdict(goal, goal.measure.of(results)) for goal in GOALS]
