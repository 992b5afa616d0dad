"""Liveness and readiness as values.

A dead authorization server never makes the whole proxy unready: only a question about its alias says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from proxy.admin.view import AdminView, AliasSnapshot
    from proxy.oauth.token import TokenState

Readiness = Literal["ready", "starting", "draining", "no_usable_token"]

USABLE: frozenset[TokenState] = frozenset({"fresh", "due"})
BEST_FIRST: tuple[TokenState, ...] = ("fresh", "due", "fetching", "cooling_down", "needs_authorization", "expired", "empty")


class UnknownAliasError(LookupError):
    """The configuration has no credential of that name."""


def readiness(view: AdminView, asked: Sequence[str], *, now: float) -> tuple[int, dict[str, object]]:
    """Status and body of /readyz; `asked` are the aliases that must have a usable token, `now` epoch seconds.

    Raises:
        UnknownAliasError: its argument is the alias.
    """
    aliases = best_of(view.tokens())
    for alias in asked:
        if alias not in aliases:
            raise UnknownAliasError(alias)
    told: Readiness = "ready"
    if view.draining():
        told = "draining"
    elif not view.ready():
        told = "starting"
    elif any(aliases[alias].state not in USABLE for alias in asked):
        told = "no_usable_token"
    shown = {alias: described(token, now) for alias, token in aliases.items() if not asked or alias in asked}
    facts: dict[str, object] = {"status": told, "config": dict(view.config_detail()), "aliases": shown, "refused": dict(view.refusals())}
    return 200 if told == "ready" else 503, facts


def best_of(tokens: Iterable[AliasSnapshot]) -> Mapping[str, AliasSnapshot]:
    """For each alias the token that serves best, by name."""
    found: dict[str, AliasSnapshot] = {}
    for token in tokens:
        known = found.get(token.alias)
        if known is None or _rank(token) < _rank(known):
            found[token.alias] = token
    return dict(sorted(found.items()))


def described(token: AliasSnapshot, now: float) -> dict[str, object]:
    """A token's state in JSON: `expires_in` in seconds, negative once it is over; `cools_for` until the endpoint is asked again."""
    left = None if token.expires_at is None else round(token.expires_at - now, 3)
    cooling = None if token.cooling_until is None else round(token.cooling_until - now, 3)
    return {"state": token.state, "expires_in": left, "cause": token.cause, "key": token.key, "cools_for": cooling}


def _rank(token: AliasSnapshot) -> tuple[int, float]:
    return BEST_FIRST.index(token.state), -(token.expires_at or 0)
