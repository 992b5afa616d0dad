"""Writes what was measured into docs/benchmarks.md, between its marks; the prose around them is a person's.

A mark without its end, or none at all, is an error and nothing is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.bench import chart, raw, report
from tests.bench.contenders.registry import CONTENDERS
from tests.bench.goals import verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.bench.contender import Contender
    from tests.bench.report import Table
    from tests.bench.results import Results


def markdown(table: Table, texts: int) -> str:
    """A table whose first `texts` columns are text, and whose others are numbers."""
    head, *lines = table
    rule = ["---" if at < texts else "---:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in (head, rule, *lines))


def replaced(text: str, name: str, content: str) -> str:
    """`text` with `content` between the marks of `name`.

    Raises:
        ValueError: the marks are not there.
    """
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"no marks of {name}")
    return marked.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def cannot(contenders: Mapping[str, Contender]) -> str:
    """A line for each contender that is missing somewhere, with its own reasons."""
    lines = [(name, [f"`{scenario}`: {why}" for scenario, why in each.cannot.items()]) for name, each in contenders.items()]
    return "\n".join(f"- {name}: {'; '.join(reasons)}" for name, reasons in lines if reasons)


def write_page(results: Results, facts: Mapping[str, str], page: Path) -> None:
    """The page with these numbers between its marks.

    Raises:
        ValueError: it lacks marks; it stays as it is.
    """
    text = page.read_text(encoding="utf-8")
    for name, content in (
        ("goals", markdown(report.goal_cells(verdicts(results)), texts=1)),
        ("ratios", markdown(report.ratio_cells(results), texts=1)),
        ("cannot", cannot(CONTENDERS)),
        ("footprint", markdown(report.footprint_cells(results), texts=1)),
        ("table", markdown(report.cells(results), texts=2)),
        ("faults", "\n".join(f"- {fault}" for fault in results.faults()) or "None."),
        ("machine", markdown([("fact", "value"), *facts.items()], texts=2)),
    ):
        text = replaced(text, name, content)
    page.write_text(text, encoding="utf-8")


def write(results: Results, facts: Mapping[str, str], folder: Path) -> None:
    """benchmarks.md, benchmarks.json with every round, benchmarks.svg and benchmarks.png."""
    write_page(results, facts, folder / "benchmarks.md")
    raw.write(results, facts, folder / "benchmarks.json")
    chart.draw(results, folder)
