"""proxy/oauth/lifetime.py: when a token is due, unusable, expired."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.lifetime import LONGEST, Lifetime, short_lived, times
from proxy.units import Seconds

SECONDS = st.floats(min_value=0, max_value=10_000, allow_nan=False).map(Seconds)
RULES = st.builds(
    Lifetime,
    refresh_before=SECONDS,
    refresh_before_ratio=st.floats(min_value=0.001, max_value=0.999),
    min_remaining=SECONDS,
    min_refresh_interval=SECONDS,
)
JITTER = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.parametrize(
    ("lifetime", "due", "usable", "expires"),
    [
        (3600, 3540, 3598, 3600),  # 60 s before the end
        (300, 240, 298, 300),  # the ratio and the absolute margin meet
        (30, 24, 28.5, 30),  # a fifth of it
        (2, 1.6, 1.9, 2),
        (1, 0.95, 0.95, 1),  # min_refresh_interval lets nothing be refreshed ahead
        (0.5, 0.475, 0.475, 0.5),
        (10 * LONGEST, LONGEST - 60, LONGEST - 2, LONGEST),
        (0, 0, 0, 0),
        (-5, 0, 0, 0),
    ],
)
def test_times(lifetime: float, due: float, usable: float, expires: float) -> None:
    """The default margins on lifetimes from none to over a year."""
    assert times(1000, lifetime, Lifetime(), 0.5) == pytest.approx((1000 + due, 1000 + usable, 1000 + expires))


@pytest.mark.parametrize(("jitter", "due"), [(0.0, 3546), (0.5, 3540), (0.999999, 3534)])
def test_margin_is_spread_by_a_tenth(jitter: float, due: float) -> None:
    """Chance moves the margin by a tenth of itself, either way."""
    assert times(0, 3600, Lifetime(), jitter).due_at == pytest.approx(due, abs=0.001)


def test_min_refresh_interval() -> None:
    """A token is not due before min_refresh_interval, however large the margin."""
    rules = Lifetime(refresh_before_ratio=0.9, min_refresh_interval=Seconds(5))
    assert times(0, 10, rules, 0.5).due_at == 5


@given(lifetime=st.floats(min_value=-10, max_value=1e12), rules=RULES, jitter=JITTER)
def test_order_for_all_rules(lifetime: float, rules: Lifetime, jitter: float) -> None:
    """Whatever the rules, a token is due no later than it is unusable, and unusable no later than it expires."""
    due, usable, expires = times(1000, lifetime, rules, jitter)
    assert 1000 <= due <= usable <= expires <= 1000 + LONGEST


@given(lifetime=st.floats(min_value=2, max_value=1e9), jitter=JITTER, before=st.floats(min_value=1, max_value=1e6).map(Seconds))
def test_due_comes_first(lifetime: float, jitter: float, before: Seconds) -> None:
    """From two seconds on there is time to refresh ahead: due_at < usable_until < expires_at."""
    due, usable, expires = times(1000, lifetime, Lifetime(refresh_before=before), jitter)
    assert due < usable < expires


@pytest.mark.parametrize(
    ("lifetime", "key", "told"),
    [
        (-5, "lifetime.fixed", "it lives -5 s"),
        (0, "lifetime.fixed", "is not kept"),
        (1, "lifetime.min_refresh_interval", "lives 1 s, no longer than min_refresh_interval (1 s)"),
        (30, "lifetime.refresh_before", "lives 30 s, less than refresh_before (60 s): it is renewed 6 s before its end"),
        (60, None, ""),
        (3600, None, ""),
    ],
)
def test_a_short_life_is_told(lifetime: float, key: str | None, told: str) -> None:
    """The option that it is under, and what that means."""
    short = short_lived(lifetime, Lifetime())
    assert (short and short.key) == key
    assert told in (short.facts if short else "")
