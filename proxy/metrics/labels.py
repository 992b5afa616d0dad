"""The closed lists of label values.

What a caller or a server sends never becomes a label; a word that is not listed counts as `other`.
"""

from __future__ import annotations

import re
from typing import get_args

from proxy.errors import TokenError
from proxy.oauth.events import DiscardReason
from proxy.oauth.token import TokenState

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})  # RFC 9110 §9, RFC 5789
STATES: tuple[TokenState, ...] = get_args(TokenState)
DISCARDS: tuple[DiscardReason, ...] = get_args(DiscardReason)
RELOADS = ("ok", "failed")
OTHER = "other"

SKIPPED = (  # why an answer was passed on instead of being asked for again
    "insufficient_scope",
    "foreign_challenge",
    "new_token_refused",
    "refused_cooldown",
    "replay_disabled",
    "not_idempotent",
    "body_not_replayable",
    "attempts_spent",
    "retry_after_too_long",
    "deadline",
    "budget_spent",
    OTHER,
)
UNAUTHORIZED = (  # what came of an answer that said the token is not valid
    "healed",
    "new_token_refused",
    "refused_cooldown",
    "insufficient_scope",
    "foreign_challenge",
    "replay_disabled",
    "not_idempotent",
    "body_not_replayable",
    "refetch_failed",
    OTHER,
)
RETRIED = (
    "unauthorized",
    "stale_connection",
    "proof_nonce",
    "connect",
    "closed",
    "closed_reused",
    "status_429",
    "status_500",
    "status_502",
    "status_503",
    "status_504",
    OTHER,
)
ANSWERED = tuple((method, status) for method in ("GET", "POST") for status in (200, 401, 502, 503, 504))  # shown as 0 from the start
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds

_RETRIED_STATUS = re.compile(r"status_[45]\d\d", re.ASCII)  # `retry.statuses` may name others than the default's


def known_method(method: str) -> str:
    """The method's label."""
    return method if method in METHODS else OTHER


def known_status(status: int) -> int:
    """The status that counts, 100 to 599; the wire lets nothing else through."""
    return min(max(status, 100), 599)


def known_retry(reason: str) -> str:
    """The label of a retry's reason: listed, or `status_` with an error status."""
    return reason if reason in RETRIED or _RETRIED_STATUS.fullmatch(reason) else OTHER


def token_outcomes() -> tuple[str, ...]:
    """`ok`, and each code that a token request may end with."""
    found, left = set[str](), [TokenError]
    while left:
        kind = left.pop()
        found.add(kind.code)
        left += kind.__subclasses__()
    return "ok", *sorted(found)
