"""proxy/oauth/expiry.py: the many ways in which servers say how long."""

from __future__ import annotations

import base64
import json
import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.expiry import RETRY_AFTER_CAP, expiry, lifetime_of, retry_after
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


@pytest.mark.parametrize(
    ("expires_in", "unit", "lifetime"),
    [
        (3_600_000, "ms", 3600),
        ("3600000", "ms", 3600),
        (86_400_000, "ms", 86_400),
        (10**30, "ms", LONGEST),
        (60, "min", 3600),
        (1.5, "min", 90),
        (10**30, "min", LONGEST),
        (-1, "min", -60),
        (None, "min", 300),
    ],
)
def test_units(expires_in: object, unit: Literal["ms", "min"], lifetime: float) -> None:
    """`expires_in` is taken in the unit that the user names; what stands in for it is in seconds."""
    assert lifetime_of(expires_in, "opaque", epoch=EPOCH, when_missing=300, unit=unit) == lifetime


@pytest.mark.parametrize(
    "value",
    [
        EPOCH + 60,
        int(EPOCH) + 60,
        "1800000060",
        " 1800000060.0 ",
        (int(EPOCH) + 60) * 1000,
        "1800000060000",
        "2027-01-15T08:01:00Z",
        "2027-01-15t08:01:00z",
        "2027-01-15T08:01:00",
        "2027-01-15 08:01:00",
        "2027-01-15 08:01:00 UTC",
        "2027-01-15 09:01:00 +0100",
        "2027-01-15T09:01:00+01:00",
        "2027-01-15T08:01:00.000Z",
        "2027-01-15T08:01:00.0000000Z",
        "20270115T080100Z",
        "Fri, 15 Jan 2027 08:01:00 GMT",
        "Fri, 15 Jan 2027 09:01:00 +0100",
        "/Date(1800000060000)/",
        "/Date(1800000060000+0100)/",
    ],
)
def test_expires_at(value: object) -> None:
    """A moment is read in every form in which servers write it; without a zone it is UTC."""
    assert expiry(value, EPOCH) == pytest.approx(60, abs=1e-3)


def test_expired() -> None:
    """What has ended has less than nothing to live."""
    assert expiry("2027-01-15T07:59:00Z", EPOCH) == -60


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59Z", 9_999_999_999_999, "2099-01-01"])
def test_a_far_end(value: object) -> None:
    """An end beyond a year is a year away."""
    assert expiry(value, EPOCH) == LONGEST


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -1, math.nan, math.inf, 1e13, 10**400, [1800000060], {}),
        *("", "never", "0", "0001-01-01T00:00:00", "20270115080100", "01/15/2027 8:01:00 AM", "2027-13-01T00:00:00Z", "9" * 5000),
        *("Fri, 99 Jan 2027 08:01:00 GMT", "/Date(x)/", "2027-01-15T08:01:00+99:99"),
    ],
)
def test_no_end(value: object) -> None:
    """What is no moment is as good as missing."""
    assert expiry(value, EPOCH) is None


@given(st.text() | st.integers() | st.floats() | st.none() | st.dates().map(str) | st.datetimes().map(str))
def test_any_end(value: object) -> None:
    """Whatever a server says, it is a finite number of seconds up to a year, or nothing."""
    left = expiry(value, EPOCH)
    assert left is None or -math.inf < left <= LONGEST
