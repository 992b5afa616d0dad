"""Whether a failed attempt is sent again: facts in, decision out.

A 403 never is; a 401 at most once; anything else only where a second send can do no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from proxy.dates import http_date

if TYPE_CHECKING:
    from proxy.http.routing import Route
    from proxy.http.wire import ResponseHead

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})  # RFC 9110 §9.2.2
FORBIDDEN = 403  # RFC 9110 §15.5.4: a matter of rights
SERVER_ERROR = 500
RETRY_COSTS = 5  # fifths of a call
MAX_DOUBLINGS = 32  # more is beyond any `max_delay`, and beyond a float in the end
MAX_CHALLENGE = 8 << 10  # characters of a challenge that are read
MAX_TOLD = 200  # characters of a challenge's scope that are told

Failure = Literal["connect", "closed", "closed_reused", "other"]
Scheme = Literal["none", "bearer", "insufficient_scope", "foreign", "unknown"]

_CHALLENGE = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?=\s+[^\s=,]|\s*,|\s*$)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)')  # one without an end reaches to the end, so that no other is sought in it
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What WWW-Authenticate says about the token (RFC 9110 §11.6.1, RFC 6750 §3)."""

    scheme: Scheme
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that is known when an attempt failed.

    Args:
        expired: the answer says that the token is no longer valid (`expired_when`).
        fresh_token: the token was obtained at or after the request's start.
        newer_token: the cache already holds another token than the refused one.
        in_cooldown: the pair of route and alias was refused a new token lately.
        waited: what the answer's Retry-After says, in seconds.
        left: seconds to the route's total deadline.
        fraction: the jitter, 0 to 1.
    """

    method: str
    status: int = 0
    failure: Failure | None = None
    expired: bool = False
    challenge: Challenge = Challenge("none")
    has_token: bool = True
    fresh_token: bool = False
    newer_token: bool = False
    in_cooldown: bool = False
    token_replayed: bool = False
    idempotency_key: bool = False
    replayable: bool = True
    sends: int = 1
    waited: float | None = None
    left: float = 0.0
    budget: bool = True
    fraction: float = 1.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Send again after `wait` seconds, with a new token when `new_token`; `free` ones do not count as attempts."""

    reason: str
    wait: float = 0.0
    new_token: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Relay:
    """Pass the answer on; `reason` says why it was not sent again, `renew` that the token is replaced all the same.

    `remember`: no new fetch for this route and alias for a while.
    """

    reason: str | None = None
    renew: bool = False
    remember: bool = False


RELAY = Relay()
PROVE_AGAIN = Retry("proof_nonce", free=True)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A route's rules for sending again."""

    route: Route

    def may_send_again(self, method: str, *, idempotency_key: bool, has_token: bool) -> bool:
        """Whether a refused token or a failure may have such a request sent twice, so that its body is worth keeping."""
        harmless = self._harmless(method, idempotency_key=idempotency_key)
        mode = self.route.unauthorized
        replays = has_token and (mode == "replay" or (mode == "replay_idempotent" and harmless))
        return replays or (harmless and self._retries)

    def decide(self, attempt: Attempt) -> Retry | Relay:
        """What follows from a failed attempt."""
        if attempt.expired and attempt.has_token:
            return self._after_refusal(attempt)
        if attempt.failure is None and attempt.status == FORBIDDEN:
            told = attempt.has_token and attempt.challenge.scheme == "insufficient_scope"
            return Relay("insufficient_scope") if told else RELAY
        if attempt.failure == "closed_reused" and attempt.replayable and attempt.method in IDEMPOTENT:
            return Retry("stale_connection", free=True)
        return self._after_failure(attempt)

    def _after_refusal(self, attempt: Attempt) -> Retry | Relay:
        """The 401 engine's rules 1 to 5."""
        scheme, mode = attempt.challenge.scheme, self.route.unauthorized
        harmless = self._harmless(attempt.method, idempotency_key=attempt.idempotency_key)
        if scheme == "insufficient_scope":
            return Relay("insufficient_scope")
        if scheme == "foreign" and self.route.expired_when.challenge != "any":
            return Relay("foreign_challenge")
        if attempt.token_replayed or attempt.fresh_token:
            return Relay("new_token_refused", remember=True)
        if mode == "pass":
            return Relay("replay_disabled", renew=not attempt.in_cooldown)
        if attempt.in_cooldown and not attempt.newer_token:
            return Relay("refused_cooldown")
        if (mode == "replay_idempotent" or attempt.status >= SERVER_ERROR) and not harmless:  # behind a 5xx the work may be done
            return Relay("not_idempotent", renew=True)
        if not attempt.replayable:
            return Relay("body_not_replayable", renew=True)
        return Retry("unauthorized", new_token=True, free=True)

    def _after_failure(self, attempt: Attempt) -> Retry | Relay:
        """Rule 6: what may heal by itself."""
        options = self.route.retry
        if attempt.failure == "other" or (attempt.failure is not None and not options.connect_errors):
            return RELAY
        if attempt.failure is None and attempt.status not in options.statuses:
            return RELAY
        if not self.may_send_again(attempt.method, idempotency_key=attempt.idempotency_key, has_token=False):
            return RELAY
        if not attempt.replayable:
            return Relay("body_not_replayable")
        if attempt.sends >= options.attempts:
            return Relay("attempts_spent")
        wait = self._wait(attempt)
        if wait is None:
            return Relay("retry_after_too_long")
        if wait >= attempt.left:
            return Relay("deadline")
        if not attempt.budget:
            return Relay("budget_spent")
        return Retry(attempt.failure or f"status_{attempt.status}", wait)

    @property
    def _retries(self) -> bool:
        options = self.route.retry
        return options.attempts > 1 and options.methods != "none" and (bool(options.statuses) or options.connect_errors)

    def _harmless(self, method: str, *, idempotency_key: bool) -> bool:
        return method in IDEMPOTENT or idempotency_key or self.route.retry.methods == "all"

    def _wait(self, attempt: Attempt) -> float | None:
        """Retry-After where there is one, within its cap; else full jitter over a doubling delay."""
        options = self.route.retry
        if attempt.waited is not None:
            return attempt.waited if attempt.waited <= options.retry_after_cap else None
        doublings = min(attempt.sends - 1, MAX_DOUBLINGS)
        ceiling: float = min(options.max_delay, options.base_delay * 2**doublings)  # 0.2 s, 0.4 s, 0.8 s
        return ceiling * attempt.fraction


class RetryBudget:
    """Retries may be 20 % of the calls: each call deposits a fifth, each retry takes one.

    A reserve of 10 lets a quiet route retry at all; deposits end at 100, so that an old calm pays for no storm.
    """

    __slots__ = ("_balance",)

    def __init__(self) -> None:
        self._balance = 50  # fifths

    def deposit(self) -> None:
        """A call began."""
        if self._balance < 500:  # noqa: PLR2004  # the bound that the class names
            self._balance += 1

    def covers_one(self) -> bool:
        """Whether a retry may be taken."""
        return self._balance >= RETRY_COSTS

    def take(self) -> None:
        """A retry was made."""
        self._balance -= RETRY_COSTS


def parse_retry_after(values: list[bytes], epoch: float) -> float | None:
    """Seconds to wait (RFC 9110 §10.2.3): a number, or a date as seen from `epoch`; None when absent or unreadable."""
    if not values:
        return None
    text = values[0].decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    date = http_date(text)
    return None if date is None else max(0.0, date - epoch)


def read_challenge(head: ResponseHead) -> Challenge:
    """What the WWW-Authenticate fields say, the bearer ones before all others."""
    fields = [value.decode("latin-1") for value in head.values(b"www-authenticate")]
    if not fields:
        return Challenge("none")
    text = ", ".join(fields)[:MAX_CHALLENGE]
    schemes = {name.lower() for name in _CHALLENGE.findall(_without_quoted(text))}
    if schemes & {"bearer", "dpop"}:
        parameters = {found[1].lower(): found[2] or found[3] or "" for found in _PARAMETER.finditer(text)}
        if parameters.get("error", "").lower() == "insufficient_scope":
            return Challenge("insufficient_scope", _printable(parameters.get("scope", "")))
        return Challenge("bearer")
    return Challenge("foreign" if schemes and schemes <= {"basic", "digest", "negotiate", "ntlm"} else "unknown")


def _without_quoted(text: str) -> str:
    return _QUOTED.sub('""', text)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isascii() and character.isprintable() and character not in '";\\')[
        :MAX_TOLD
    ]
