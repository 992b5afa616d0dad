"""How long a token lives, and how long to wait, in the many forms in which servers say it.

Whatever stands there becomes a finite number of seconds; nothing raises.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Literal

from proxy.dates import LONGEST as LONGEST_DATE
from proxy.dates import http_date
from proxy.oauth.jwt import jwt_part
from proxy.oauth.lifetime import LONGEST

RETRY_AFTER_CAP = 300.0  # seconds; a longer wait is asked again
LAST_EXP = 1e11  # epoch seconds; beyond it are milliseconds
LAST_EXP_MS = 1e13  # epoch milliseconds; beyond it is a date without its dashes, or a slip
_UNITS = {"s": 1.0, "ms": 0.001, "min": 60.0}
_NET_DATE = re.compile(r"/Date\(([0-9]{1,15})(?:[+-][0-9]{4})?\)/")  # milliseconds, whatever the zone: .NET before ISO 8601
_ZONE = re.compile(r"\s*(?:UTC|GMT|([+-][0-9]{2}:?[0-9]{2}))\Z")  # `... UTC`, `... +0000` stand apart from the time
_MOST = 10**18  # beyond what any unit makes of a year
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")


def lifetime_of(expires_in: object, token: str, *, epoch: float, when_missing: float, unit: Literal["s", "ms", "min"] = "s") -> float:
    """Seconds to live: `expires_in`, else the `exp` of a JWT (read, not trusted further), else `when_missing` seconds.

    At most a year; zero or less stays so. Numeric strings are read (PayPal and others send them). `unit` is that of `expires_in`.
    """
    stated = _number(expires_in)
    stated = None if stated is None else stated * _UNITS[unit]
    if stated is None:
        end = _jwt_exp(token)
        stated = when_missing if end is None else end - epoch
    return min(stated, LONGEST)


def expiry(value: object, epoch: float) -> float | None:
    """Seconds to live of what ends at `value`: epoch seconds or milliseconds, ISO 8601 (else UTC), an HTTP date; None: unreadable.

    At most a year; zero or less where it has ended.
    """
    number = _number(value)
    end = _date(value.strip()) if number is None and isinstance(value, str) else _epoch(number)
    return None if end is None else min(end - epoch, LONGEST)


def retry_after(value: str, epoch: float) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110 §10.2.3: seconds or an HTTP date), capped; None: unreadable."""
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,10}", text):
        return min(float(text), RETRY_AFTER_CAP)
    moment = http_date(text)
    return None if moment is None else min(max(moment - epoch, 0.0), RETRY_AFTER_CAP)


def _epoch(number: float | None) -> float | None:
    """Epoch seconds of a number of seconds or milliseconds."""
    if number is None or not 0 < number < LAST_EXP_MS:
        return None
    return number if number < LAST_EXP else number / 1000


def _date(text: str) -> float | None:
    """Epoch seconds of a date; None: unreadable, or before there were any, as the year 1 that stands for a value never set."""
    if len(text) > LONGEST_DATE:
        return None
    if net := _NET_DATE.fullmatch(text):
        return float(net[1]) / 1000
    try:
        when = datetime.fromisoformat(_ZONE.sub(_joined_zone, text.upper()))
        end = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        end = http_date(text) or 0.0
    return end if end > 0 else None


def _joined_zone(zone: re.Match[str]) -> str:
    return zone[1] or "Z"


def _number(value: object) -> float | None:
    match value:
        case bool():
            return None
        case int():
            return float(max(min(value, _MOST), -1))
        case float() if math.isfinite(value):
            return value
        case str() if _NUMBER.fullmatch(value.strip()):
            return float(value.strip())  # which strips more than float does
        case _:
            return None


def _jwt_exp(token: str) -> float | None:
    """The `exp` claim of a JWT (RFC 7519 §4.1.4), unverified."""
    exp = (jwt_part(token, "claims") or {}).get("exp")
    if isinstance(exp, bool) or not isinstance(exp, int | float) or not 0 < exp < LAST_EXP:
        return None
    return float(exp)
