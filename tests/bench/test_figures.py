"""From what programs say to figures, ratios, verdicts and tables: nothing is invented, and nothing that failed counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench import docs, goals, raw, report, wrk
from tests.bench.results import Of, Results
from tests.bench.rounds import Sample, faults_of
from tests.bench.scenarios import SCENARIOS, heats
from tests.bench.upstream import Served, served

SAID = (
    "Running 1s test @ http://127.0.0.1:1/r0/open\n"
    'BENCH {"requests": 10, "bytes": 12000, "duration_us": 1500000, "p50_us": 70, "p99_us": 900, '
    '"connect": 0, "read": 2, "write": 0, "status": 3, "timeout": 0}\n'
)
ENVOY, BEARERD = Of("get32", "envoy"), Of("get32", "bearerd")


def sample(contender: str = "bearerd", number: int = 1, cpu: float = 30.0, **more: Any) -> Sample:
    plain = Sample(
        scenario="get32",
        contender=contender,
        round=number,
        requests=1000,
        seconds=0.5,
        cpu_us_per_request=cpu,
        p50_us=50.0,
        p99_us=90.0,
        rss_mb=40.0,
        busy=0.5,
        errors=0,
    )
    return replace(plain, **more)


def test_what_wrk_counted_is_read_exactly() -> None:
    """Numbers as they are, and of the errors those that were."""
    assert wrk.counted(SAID) == wrk.Counted(10, 12000, 1.5, 70, 900, {"read": 2, "status": 3})


@pytest.mark.parametrize(
    "said", ["", "unable to connect to 127.0.0.1:1 Connection refused", SAID + SAID], ids=["nothing", "refused", "twice"]
)
def test_what_wrk_did_not_say_is_an_error(said: str) -> None:
    """A load that did not end as it should has no numbers."""
    with pytest.raises(wrk.LoadError):
        wrk.counted(said)


def test_what_differs_takes_turns() -> None:
    """One request is made once; there are as many as shall differ, and at least one for each prefix."""
    assert "request = " not in wrk.script(wrk.Load(), ["/r0"])
    several = wrk.script(wrk.Load(), ["/r0", "/r7"])
    assert '{"/r0/open", "/r7/open"}' in several
    assert "for at = 1, 2 do" in several
    assert "for at = 1, 9 do" in wrk.script(wrk.Load(varied=9), ["/r0", "/r7"])


def test_the_log_of_the_api_is_counted() -> None:
    """Answers that a caller left are none of anybody's faults; all others but 200 are."""
    assert served("200 70 1024\n200 71 1024\n401 60 0\n499 60 0\n") == Served(2, 1, 141, 2048)


GOOD = wrk.Counted(100, 100 * 1200, 1.0, 50, 90, {})
FINE = Served(110, 0, 110 * 11_000, 110 * 1024)


@pytest.mark.parametrize(
    ("counted", "seen", "errors", "fault"),
    [
        (GOOD, FINE, 0, ""),
        (GOOD, None, 0, ""),
        (replace(GOOD, errors={"status": 7}), FINE, 7, "wrk: 7 x status"),
        (replace(GOOD, requests=0), replace(FINE, answers=0), 1, "no answer"),
        (replace(GOOD, bytes=1000), FINE, 1, "the caller read 1000 bytes"),
        (GOOD, replace(FINE, others=4), 4, "the API refused 4"),
        (GOOD, replace(FINE, answers=99), 1, "the API gave 99 answers"),
        (GOOD, replace(FINE, answers=165), 1, "the API gave 165 answers"),
        (GOOD, replace(FINE, body_bytes=5), 1, "the API gave 5 bytes"),
        (GOOD, replace(FINE, request_bytes=5), 1, "the API read 5 bytes"),
    ],
)
def test_both_ends_must_agree(counted: wrk.Counted, seen: Served | None, errors: int, fault: str) -> None:
    """Whatever is missing at either end is a fault, and at least one error."""
    found, faults = faults_of(SCENARIOS["post10k"], counted, seen)
    assert found == errors
    assert any(fault in each for each in faults) if fault else faults == ()


def test_a_ratio_is_taken_within_each_round() -> None:
    """A slow round slows both; the median is of ratios, not the ratio of medians."""
    pairs = [(10, 20), (100, 200), (30, 40)]
    samples = [sample("bearerd", at, mine) for at, (mine, _) in enumerate(pairs)] + [
        sample("envoy", at, theirs) for at, (_, theirs) in enumerate(pairs)
    ]
    results = Results(samples, {})
    assert results.ratio(BEARERD, ENVOY, "cpu_us_per_request") == 0.5
    assert results.median(BEARERD, "cpu_us_per_request") == 30


def test_what_is_added_is_taken_within_each_round() -> None:
    """Latency above the direct call's of the same round."""
    samples = [
        sample(one, at, scenario="half", p50_us=p50)
        for at, pair in enumerate([(5100, 5000), (9900, 9000), (5300, 5000)])
        for one, p50 in zip(("bearerd", "direct"), pair, strict=True)
    ]
    assert goals.Added(Of("half", "bearerd")).of(Results(samples, {})) == 300


def test_a_round_with_a_fault_counts_nowhere() -> None:
    """Its figures are in no median and no ratio; its errors are told."""
    samples = [
        sample("bearerd", 1, 10),
        sample("bearerd", 2, 99, errors=3, faults=("wrk: 3 x read",)),
        sample("envoy", 1, 40),
        sample("envoy", 2, 1),
    ]
    results = Results(samples, {})
    assert results.ratio(BEARERD, ENVOY, "cpu_us_per_request") == 0.25
    assert results.row(BEARERD)["cpu_us_per_request"] == 10
    assert results.row(BEARERD)["errors"] == 3
    assert results.faults() == ["get32: bearerd, round 2: wrk: 3 x read"]


def test_without_a_round_that_counts_there_is_no_figure() -> None:
    """No figure is not zero."""
    results = Results([sample(errors=1, faults=("x",))], {})
    assert results.row(BEARERD) | {"errors": 1} == {
        "scenario": "get32",
        "contender": "bearerd",
        "cpu_us_per_request": None,
        "rps": None,
        "p50_us": None,
        "p99_us": None,
        "rss_mb": None,
        "errors": 1,
    }
    assert results.ratio(BEARERD, ENVOY, "rps") is None


@pytest.mark.parametrize(
    ("measured", "most", "stretch", "outcome"),
    [
        (None, 1.0, 0.5, "not measured"),
        (0.5, 1.0, 0.5, "stretch"),
        (1.0, 1.0, 0.5, "met"),
        (1.01, 1.0, 0.5, "missed"),
        (1.0, 1.0, None, "met"),
        (3.0, None, 2.0, "missed"),
        (3.0, None, None, "no goal"),
    ],
)
def test_a_goal_is_judged_by_its_number(measured: float | None, most: float | None, stretch: float | None, outcome: str) -> None:
    """At most is met, more is missed, nothing is not measured."""
    goal = goals.Goal("x", goals.Footprint("first_s", "s"), most, stretch)
    assert goals.Verdict(goal, measured).outcome == outcome


def test_goals_are_measured_by_what_a_quick_run_measures() -> None:
    """Every goal's entrants are in the table of scenarios, and take part there."""
    assert {of.scenario for of in goals.NEEDED} <= SCENARIOS.keys()
    assert all(SCENARIOS[of.scenario].takes(of.contender) for of in goals.NEEDED)


def test_who_is_compared_over_scenarios_shares_their_rounds() -> None:
    """A ratio of two scenarios is within one heat."""
    for of in (goal.measure.needs for goal in goals.GOALS if goal.measure.needs):
        assert len(heats([each.scenario for each in of])) == 1


def test_bench_json_has_the_listed_scenarios(tmp_path: Path) -> None:
    """Only medians, only of listed scenarios, under the agreed keys."""
    path = tmp_path / "build" / "bench.json"
    report.write_json(Results([sample(), sample(scenario="half")], {}), path)
    (row,) = json.loads(path.read_text())
    assert row == {
        "scenario": "get32",
        "contender": "bearerd",
        "cpu_us_per_request": 30.0,
        "rps": 2000.0,
        "p50_us": 50.0,
        "p99_us": 90.0,
        "rss_mb": 40.0,
        "errors": 0,
    }


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every round, with its faults, comes back."""
    results = Results([sample(), sample("envoy", errors=1, faults=("x", "y"))], {"bearerd": {"idle_mb": 40.5}})
    raw.write(results, {"processor": "one"}, tmp_path / "raw.json")
    again = raw.read(tmp_path / "raw.json")
    assert (again.samples, again.footprint) == (results.samples, results.footprint)


def test_a_later_run_replaces_whole_scenarios() -> None:
    """Rounds of two runs are never paired."""
    earlier = Results([sample(cpu=1), sample("envoy"), sample(scenario="get1")], {"go": {"idle_mb": 1.0}})
    both = raw.merged(earlier, Results([sample(cpu=2)], {}))
    assert [(one.scenario, one.contender, one.cpu_us_per_request) for one in both.samples] == [
        ("get1", "bearerd", 30.0),
        ("get32", "bearerd", 2),
    ]
    assert both.footprint == {"go": {"idle_mb": 1.0}}


def test_only_what_stands_between_marks_is_replaced() -> None:
    """Prose stays; a page without the marks is not written."""
    assert docs.replaced("a\n<!-- t -->\nold\n<!-- /t -->\nz", "t", "new \\1") == "a\n<!-- t -->\nnew \\1\n<!-- /t -->\nz"
    with pytest.raises(ValueError, match="no marks of t"):
        docs.replaced("a\n<!-- t -->\nz", "t", "new")


def test_a_page_says_what_a_contender_cannot() -> None:
    """Who can everything has no line."""

    @dataclass(frozen=True)
    class Limited:
        cannot: dict[str, str]

    limited: Any = {"all": Limited({}), "fixed": Limited({"refresh": "it is fixed", "herd401": "the same"})}
    assert docs.cannot(limited) == "- fixed: `refresh`: it is fixed; `herd401`: the same"


def test_tables_have_a_column_for_all() -> None:
    """Every line has as many cells as its head, in each table."""
    results = Results([sample(), sample("envoy"), sample("go", errors=1, faults=("x",))], {"bearerd": {"idle_mb": 40.5}})
    for table in (
        report.cells(results),
        report.ratio_cells(results),
        report.footprint_cells(results),
        report.goal_cells(goals.verdicts(results)),
    ):
        assert {len(line) for line in table} == {len(table[0])}
        assert len(table) > 1
        assert docs.markdown(table, 1).count("\n") == len(table)


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    """Every part that is written has its marks in docs/benchmarks.md, and once written it is written the same again."""
    page = tmp_path / "benchmarks.md"
    page.write_text((Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8"), encoding="utf-8")
    docs.write_page(Results([sample(), sample("envoy", cpu=40)], {}), {"processor": "one"}, page)
    once = page.read_text(encoding="utf-8")
    assert "| get32: CPU beside envoy | 0.75 x | 0.60 x | 0.75 x | met |" in once
    docs.write_page(Results([sample(), sample("envoy", cpu=40)], {}), {"processor": "one"}, page)
    assert page.read_text(encoding="utf-8") == once
