"""When a token endpoint is asked again after a failure.

Pure: failures in a row and a chance in, seconds out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.errors import TokenError

COOL_DOWN = 30.0  # 30 s, 60 s, 2 min, 4 min, 5 min: a refused client that hammers is locked out
COOL_DOWN_CAP = 300.0  # seconds
BACKOFF = 0.5  # up to 0.5 s, 1 s, 2 s, 4 s, 8 s
BACKOFF_CAP = 8.0  # seconds; a healed endpoint is found within 10
_DOUBLINGS = 16  # more change nothing


def pause(error: TokenError, failures: int, chance: float, spent: float) -> float:
    """Seconds without a request after the `failures`-th failure in a row (from 1); `chance` is in [0, 1).

    A refusal doubles from 30 s to 5 min; what may heal by itself backs off with full jitter, counted from the start of the fetch that
    took `spent` seconds: one that hung until its timeout was pause enough. What the endpoint asked for is the least.
    """
    doubled = 2.0 ** min(failures - 1, _DOUBLINGS)
    own = min(COOL_DOWN * doubled, COOL_DOWN_CAP) if error.cool_down else chance * min(BACKOFF * doubled, BACKOFF_CAP) - spent
    return max(own, error.retry_after or 0.0)
