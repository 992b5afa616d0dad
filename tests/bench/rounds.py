"""Rounds: in each, every entrant of a heat is loaded once, in an order that rotates, so that all meet the same moods of the machine.

What is not as it should be, at either end, is a fault, and a sample with a fault counts nowhere.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.bench import wrk
from tests.bench.accounting import account
from tests.bench.stage import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.bench.contender import Contender
    from tests.bench.scenarios import Scenario
    from tests.bench.stage import Entrant, Stage
    from tests.bench.upstream import Served


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One entrant in one round."""

    scenario: str
    contender: str
    round: int
    requests: int
    seconds: float
    cpu_us_per_request: float
    p50_us: float
    p99_us: float
    rss_mb: float
    busy: float  # share of its core
    errors: int
    faults: tuple[str, ...] = ()

    @property
    def rps(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Pace:
    """How long and how often."""

    rounds: int
    seconds: float
    warm_up: float  # seconds


def faults_of(scenario: Scenario, counted: wrk.Counted, served: Served | None) -> tuple[int, tuple[str, ...]]:
    """How many errors a load had, and what they are; `served` is what nginx was asked for meanwhile, if it was nginx."""
    errors, load = sum(counted.errors.values()), scenario.load
    faults = [f"wrk: {count} x {kind}" for kind, count in counted.errors.items()]
    if not counted.requests:
        faults.append("no answer")
    if counted.bytes < counted.requests * scenario.body:
        faults.append(f"the caller read {counted.bytes} bytes in {counted.requests} answers of {scenario.body}")
    if served is not None:
        if served.others:
            errors += served.others
            faults.append(f"the API refused {served.others}")
        under_way = 2 * load.connections  # at the end; twice, for what comes late on a busy machine
        if not counted.requests <= served.answers <= counted.requests + under_way:
            faults.append(f"the API gave {served.answers} answers, the caller got {counted.requests}")
        if served.body_bytes < counted.requests * scenario.body:
            faults.append(f"the API gave {served.body_bytes} bytes for {counted.requests} answers of {scenario.body}")
        if served.request_bytes < counted.requests * load.body:
            faults.append(f"the API read {served.request_bytes} bytes in {counted.requests} requests of {load.body}")
    return max(errors, len(faults)), tuple(faults)


def sample(stage: Stage, entrant: Entrant, number: int, seconds: float) -> Sample:
    """One load of one entrant, and what it used meanwhile."""
    scenario = entrant.scenario
    load = replace(scenario.load, headers={**scenario.load.headers, **entrant.headers})
    stage.upstream.taken()
    withdrawal = threading.Timer(seconds / 2, entrant.issuer.withdraw)
    if scenario.withdraws:
        withdrawal.start()
    before = account(entrant.pids)
    try:
        counted = wrk.run(load, entrant.port, entrant.prefixes, seconds, entrant.folder)
    except wrk.LoadError as failed:
        counted = wrk.Counted(0, 0, seconds, 0.0, 0.0, {str(failed): 1})
    after = account(entrant.pids)
    served = stage.upstream.taken()
    errors, faults = faults_of(scenario, counted, served if scenario.api == "nginx" else None)
    cpu = 0.0
    try:
        cpu = after.since(before)
    except ProcessLookupError as gone:
        errors, faults = errors + 1, (*faults, str(gone))
    return Sample(
        scenario=scenario.name,
        contender=entrant.contender,
        round=number,
        requests=counted.requests,
        seconds=counted.seconds,
        cpu_us_per_request=cpu / counted.requests * 1e6 if counted.requests else 0.0,
        p50_us=counted.p50_us,
        p99_us=counted.p99_us,
        rss_mb=after.resident / 2**20,
        busy=cpu / counted.seconds if counted.seconds else 0.0,
        errors=errors,
        faults=faults,
    )


def heat(
    stage: Stage,
    scenarios: Sequence[Scenario],
    contenders: Mapping[str, Contender],
    wanted: Callable[[str, str], bool],
    pace: Pace,
    tell: Callable[[str], None],
) -> Iterator[Sample]:
    """The samples of scenarios that are compared with each other; `wanted` chooses by names of scenario and contender."""
    with ExitStack() as stack:
        entrants = [each for row in scenarios for each in _entrants(stage, stack, row, contenders, wanted, tell)]
        for entrant in entrants:
            sample(stage, entrant, 0, pace.warm_up * entrant.scenario.warm_ups)
        for number in range(pace.rounds):
            at = number % max(1, len(entrants))
            for entrant in entrants[at:] + entrants[:at]:
                yield sample(stage, entrant, number + 1, pace.seconds * entrant.scenario.times)


def _entrants(
    stage: Stage,
    stack: ExitStack,
    scenario: Scenario,
    contenders: Mapping[str, Contender],
    wanted: Callable[[str, str], bool],
    tell: Callable[[str], None],
) -> Iterator[Entrant]:
    if scenario.takes("direct") and wanted(scenario.name, "direct"):
        yield stage.direct(scenario)
    for name, contender in contenders.items():
        if not (scenario.takes(name) and wanted(scenario.name, name)) or scenario.name in contender.cannot:
            continue
        try:
            yield stack.enter_context(stage.entrant(contender, scenario))
        except NotReadyError as failed:
            tell(f"{scenario.name}: {name} does not answer: {failed}")
