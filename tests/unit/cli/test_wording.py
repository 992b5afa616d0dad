"""Columns, cuts and foreign text."""

from __future__ import annotations

import pytest

from proxy.cli.wording import columns, cut, printable, room, wrapped


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([], []),
        ([("a", "bb"), ("ccc", "d")], ["a     bb", "ccc   d"]),
        ([("a", "b" * 17)], ["a", "    " + "bbbbbb...bbbbbbb"]),
        ([("a", "b"), ("long-as-the-line", "c" * 9)], ["a   b", "long-as-the-line", "    ccccccccc"]),
        ([("a", "b" * 16), ("c" * 13, "d")], ["a   " + "b" * 16, "c" * 13 + "   d"]),
    ],
)
def test_columns(rows: list[tuple[str, ...]], lines: list[str]) -> None:
    """Cells are aligned where that fits; a last cell that does not fit stands on the next line."""
    assert columns(rows, 20) == lines


@pytest.mark.parametrize(("text", "shown"), [("short", "short"), ("exactly-10", "exactly-10"), ("one-too-lo-", "one...-lo-")])
def test_cut(text: str, shown: str) -> None:
    """Beginning and end of a long text stay."""
    assert cut(text, 10) == shown


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("", [""]),
        ("  a   b", ["  a   b"]),
        ("  a   four five six", ["  a   four five", "   > six"]),
        ("  a   https://a-b.example/long", ["  a   https://a-b", "   > .example/lon", "   > g"]),
    ],
)
def test_wrapped(line: str, lines: list[str]) -> None:
    """A line that is too wide goes on below, with its beginning as it was."""
    assert wrapped(line, 17, "   > ") == lines


@pytest.mark.parametrize(("terminal", "columns", "told"), [(True, "72", 72), (True, "9", 40), (False, "72", 100)])
def test_room(monkeypatch: pytest.MonkeyPatch, terminal: bool, columns: str, told: int) -> None:  # noqa: FBT001  # a table's column
    """The terminal's width where there is one."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    assert room() == told


def test_printable() -> None:
    """Nothing but printable ASCII is left."""
    assert printable("a\x1b[2J\n\x7fé~") == "a?[2J???~"
