"""proxy/oauth/expiry.py: the many ways in which servers say how long."""

from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.expiry import RETRY_AFTER_CAP, lifetime_of, retry_after
from proxy.oauth.lifetime import LONGEST

EPOCH = 1_800_000_000.0


def jwt(claims: object) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln"


def seconds(expires_in: object, token: str = "opaque") -> float:
    return lifetime_of(expires_in, token, epoch=EPOCH, when_missing=300)


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        (3599.5, 3599.5),
        ("3599.5", 3599.5),
        (0, 0),
        ("0", 0),
        (10**30, LONGEST),
        (int("9" * 400), LONGEST),
        (1e300, LONGEST),
        ("9" * 30, LONGEST),
        (None, 300),
        (True, 300),
        (False, 300),
        ("", 300),
        ("soon", 300),
        ("1_000", 300),
        ("nan", 300),
        ("inf", 300),
        (math.nan, 300),
        (math.inf, 300),
        (-math.inf, 300),
        ([3600], 300),
        ({"s": 1}, 300),
    ],
)
def test_expires_in(expires_in: object, lifetime: float) -> None:
    """Numbers and numeric texts count, at most a year; the rest is as good as missing."""
    assert seconds(expires_in) == lifetime


@pytest.mark.parametrize("expires_in", [-1, "-1", -0.5, -(10**30)])
def test_negative(expires_in: object) -> None:
    """A negative lifetime stays below zero: the token is not kept."""
    assert seconds(expires_in) < 0


@pytest.mark.parametrize(
    ("claims", "lifetime"),
    [
        ({"exp": EPOCH + 900}, 900),
        ({"exp": EPOCH - 900}, -900),
        ({"exp": 10 * EPOCH}, LONGEST),
        ({"exp": True}, 300),
        ({"exp": "soon"}, 300),
        ({"exp": 1000 * EPOCH}, 300),  # milliseconds, where seconds are the rule
        ({"exp": -1}, 300),
        ({}, 300),
        ([], 300),
        (None, 300),
    ],
)
def test_jwt_exp(claims: object, lifetime: float) -> None:
    """Without expires_in the `exp` of a JWT counts."""
    assert seconds(None, jwt(claims)) == lifetime


def test_expires_in_wins() -> None:
    """A readable expires_in is not second-guessed by `exp`."""
    assert seconds(60, jwt({"exp": EPOCH + 900})) == 60


@pytest.mark.parametrize("token", ["a.b", "a.b.c", "a.!!!.c", "a.e30", "..", "e30." + "W" * 10_000 + ".x", "a.b.c.d.e"])
def test_no_jwt(token: str) -> None:
    """A token that only looks like a JWT lives for when_missing."""
    assert seconds(None, token) == 300


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.none())), st.text())
def test_always_a_number(expires_in: object, token: str) -> None:
    """Whatever a server sends becomes a finite number of at most a year."""
    lifetime = seconds(expires_in, token)
    assert math.isfinite(lifetime)
    assert lifetime <= LONGEST


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("86400", RETRY_AFTER_CAP),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Sat, 16 Jan 2027 08:00:00 GMT", RETRY_AFTER_CAP),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("Fri, 99 Jan 2027 08:00:00 GMT", None),
    ],
)
def test_retry_after(value: str, wait: float | None) -> None:
    """Retry-After is seconds or an HTTP date, and at most five minutes."""
    assert retry_after(value, EPOCH) == wait


@given(st.text())
def test_retry_after_never_raises(value: str) -> None:
    """Any text gives a bounded wait or none."""
    wait = retry_after(value, EPOCH)
    assert wait is None or 0 <= wait <= RETRY_AFTER_CAP
