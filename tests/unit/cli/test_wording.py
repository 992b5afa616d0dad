"""Columns, cuts and foreign text."""

from __future__ import annotations

import pytest

from proxy.cli.wording import columns, cut, printable


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


def test_printable() -> None:
    """Nothing but printable ASCII is left."""
    assert printable("a\x1b[2J\n\x7fé~") == "a?[2J???~"
