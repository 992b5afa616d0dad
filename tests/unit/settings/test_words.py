"""Suggestions: the nearest name, other tools' words, what is not in this release."""

from __future__ import annotations

import pytest

from proxy.settings import words

ANSWERS = {
    ("", "listners"): "unknown key; did you mean `listeners`?",
    ("", "Listeners"): "unknown key; did you mean `listeners`?",
    ("", "port"): "unknown key; here it is `listeners: [{address: 127.0.0.1:6750}]`",
    ("routes[3]", "backend"): "unknown key; here it is `upstream`",
    ("defaults", "verify_ssl"): "unknown key; TLS is always verified; trust your own CA with `tls: {ca: PATH}`",
    ("credentials.a.b", "tokenEndpoint"): "unknown key; here it is `token_url`",
    ("credentials.a", "xyzzy"): "unknown key; known are credential, listeners",
}


@pytest.mark.parametrize(("where", "text"), ANSWERS.items())
def test_an_unknown_key_is_answered(where: tuple[str, str], text: str) -> None:
    """With our word for it, the nearest one, or all there are."""
    assert words.answer(*where, ["listeners", "credential"]) == text


@pytest.mark.parametrize(("shown", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_choices_are_listed(shown: list[str], text: str) -> None:
    """As a sentence says them."""
    assert words.either(shown) == text


def test_a_wrong_value_is_not_quoted() -> None:
    """A secret may stand in the wrong place."""
    assert words.wrong_choice("log.level", "hunter2", ["info", "debug"]) == "expected info or debug"


def test_an_unknown_alias_is_answered_with_the_nearest() -> None:
    """And with where that one stands."""
    assert words.no_such_alias("crn", {"crm": "m.yaml:3", "erp": "m.yaml:9"}) == "no credential 'crn'; did you mean 'crm' (m.yaml:3)?"
