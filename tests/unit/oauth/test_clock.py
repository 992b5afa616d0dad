"""proxy/oauth/clock.py: how far this host's clock is from a server's."""

from __future__ import annotations

import pytest

from proxy.oauth.clock import skew, told

EPOCH = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Fri, 15 Jan 2027 08:00:00 GMT", 0.0),
        (" Fri, 15 Jan 2027 07:58:25 GMT", 95.0),
        ("Fri, 15 Jan 2027 09:00:00 GMT", -3600.0),
        ("Fri Jan 15 07:58:25 2027", 95.0),
        *((wrong, None) for wrong in ("", "soon", "Fri, 99 Jan 2027 08:00:00 GMT", "1800000000")),
    ],
)
def test_skew(date: str, expected: float | None) -> None:
    """Ours less theirs; an unreadable Date says nothing."""
    assert skew(date, EPOCH) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(95.4, "95 s ahead of"), (-3600.0, "3600 s behind")])
def test_told(seconds: float, expected: str) -> None:
    """In words: how much, and which way."""
    assert told(seconds) == f"this host's clock is {expected} the server's"
