"""The two values that everything about tokens turns on: TokenKey and Token.

A TokenKey is cache key, single-flight key and grant input at once, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

TokenState = Literal["empty", "fetching", "fresh", "due", "expired", "cooling_down", "needs_authorization"]


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Whose token: the credential's fingerprint (never a secret) and the subject ("" = the client itself)."""

    fingerprint: str
    subject: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """An access token and its times; compared by identity, so that a late 401 keeps a newer token.

    Args:
        value: the access token itself, %x21-7E only (RFC 6749 A.12 less space).
        obtained_at: monotonic seconds at which its request began.
        expires_at: monotonic seconds.
        due_at: monotonic seconds from which a background refresh runs.
        usable_until: monotonic seconds; after it the token is not sent any more.
        scope: granted scope, or None where the server stated none.
        authorization: the ready `Authorization` value, such as b"Bearer abc".
    """

    value: str = field(repr=False)
    obtained_at: float
    expires_at: float
    due_at: float
    usable_until: float
    scope: tuple[str, ...] | None = None
    authorization: bytes = field(default=b"", repr=False)

    @property
    def lifetime(self) -> float:
        """Seconds from its request to its expiry."""
        return self.expires_at - self.obtained_at
