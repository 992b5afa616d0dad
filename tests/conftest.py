"""What holds for every test: `lanes` marks those that run over both lanes; one whose part is missing is skipped aloud.

A skip that nobody reads is a promise that nobody keeps; continuous integration sets BEARERD_NO_SKIPS=1, and it is a failure.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.fakes.witness import WITNESS

if TYPE_CHECKING:
    from collections.abc import Generator

NO_SKIPS = os.environ.get("BEARERD_NO_SKIPS") == "1"

LANES = "ordinary", "express"  # the ways that a request takes through bearerd

Report = pytest.TestReport | pytest.CollectReport

settings.register_profile("any machine", deadline=None)  # a busy one is no fault of what is tested
settings.load_profile("any machine")


@pytest.fixture
def lane() -> str:
    """The lane that serves a test's requests: both, one after the other, where the test or its file is marked `lanes`."""
    return LANES[0]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks no bearerd for anything has no lane, and runs once."""
    if "lane" in metafunc.fixturenames and metafunc.definition.get_closest_marker("lanes"):
        metafunc.parametrize("lane", LANES)


def _fail_if_skipped(report: Report) -> None:
    if not (NO_SKIPS and report.skipped) or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: {reason} (BEARERD_NO_SKIPS=1: run tests/setup)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where tests run side by side, each process tells what it searched."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["searched"] = dict(WITNESS.searched)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for kind, known in getattr(node, "workeroutput", {}).get("searched", {}).items():
        WITNESS.searched[kind] += known


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was searched for secrets, and how much of it had any to be searched for; and what no test looked at."""
    for kind, known in sorted(WITNESS.searched.items()):
        if kind:
            told = f"{kind}: {len(known)} searched for secrets, {sum(map(bool, known))} of them knew any"
            terminalreporter.write_line(told)
    skipped = len(terminalreporter.stats.get("skipped", ()))
    if skipped:
        terminalreporter.section("NOT TESTED", sep="!", red=True)
        terminalreporter.write_line(f"{skipped} skipped: a part is missing on this machine; tests/setup installs what Debian has")
