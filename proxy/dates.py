"""HTTP dates, in all three forms that a server may write.

Pure and bounded: a longer text than any date is not read, and nothing raises.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST = 64  # characters; the longest form has 33, and reading a text costs more than its length


def http_date(text: str) -> float | None:
    """Epoch seconds of a date (RFC 9110 §5.6.7), in GMT where it names no zone, as asctime's form does; None: unreadable."""
    if len(text) > LONGEST:
        return None
    try:
        when = parsedate_to_datetime(text.strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
