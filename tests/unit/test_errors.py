"""proxy/errors.py: one wording for what happened and what repairs it."""

from __future__ import annotations

import pytest

from proxy.errors import Details, RouteBusyError, TokenInvalidScopeError


@pytest.mark.parametrize(
    ("details", "text"),
    [
        (Details("code", "facts", "routes.r.prefix"), "code; facts; change routes.r.prefix"),
        (Details("code", "facts"), "code; facts; nothing to change"),
        (Details("code", "facts", "routes.r.prefix", end="not retried"), "code; facts; change routes.r.prefix; not retried"),
    ],
)
def test_details_as_text(details: Details, text: str) -> None:
    """Code, facts, what to change, and how it ended."""
    assert str(details) == text


def test_only_an_answer_of_our_own_says_that_nothing_was_sent() -> None:
    """A token that cannot be had may follow an API's 401: the details say it of neither case, the answer's detail of its own."""
    error = TokenInvalidScopeError("it said no", alias="crm")
    assert str(error.details) == "token_invalid_scope; it said no; change credentials.crm.scope"
    assert error.detail == (
        "token_invalid_scope; alias 'crm': it said no; nothing was sent to the API; check: bearerd probe crm; change credentials.crm.scope"
    )


def test_an_answer_without_a_token_error_says_its_details() -> None:
    """And nothing besides."""
    error = RouteBusyError("full", key="routes.r.max_concurrency")
    assert error.detail == str(error) == str(error.details) == "route_busy; full; change routes.r.max_concurrency"
