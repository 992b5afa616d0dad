"""When a token is due and until when it is usable.

Pure: monotonic seconds in, monotonic seconds out; due_at <= usable_until <= expires_at for every lifetime.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from proxy.units import Seconds

Ratio = Annotated[float, msgspec.Meta(gt=0, lt=1)]

LONGEST = 365 * 86_400.0  # seconds; what a server states beyond it is cut to it
SPREAD = 0.1  # of the margin, either way: many processes do not refresh at one moment
REMAINING_RATIO = 0.05  # of the lifetime: a 2 s token is usable for 1.9 s
LEAST_MARGIN = 1.5  # times the remaining part: a token is due before it is unusable


class Lifetime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a token is due and until when it is usable; the margin is the smaller of refresh_before and ratio x lifetime."""

    refresh_before: Seconds = Seconds(60)
    refresh_before_ratio: Ratio = 0.2
    min_remaining: Seconds = Seconds(2)  # or 5 % of the lifetime, whichever is smaller
    min_refresh_interval: Seconds = Seconds(1)
    when_missing: Seconds = Seconds(300)
    fixed: Seconds | None = None  # whatever the server says


class Times(NamedTuple):
    """Monotonic seconds."""

    due_at: float
    usable_until: float
    expires_at: float


class Short(NamedTuple):
    """A lifetime that leaves less than the rules ask for: the option that it is under, and what that means."""

    key: str
    facts: str


def short_lived(lifetime: float, rules: Lifetime) -> Short | None:
    """Whether a token of `lifetime` seconds is one that users should know about; None: it is not."""
    if lifetime <= 0:
        return Short(
            "lifetime.fixed", f"the token is over when it comes: it lives {lifetime:g} s, serves those who wait for it and is not kept"
        )
    if lifetime <= rules.min_refresh_interval:
        told = f"the token lives {lifetime:g} s, no longer than min_refresh_interval ({rules.min_refresh_interval:g} s)"
        return Short("lifetime.min_refresh_interval", f"{told}: it is not renewed ahead of its end")
    if lifetime < rules.refresh_before:
        told = f"the token lives {lifetime:g} s, less than refresh_before ({rules.refresh_before:g} s)"
        return Short("lifetime.refresh_before", f"{told}: it is renewed {rules.refresh_before_ratio * lifetime:.3g} s before its end")
    return None


def times(began: float, lifetime: float, rules: Lifetime, jitter: float) -> Times:
    """The times of a token that lives `lifetime` seconds from `began`; `jitter` is in [0, 1).

    A lifetime of zero or less gives a token that is over at once: it serves those who wait for it and is not kept.
    """
    if lifetime <= 0:
        return Times(began, began, began)
    lifetime = min(lifetime, LONGEST)
    remaining = min(rules.min_remaining, REMAINING_RATIO * lifetime)
    margin = min(rules.refresh_before, rules.refresh_before_ratio * lifetime) * (1 - SPREAD + 2 * SPREAD * jitter)
    usable = lifetime - remaining
    due = max(lifetime - max(margin, LEAST_MARGIN * remaining), rules.min_refresh_interval, 0.0)
    return Times(began + min(due, usable), began + usable, began + lifetime)
