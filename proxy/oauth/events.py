"""What the token engine reports; metrics and logs implement it.

An event never carries a token or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from proxy.errors import TokenError
    from proxy.oauth.lifetime import Short
    from proxy.oauth.token import TokenState

DiscardReason = Literal["refused"]  # by an API, with a 401


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an alias's token is doing, for metrics, readiness and probe; times are epoch seconds."""

    alias: str
    state: TokenState
    cause: str | None  # the last failure's code, until a fetch succeeds
    key: str | None  # the YAML path that repairs the cause
    cooling_until: float | None
    issued_at: float | None
    expires_at: float | None
    scope: tuple[str, ...] | None
    lifetime: float | None  # seconds


class Events(Protocol):
    """Called synchronously from the event loop; must not block or raise."""

    def token_fetched(self, alias: str, *, seconds: float, error: TokenError | None, lifetime: float | None) -> None:
        """A flight ended; `error` is None for a new token, and `lifetime` then its seconds."""

    def token_waited(self, alias: str) -> None:
        """A caller waits for a flight (started by it or by another)."""

    def token_discarded(self, alias: str, reason: DiscardReason, *, age: float) -> None:
        """A token was dropped `age` seconds after it was obtained."""

    def token_short_lived(self, alias: str, short: Short) -> None:
        """A new token lives shorter than the alias's `lifetime` asks for."""

    def next_secret_used(self, alias: str) -> None:
        """A rotation's next secret was taken where the current one was refused."""

    def token_state(self, alias: str, state: TokenState, *, cause: TokenError | None, until: float | None) -> None:
        """A key's state changed; `cause` is the last failure, `until` the epoch seconds at which a cool-down ends."""


class Fanout:
    """Events that reports to several, in order."""

    def __init__(self, *members: Events) -> None:
        self._members = members

    def token_fetched(self, alias: str, *, seconds: float, error: TokenError | None, lifetime: float | None) -> None:
        for member in self._members:
            member.token_fetched(alias, seconds=seconds, error=error, lifetime=lifetime)

    def token_waited(self, alias: str) -> None:
        for member in self._members:
            member.token_waited(alias)

    def token_discarded(self, alias: str, reason: DiscardReason, *, age: float) -> None:
        for member in self._members:
            member.token_discarded(alias, reason, age=age)

    def token_state(self, alias: str, state: TokenState, *, cause: TokenError | None, until: float | None) -> None:
        for member in self._members:
            member.token_state(alias, state, cause=cause, until=until)

    def token_short_lived(self, alias: str, short: Short) -> None:
        for member in self._members:
            member.token_short_lived(alias, short)

    def next_secret_used(self, alias: str) -> None:
        for member in self._members:
            member.next_secret_used(alias)
