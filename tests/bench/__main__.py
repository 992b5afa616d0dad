"""`make bench`: bearerd beside others that put a token on calls, on this machine and in one run.

A ratio between contenders of one round says something, a number of one machine does not. bearerd's own errors end it with status 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import goals, report
from tests.bench.contender import UnavailableError
from tests.bench.contenders.registry import CONTENDERS
from tests.bench.results import Of, Results
from tests.bench.rounds import Pace, heat
from tests.bench.scenarios import OURS, SCENARIOS, heats
from tests.bench.stage import DIRECT, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.contender import Contender
    from tests.bench.rounds import Sample

JSON = Path(__file__).parents[2] / "build" / "bench.json"
FULL, QUICK = Pace(7, 2.0, 1.0), Pace(3, 1.0, 0.5)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def ready(wanted: Sequence[str]) -> dict[str, Contender]:
    """The contenders that can run here, prepared; what the others lack is told."""
    found = {}
    for name in wanted:
        if name == DIRECT:
            continue
        try:
            CONTENDERS[name].prepare()
            found[name] = CONTENDERS[name]
        except UnavailableError as lacking:
            say(f"without {name}: {lacking}")
    return found


def measure(scenarios: list[str], contenders: dict[str, Contender], chosen: frozenset[Of] | None, pace: Pace) -> Results:
    """All heats; of them the `chosen` entrants, or all."""
    samples: list[Sample] = []

    def wanted(scenario: str, contender: str) -> bool:
        return chosen is None or Of(scenario, contender) in chosen

    with Stage() as stage:
        for rows in heats(scenarios):
            say(f"{', '.join(row.name for row in rows)}: {rows[0].says}")
            samples += heat(stage, rows, contenders, wanted, pace, say)
    return Results(samples, {})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="bearerd beside others that put a token on calls")
    parser.add_argument("--quick", action="store_true", help="what the goals need, in fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, help="how often each contender is loaded")
    parser.add_argument("--seconds", type=float, help="how long each time")
    parser.add_argument("--only", type=names, default=list(SCENARIOS), help="scenarios, with commas")
    parser.add_argument("--contenders", type=names, default=[DIRECT, *CONTENDERS], help="contenders, with commas")
    told = parser.parse_args()
    unknown = [*(set(told.only) - SCENARIOS.keys()), *(set(told.contenders) - CONTENDERS.keys() - {DIRECT})]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(SCENARIOS)} and {', '.join(CONTENDERS)}")
    base = QUICK if told.quick else FULL
    pace = Pace(told.rounds or base.rounds, told.seconds or base.seconds, base.warm_up)
    results = measure(told.only, ready(told.contenders), goals.NEEDED if told.quick else None, pace)
    report.write_json(results, JSON)
    say(report.aligned(report.cells(results), texts=2))
    say(report.aligned(report.goal_cells(goals.verdicts(results)), texts=1))
    for fault in results.faults():
        say(f"does not count: {fault}")
    return int(any(results.errors(of) for of in results.entrants if of.contender in OURS))


if __name__ == "__main__":
    sys.exit(main())
