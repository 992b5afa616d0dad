"""The values that everything about tokens turns on: TokenKey, Token, and what a token puts on a call.

A TokenKey is cache key, single-flight key and grant input at once, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TokenState = Literal["empty", "fetching", "fresh", "due", "expired", "cooling_down", "needs_authorization"]
ROUNDING = 1.5  # seconds by which two answers that state one moment in whole seconds may differ
Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Whose token: the credential's fingerprint (never a secret) and the subject ("" = the client itself).

    `presented` is what a caller showed of the subject, by header name in lower case: a grant's input, not a part of the key. `family`
    is the looser fingerprint of what outlives an access token: its refresh token, and the key that both are bound to.
    """

    fingerprint: str
    subject: str = ""
    presented: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    family: str = field(default="", compare=False)

    @property
    def chain(self) -> tuple[str, str]:
        """Whose refresh tokens: each of them follows from the one before."""
        return self.family or self.fingerprint, self.subject


@dataclass(frozen=True, slots=True)
class Send:
    """One send of a request to the API: its method, its absolute URL, query included, and its path as it is sent."""

    method: str
    url: str = field(repr=False)  # its query may hold the token
    path: str = field(default="/", repr=False)


class PerSend(Protocol):
    """What has to be made anew for every send: a DPoP proof (RFC 9449), or a header made of the request."""

    def headers(self, send: Send) -> tuple[Header, ...]:
        """The headers for this send, each replacing what stands under its name."""

    def heard(self, send: Send, status: int, headers: Sequence[Header]) -> bool:
        """Take in what an answer says; whether it asks for the same request once more, made anew."""


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
        headers: the ready headers, such as (b"Authorization", b"Bearer abc").
        query: the ready query parameters, for an API that takes the token there.
        upstream: the base URL that the answer named for the API (Salesforce's instance_url), else None.
        look_up: what a template's names stand for with this token: `response.x`, `values.x`, `token`; LookupError for others.
        per_send: what is made for every send, or None.
        refresh_token: what the next exchange of this key may use, or None.
    """

    value: str = field(repr=False)
    obtained_at: float
    expires_at: float
    due_at: float
    usable_until: float
    scope: tuple[str, ...] | None = None
    headers: tuple[Header, ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    upstream: str | None = None
    look_up: Callable[[str], str] | None = field(default=None, repr=False)
    per_send: PerSend | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)

    def behind(self, before: Token | None) -> Token:
        """This token; one that the server repeats until it ends (Marketo, some UAAs) is due at its end: asking sooner brings nothing."""
        repeated = before is not None and self.value == before.value and self.expires_at <= before.expires_at + ROUNDING
        return replace(self, due_at=self.usable_until) if repeated else self

    @property
    def at_a_glance(self) -> bool:
        """Whether its headers are all it puts on a call, and the call goes where the route says."""
        return not self.query and self.per_send is None and self.upstream is None

    @property
    def lifetime(self) -> float:
        """Seconds from its request to its expiry."""
        return self.expires_at - self.obtained_at
