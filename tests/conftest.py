"""What holds for every test: a test whose part is missing is skipped aloud, and never where BEARERD_NO_SKIPS=1.

A skip that nobody reads is a promise that nobody keeps; continuous integration sets the variable.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

NO_SKIPS = os.environ.get("BEARERD_NO_SKIPS") == "1"

Report = pytest.TestReport | pytest.CollectReport

settings.register_profile("any machine", deadline=None)  # a busy one is no fault of what is tested
settings.load_profile("any machine")


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = len(terminalreporter.stats.get("skipped", ()))
    if skipped:
        terminalreporter.section("NOT TESTED", sep="!", red=True)
        terminalreporter.write_line(f"{skipped} skipped: a part is missing on this machine; tests/setup installs what Debian has")
