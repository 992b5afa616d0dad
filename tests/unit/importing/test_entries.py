"""Entries: when they are whole, and that a secret does not show."""

from __future__ import annotations

import pytest

from proxy.importing.entries import Entry, Held, Left


def test_a_secret_does_not_show() -> None:
    """No repr holds the value."""
    assert "hunter2" not in repr(Entry("s", "n", {"client_secret": Held("client_secret", "hunter2")}))


@pytest.mark.parametrize(
    ("left", "blocked", "whole"),
    [
        ((), "", True),
        ((Left("a", "", "b", matters=False),), "", True),
        ((Left("a", "", "b"),), "", False),
        ((), "no client", False),
    ],
)
def test_whole(left: tuple[Left, ...], blocked: str, whole: bool) -> None:  # noqa: FBT001  # a table's column
    """An entry is whole when nothing that matters stayed behind."""
    assert Entry("s", "n", {}, left=left, blocked=blocked).whole is whole
