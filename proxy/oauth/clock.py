"""How far this host's clock is from a server's, by the server's own word.

Pure: a Date header and epoch seconds in, seconds out.
"""

from __future__ import annotations

from proxy.dates import http_date

TOLERATED = 30.0  # seconds; a Date is whole seconds old, and an exchange takes its time


def skew(date: str, epoch: float) -> float | None:
    """Seconds that this host's clock is ahead of the server's Date (RFC 9110 §6.6.1); negative: behind; None: it says nothing."""
    there = http_date(date)
    return None if there is None else epoch - there


def told(seconds: float) -> str:
    """`this host's clock is 95 s ahead of the server's`."""
    return f"this host's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the server's"
