"""proxy/oauth/recovery.py: how long an endpoint is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TokenError, TokenInvalidClientError, TokenRateLimitedError, TokenServerError
from proxy.oauth.recovery import BACKOFF_CAP, COOL_DOWN_CAP, pause


@pytest.mark.parametrize(("failures", "wait"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (10_000, 300)])
def test_refusals_cool_down(failures: int, wait: float) -> None:
    """A refused client waits 30 s, doubling to five minutes, without chance."""
    assert pause(TokenInvalidClientError(alias="crm"), failures, 0.1, 0.0) == wait


@pytest.mark.parametrize(("failures", "wait"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (10_000, 8)])
def test_outages_back_off(failures: int, wait: float) -> None:
    """What may heal by itself waits a random part of at most eight seconds."""
    assert pause(TokenServerError(alias="crm"), failures, 1.0, 0.0) == wait
    assert pause(TokenServerError(alias="crm"), failures, 0.25, 0.0) == wait / 4


def test_rate_limit_is_obeyed() -> None:
    """Retry-After is the least that a rate-limited client waits."""
    assert pause(TokenRateLimitedError(alias="crm", retry_after=42), 1, 0.9, 0.0) == 42
    assert pause(TokenRateLimitedError(alias="crm", retry_after=0), 5, 0.5, 0.0) == 4


@pytest.mark.parametrize(("spent", "wait"), [(0.0, 8.0), (2.0, 6.0), (10.0, 0.0)])
def test_time_spent_waiting_counts(spent: float, wait: float) -> None:
    """A fetch that hung has paused already; one that was refused slowly has not cooled down."""
    assert pause(TokenServerError(alias="crm"), 9, 1.0, spent) == wait
    assert pause(TokenInvalidClientError(alias="crm"), 1, 1.0, spent) == 30


@given(failures=st.integers(min_value=1), chance=st.floats(min_value=0, max_value=1))
def test_bounds(failures: int, chance: float) -> None:
    """No number of failures makes a pause endless."""
    assert 0 <= pause(TokenServerError(alias="crm"), failures, chance, 0.0) <= BACKOFF_CAP
    assert 0 < pause(TokenError(alias="crm"), failures, chance, 0.0) <= COOL_DOWN_CAP
