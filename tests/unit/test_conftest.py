"""The rule against silent skips, on a small suite of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = (Path(__file__).parents[1] / "conftest.py").read_text(encoding="utf-8")
SUITE = {
    "test_call": "import pytest\ndef test_x(): pytest.skip('no curl')\n",
    "test_mark": "import pytest\n@pytest.mark.skipif(True, reason='no node')\ndef test_x(): pass\n",
    "test_fixture": "import pytest\n@pytest.fixture\ndef part(): pytest.skip('no javac')\ndef test_x(part): pass\n",
    "test_module": "import pytest\npytest.skip('no promtool', allow_module_level=True)\n",
    "test_xfail": "import pytest\n@pytest.mark.xfail\ndef test_x(): assert False\n",
}


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")
    pytester.makepyfile(**SUITE)
    return pytester


def test_no_way_of_skipping_passes_where_skips_are_forbidden(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With BEARERD_NO_SKIPS=1 a skip in a test fails, by mark, fixture or module is an error, an expected failure stays one."""
    monkeypatch.setenv("BEARERD_NO_SKIPS", "1")
    result = suite.runpytest("--continue-on-collection-errors")
    result.assert_outcomes(failed=1, errors=3, xfailed=1)
    result.stdout.fnmatch_lines_random([f"*{part}*BEARERD_NO_SKIPS=1*" for part in ("curl", "node", "javac", "promtool")])


def test_a_skip_is_loud_elsewhere(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable a skip fails nothing and is said under a heading of its own."""
    monkeypatch.delenv("BEARERD_NO_SKIPS", raising=False)
    result = suite.runpytest()
    result.assert_outcomes(skipped=4, xfailed=1)
    result.stdout.fnmatch_lines(["*NOT TESTED*", "4 skipped:*"])
