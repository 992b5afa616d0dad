"""`make bench`: bearerd beside others that put a token on calls, on this machine and in one run.

A ratio between contenders of one round says something, a number of one machine does not. bearerd's own errors end it with status 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import docs, goals, raw, report
from tests.bench.contender import UnavailableError
from tests.bench.contenders.registry import CONTENDERS
from tests.bench.footprint import footprint
from tests.bench.results import Of, Results
from tests.bench.rounds import Pace, heat
from tests.bench.scenarios import OURS, SCENARIOS, heats
from tests.bench.stage import DIRECT, LOGGED, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.contender import Contender
    from tests.bench.rounds import Sample

ROOT = Path(__file__).parents[2]
JSON, RAW = ROOT / "build" / "bench.json", ROOT / "build" / "bench-raw.json"
FOOTPRINT = "footprint"  # what is measured aside, beside the scenarios' names
PARTS = [*SCENARIOS, FOOTPRINT]
FULL, QUICK = Pace(7, 1.2, 1.0), Pace(3, 0.7, 0.3)


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


def measure(scenarios: list[str], contenders: dict[str, Contender], pace: Pace, *, all_of_them: bool) -> Results:
    """All heats, and the footprints; or of them what the goals need."""
    samples: list[Sample] = []
    footprints: dict[str, dict[str, float]] = {}

    def wanted(scenario: str, contender: str) -> bool:
        return all_of_them or Of(scenario, contender) in goals.NEEDED

    with Stage() as stage:
        for rows in heats(scenarios):
            say(f"{', '.join(row.name for row in rows)}: {rows[0].says}")
            samples += heat(stage, rows, contenders, wanted, pace, say)
        for name in contenders if FOOTPRINT in scenarios else ():
            if name != LOGGED and (all_of_them or name == "bearerd"):
                say(f"{FOOTPRINT}: {name}")
                footprints[name] = footprint(stage, contenders[name], say)
    return Results(samples, footprints)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="bearerd beside others that put a token on calls")
    parser.add_argument("--quick", action="store_true", help="what the goals need, in fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, help="how often each contender is loaded")
    parser.add_argument("--seconds", type=float, help="how long each time")
    parser.add_argument("--only", type=names, help="scenarios, with commas")
    parser.add_argument("--contenders", type=names, default=[DIRECT, *CONTENDERS], help="contenders, with commas")
    parser.add_argument("--keep", action="store_true", help="keep what an earlier run measured of other scenarios")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.*")
    told = parser.parse_args()
    if told.only is None:
        told.only = [name for name in PARTS if not told.quick or name in {FOOTPRINT, *(of.scenario for of in goals.NEEDED)}]
    unknown = [*(set(told.only) - set(PARTS)), *(set(told.contenders) - CONTENDERS.keys() - {DIRECT})]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}, and {', '.join(CONTENDERS)}")
    return told


def main() -> int:
    told = arguments()
    base = QUICK if told.quick else FULL
    pace = Pace(told.rounds or base.rounds, told.seconds or base.seconds, base.warm_up)
    facts = raw.machine()
    results = measure(told.only, ready(told.contenders), pace, all_of_them=not told.quick)
    if told.keep and RAW.exists():
        results = raw.merged(raw.read(RAW), results)
    raw.write(results, facts, RAW)
    report.write_json(results, JSON)
    tables = (report.cells(results), 2), (report.footprint_cells(results), 1), (report.goal_cells(goals.verdicts(results)), 1)
    for table, texts in tables:
        if len(table) > 1:
            say(f"\n{report.aligned(table, texts)}")
    for fault in results.faults():
        say(f"does not count: {fault}")
    if told.write_docs:
        docs.write(results, facts, ROOT / "docs")
    return int(any(results.errors(of) for of in results.entrants if of.contender in OURS))


if __name__ == "__main__":
    sys.exit(main())
