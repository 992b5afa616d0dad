"""What a run says: tables for the console, and bench.json.

The same cells go into the documentation, so that both say the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.bench.results import Of
from tests.bench.scenarios import SCENARIOS
from tests.bench.stage import DIRECT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.goals import Verdict
    from tests.bench.results import Results

Table = list[tuple[str, ...]]

HEAD = ("scenario", "contender", "us/request", "x envoy", "x go", "x nginx", "requests/s", "p50 us", "p99 us", "RSS MiB", "core", "errors")
FOOTPRINT = {
    "first_s": ("first 200, s", 2),
    "started_mb": ("RSS at the start", 1),
    "idle_mb": ("RSS after 100 calls", 1),
    "up_mib": ("growth: 1 GiB up", 1),
    "down_mib": ("down", 1),
    "slow_mib": ("slow reader", 1),
}  # MiB where nothing else is said
GOALS_HEAD = ("goal", "at most", "stretch", "measured", "")


def number(value: float | None, digits: int = 0) -> str:
    """A number as text; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def cells(results: Results) -> Table:
    """A line for each entrant."""
    lines: Table = [HEAD]
    for of in results.entrants:
        others = [Of(of.scenario, other) for other in ("envoy", "go", "nginx")]
        ratios = [None if of.contender == DIRECT else results.ratio(of, other, "cpu_us_per_request") for other in others]
        busy = results.median(of, "busy")
        lines.append(
            (
                of.scenario,
                of.contender,
                number(results.median(of, "cpu_us_per_request"), 1),
                *(number(ratio, 2) for ratio in ratios),
                number(results.median(of, "rps")),
                number(results.median(of, "p50_us")),
                number(results.median(of, "p99_us")),
                number(results.median(of, "rss_mb")),
                "-" if busy is None else f"{busy:.0%}",
                str(results.errors(of)),
            )
        )
    return lines


def ratio_cells(results: Results) -> Table:
    """A line for each scenario, a column for each contender: processor time for a call, as a ratio to Envoy's."""
    scenarios = list(dict.fromkeys(of.scenario for of in results.entrants if of.contender == "envoy"))
    contenders = list(dict.fromkeys(of.contender for of in results.entrants if of.contender != DIRECT))
    lines: Table = [("scenario", *contenders, "envoy, us")]
    for name in scenarios:
        envoy = Of(name, "envoy")
        ratios = [results.ratio(Of(name, contender), envoy, "cpu_us_per_request") for contender in contenders]
        lines.append((name, *(number(ratio, 2) for ratio in ratios), number(results.median(envoy, "cpu_us_per_request"), 1)))
    return lines


def footprint_cells(results: Results) -> Table:
    """A line for each contender whose footprint was measured."""
    head = ("contender", *(says for says, _ in FOOTPRINT.values()))
    return [
        head,
        *((name, *(number(found.get(key), digits) for key, (_, digits) in FOOTPRINT.items())) for name, found in results.footprint.items()),
    ]


def goal_cells(verdicts: Sequence[Verdict]) -> Table:
    """A line for each goal that was measured."""
    return [GOALS_HEAD, *(verdict.cells() for verdict in verdicts if verdict.measured is not None)]


def aligned(table: Table, texts: int) -> str:
    """Columns for the console: the first `texts` to the left, the others to the right."""
    widths = [max(len(line[at]) for line in table) for at in range(len(table[0]))]
    lines = [
        "  ".join(cell.ljust(width) if at < texts else cell.rjust(width) for at, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in table
    ]
    return "\n".join(line.rstrip() for line in lines)


def write_json(results: Results, path: Path) -> None:
    """bench.json: the medians of every listed scenario's entrants."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [results.row(of) for of in results.entrants if SCENARIOS[of.scenario].listed]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
