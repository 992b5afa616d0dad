"""The benchmark, run small: it measures what it says, and tells what went wrong. Times are never judged: machines are busy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tests.bench.contender import free_port
from tests.bench.contenders.bearerd import Bearerd
from tests.bench.contenders.process import running
from tests.bench.results import Of, Results
from tests.bench.rounds import Pace, heat, sample
from tests.bench.scenarios import SCENARIOS
from tests.bench.stage import Stage
from tests.bench.wrk import Load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from tests.bench.contender import Landscape, Running

LANES = {"bearerd": Bearerd("bearerd", express=True), "bearerd-plain": Bearerd("bearerd-plain", express=False)}
PACE = Pace(1, 0.3, 0.2)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as standing:
        yield standing


def test_both_lanes_are_measured_without_a_fault(stage: Stage) -> None:
    """Every call is answered, the byte counts of both ends agree, and processor time and memory are those of a process at work."""
    samples = list(heat(stage, [SCENARIOS["post10k"]], LANES, lambda *_: True, PACE, pytest.fail))
    assert [(one.contender, one.errors, one.faults) for one in samples] == [("bearerd", 0, ()), ("bearerd-plain", 0, ())]
    assert all(one.requests and one.cpu_us_per_request > 0 and one.rss_mb > 1 for one in samples)
    ratio = Results(samples, {}).ratio(Of("post10k", "bearerd"), Of("post10k", "bearerd-plain"), "cpu_us_per_request")
    assert ratio is not None


def test_a_withdrawn_token_costs_the_caller_nothing(stage: Stage) -> None:
    """Where every token is withdrawn under way, no call fails, since another one is fetched."""
    scenario = replace(SCENARIOS["herd401"], load=Load(connections=8))
    with stage.entrant(LANES["bearerd"], scenario) as entrant:
        assert entrant.issuer.issued == 1
        assert sample(stage, entrant, 1, 0.4).faults == ()
        assert entrant.issuer.issued == 2


def test_a_refused_call_is_an_error(stage: Stage) -> None:
    """What a contender does not cure is told, at both ends, and does not count."""
    entrant = replace(stage.direct(SCENARIOS["get1"]), headers={"Authorization": "Bearer forged"})
    one = sample(stage, entrant, 1, 0.2)
    assert one.errors >= one.requests > 0
    assert any("wrk: " in fault for fault in one.faults)
    assert any("the API refused" in fault for fault in one.faults)
    assert Results([one], {}).median(Of("get1", "direct"), "rps") is None


@dataclass(frozen=True)
class Broken:
    """A contender that ends at once."""

    name: str = "broken"
    cannot: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Nothing."""

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        return running(["sh", "-c", "echo no such option; exit 2"], free_port(), landscape.folder)


def test_a_contender_that_does_not_start_is_told(stage: Stage) -> None:
    """A contender that answers no 200 is told with what it said, the others are measured, and it has no figures."""
    told: list[str] = []
    assert list(heat(stage, [SCENARIOS["get1"]], {"broken": Broken()}, lambda _, name: name == "broken", PACE, told.append)) == []
    assert told == ["get1: broken does not answer: no such option"]
