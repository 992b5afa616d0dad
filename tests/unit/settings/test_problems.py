"""Problems: their line, their order, and that none is told twice."""

from __future__ import annotations

import pytest

from proxy.settings.problems import Findings, Place, Problem, SettingsError, join

LINES = {
    "proxy.yaml:14:17: routes[2].credential: no": Problem(Place("proxy.yaml", 14, 17), "routes[2].credential", "no"),
    "proxy.yaml:1:1: no": Problem(Place("proxy.yaml", 1, 1), "", "no"),
    "proxy.yaml: no": Problem(Place("proxy.yaml"), "", "no"),
    "--upstream: no": Problem(None, "--upstream", "no"),
}


@pytest.mark.parametrize(("line", "problem"), LINES.items())
def test_a_problem_is_one_line(line: str, problem: Problem) -> None:
    """file:line:column: key: text, without what there is not."""
    assert str(problem) == line


def test_problems_come_in_order_of_place_and_once() -> None:
    """Files in the order in which they were read, then lines, then columns."""
    findings = Findings()
    findings.reads("b")
    findings.reads("a")
    for place in (Place("a", 1, 1), Place("b", 2, 1), Place("b", 1, 9), Place("b", 1, 2), Place("b", 2, 1)):
        findings.add(place, "k", "no")

    with pytest.raises(SettingsError) as caught:
        findings.raise_if_any()

    assert str(caught.value).splitlines() == ["b:1:2: k: no", "b:1:9: k: no", "b:2:1: k: no", "a:1:1: k: no"]


@pytest.mark.parametrize(("key", "expected"), [("a", True), ("a.b", True), ("a.b.c", False), ("ab", False), ("a[0]", False)])
def test_what_is_known_to_be_wrong_is_found(key: str, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    """A problem under a key makes the key itself doubtful, and no other one."""
    findings = Findings()
    findings.add(Place("f", 1, 1), "a.b", "no")

    assert findings.under("f", key) is expected
    assert not findings.under("g", key)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("b", "a.b"),
        ("x-y_z.1", "a.x-y_z.1"),
        ("b c", "a.'b c'"),
        ("b\nc", r"a.'b\nc'"),
        ("\x1b[1m", r"a.'\x1b[1m'"),
        ("röutes", "a.'röutes'"),
        ("a\u202eb", r"a.'a\u202eb'"),
    ],
)
def test_a_key_never_breaks_the_line(name: str, key: str) -> None:
    """A name with anything but letters, digits and _.- is quoted and escaped."""
    assert join("a", name) == key


def test_a_long_name_is_cut() -> None:
    """A value that became a key by accident is not told in full."""
    assert join("", "x" * 500) == "'" + "x" * 64 + "...'"
