"""The chart of docs/benchmarks.md: processor time for a call as a ratio to Envoy's, a panel for each scenario.

The same results make the same SVG, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.results import Of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.bench.results import Results

SHOWN = ("get32", "vary32", "get256", "post10k", "big1m", "close")
ABREAST = 3  # panels beside each other
LONGEST = 4.0  # a bar beyond it is cut, and its label says so
OURS, OTHERS = "#1f6f8b", "#b8c4c8"


def bars(results: Results, scenario: str) -> list[tuple[str, float]]:
    """Contender and ratio to Envoy, in the order of the tables; who was not measured is not there."""
    found = [
        (of.contender, results.ratio(of, Of(scenario, "envoy"), "cpu_us_per_request")) for of in results.entrants if of.scenario == scenario
    ]
    return [(name, ratio) for name, ratio in found if ratio is not None]


def draw(results: Results, folder: Path) -> None:
    """benchmarks.svg and benchmarks.png in `folder`; nothing if none of what is shown was measured beside Envoy."""
    from matplotlib import rc_context  # noqa: PLC0415  # only `make bench` installs it
    from matplotlib.figure import Figure  # noqa: PLC0415  # the same

    panels = {name: rows for name in SHOWN if (rows := bars(results, name))}
    if not panels:
        return
    with rc_context({"svg.hashsalt": "bearerd", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}):
        lines = -(-len(panels) // ABREAST)
        figure = Figure(figsize=(3.1 * ABREAST, 2.7 * lines), layout="constrained")
        for at, (name, rows) in enumerate(panels.items()):
            _panel(figure.add_subplot(lines, ABREAST, at + 1), name, rows)
        figure.suptitle("processor time for a call, as a ratio to Envoy's in the same rounds; less is better")
        figure.savefig(folder / "benchmarks.svg", metadata={"Date": None})
        figure.savefig(folder / "benchmarks.png", dpi=150)


def _panel(axes: Axes, name: str, rows: list[tuple[str, float]]) -> None:
    labels, ratios = [row[0] for row in rows], [row[1] for row in rows]
    drawn = axes.barh(
        range(len(rows)),
        [min(ratio, LONGEST) for ratio in ratios],
        color=[OURS if label.startswith("bearerd") else OTHERS for label in labels],
    )
    axes.bar_label(drawn, [f"{ratio:.2f}" + (" (cut)" if ratio > LONGEST else "") for ratio in ratios], padding=3)
    axes.axvline(1, color="#444444", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, min(max(ratios), LONGEST) * 1.35)
    axes.set_xticks([])
    axes.set_title(name)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
