"""proxy/oauth/progress.py: what is known of keys, and what of it is forgotten."""

from __future__ import annotations

import pytest

from proxy.errors import TokenServerError
from proxy.oauth.progress import PRUNE_FROM, Known, Progress
from proxy.oauth.token import TokenKey

OWN = TokenKey("fingerprint")


def subjects(number: int) -> list[TokenKey]:
    return [TokenKey("fingerprint", str(n)) for n in range(number)]


def test_what_is_known_stays() -> None:
    """The same key has the same progress, whatever its caller presented."""
    known = Known(lambda *_: False)
    assert known.of(OWN) is known.of(TokenKey("fingerprint", "", {"x": "y"}))


@pytest.mark.parametrize(("matter", "kept"), [(0, 2), (10, 12), (PRUNE_FROM - 1, PRUNE_FROM + 1)])
def test_what_does_not_matter_is_forgotten(matter: int, kept: int) -> None:
    """One key over the bound: those that matter stay, the client's own and the new one too."""
    mattering = set(subjects(matter))
    known = Known(lambda key, _: key in mattering)
    for key in (OWN, *subjects(PRUNE_FROM - 1), TokenKey("fingerprint", "new")):
        known.of(key)
    assert (len(known), {OWN, *mattering} <= dict(known.items()).keys()) == (kept, True)


def test_pruning_comes_rarely() -> None:
    """Where all matter, it comes again at twice as many, so that no key costs a walk through all."""
    asked = []
    known = Known(lambda key, _: bool(asked.append(key)) or True)  # type: ignore[func-returns-value]  # append's None makes the expression
    for key in subjects(2 * PRUNE_FROM):
        known.of(key)
    assert len(asked) == PRUNE_FROM


def test_a_failure_is_forgotten() -> None:
    """Cause, count and pause; what else is known stays."""
    progress = Progress(failures=3, cause=TokenServerError("x", alias="crm"), blocked_until=9.0, had_token=True)
    progress.forget_failure()
    assert (progress.failures, progress.cause, progress.blocked_until, progress.had_token) == (0, None, 0.0, True)
