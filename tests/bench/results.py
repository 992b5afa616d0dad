"""From samples to what is told: medians over rounds, and ratios that are taken within each round before their median is.

Only samples without a fault count; what is left without one has no value, which is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.rounds import Sample

Figure = Literal["cpu_us_per_request", "rps", "p50_us", "p99_us", "rss_mb", "busy"]
FIGURES: tuple[Figure, ...] = ("cpu_us_per_request", "rps", "p50_us", "p99_us", "rss_mb")


@dataclass(frozen=True)
class Of:
    """Whose figure: an entrant's."""

    scenario: str
    contender: str


class Results:
    """All samples of a run, and the footprint: for each contender, numbers that were measured aside from the rounds, by name."""

    def __init__(self, samples: Sequence[Sample], footprint: Mapping[str, Mapping[str, float]]) -> None:
        self.samples = samples
        self.footprint = footprint
        self._rounds: dict[Of, dict[int, Sample]] = {}
        for sample in samples:
            self._rounds.setdefault(Of(sample.scenario, sample.contender), {})[sample.round] = sample

    @property
    def entrants(self) -> list[Of]:
        """Who was measured, in the order of the first samples' scenarios and contenders."""
        return list(self._rounds)

    def clean(self, of: Of) -> Mapping[int, Sample]:
        """An entrant's samples without a fault, by round."""
        return {number: sample for number, sample in self._rounds.get(of, {}).items() if not sample.faults}

    def errors(self, of: Of) -> int:
        """An entrant's errors in all rounds."""
        return sum(sample.errors for sample in self._rounds.get(of, {}).values())

    def faults(self) -> list[str]:
        """A line for each sample that does not count."""
        return [f"{one.scenario}: {one.contender}, round {one.round}: {'; '.join(one.faults)}" for one in self.samples if one.faults]

    def median(self, of: Of, figure: Figure) -> float | None:
        """The median over rounds; None without a sample that counts."""
        values = [getattr(sample, figure) for sample in self.clean(of).values()]
        return float(median(values)) if values else None

    def ratio(self, one: Of, other: Of, figure: Figure) -> float | None:
        """The median of what `one` is to `other` in the same round; None without a round in which both count."""
        ones, others = self.clean(one), self.clean(other)
        pairs = [(getattr(ones[at], figure), getattr(others[at], figure)) for at in ones.keys() & others.keys()]
        values = [mine / theirs for mine, theirs in pairs if theirs]
        return float(median(values)) if values else None

    def added(self, one: Of, other: Of, figure: Figure) -> float | None:
        """The median of what `one` has more than `other` in the same round."""
        ones, others = self.clean(one), self.clean(other)
        values = [getattr(ones[at], figure) - getattr(others[at], figure) for at in ones.keys() & others.keys()]
        return float(median(values)) if values else None

    def row(self, of: Of) -> dict[str, Any]:
        """What `bench.json` says of an entrant."""
        figures = {figure: self.median(of, figure) for figure in FIGURES}
        rounded: dict[str, float | None] = {figure: None if value is None else round(value, 2) for figure, value in figures.items()}
        return {"scenario": of.scenario, "contender": of.contender, **rounded, "errors": self.errors(of)}
