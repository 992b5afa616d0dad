"""How long a token lives, and how long to wait, in the many forms in which servers say it.

Whatever stands there becomes a finite number of seconds; nothing raises.
"""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime

from proxy.oauth.jwt import jwt_part
from proxy.oauth.lifetime import LONGEST

RETRY_AFTER_CAP = 300.0  # seconds; a longer wait is asked again
LAST_EXP = 1e11  # epoch seconds; beyond it are milliseconds
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")


def lifetime_of(expires_in: object, token: str, *, epoch: float, when_missing: float) -> float:
    """Seconds to live: `expires_in`, else the `exp` of a JWT (read, not trusted further), else `when_missing`.

    At most a year; zero or less stays so. Numeric strings are read (PayPal and others send them).
    """
    stated = _seconds(expires_in)
    if stated is None:
        expiry = _jwt_exp(token)
        stated = when_missing if expiry is None else expiry - epoch
    return min(stated, LONGEST)


def retry_after(value: str, epoch: float) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110 §10.2.3: seconds or an HTTP date), capped; None: unreadable."""
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,10}", text):
        return min(float(text), RETRY_AFTER_CAP)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(moment - epoch, 0.0), RETRY_AFTER_CAP)


def _seconds(value: object) -> float | None:
    match value:
        case bool():
            return None
        case int():
            return float(max(min(value, int(LONGEST)), -1))
        case float() if math.isfinite(value):
            return value
        case str() if _NUMBER.fullmatch(value.strip()):
            return float(value)
        case _:
            return None


def _jwt_exp(token: str) -> float | None:
    """The `exp` claim of a JWT (RFC 7519 §4.1.4), unverified."""
    exp = (jwt_part(token, "claims") or {}).get("exp")
    if isinstance(exp, bool) or not isinstance(exp, int | float) or not 0 < exp < LAST_EXP:
        return None
    return float(exp)
