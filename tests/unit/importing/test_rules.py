"""One row at a time: what a rule does with a value, and what a draft makes of addresses and parameters."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.importing.entries import Held, Left
from proxy.importing.rules import Draft, Rule, as_template, as_true, as_words, idle, texts
from proxy.importing.secrecy import KEPT_OUT
from proxy.oauth.template import Template


def _refuse(_value: str) -> object:
    raise ValueError("no such thing here")


RULES: dict[str, tuple[Rule, dict[str, Any], list[Left]]] = {
    "a key": (Rule("a"), {"a": "x y"}, []),
    "a path": (Rule("a.b.c"), {"a": {"b": {"c": "x y"}}}, []),
    "a list": (Rule("a", convert=as_words), {"a": ["x", "y"]}, []),
    "a secret": (Rule("a.b", held="secret"), {"a": {"b": Held("b", "x y")}}, []),
    "no counterpart": (Rule(why="because"), {}, [Left("k", '"x y"', "because")]),
    "no meaning": (idle("because"), {}, [Left("k", '"x y"', "because", matters=False)]),
    "a value without one": (Rule("a", convert=_refuse), {}, [Left("k", '"x y"', "no such thing here")]),
    "a secret without one": (Rule("a", convert=_refuse, held="text"), {}, [Left("k", KEPT_OUT, "no such thing here")]),
}


@pytest.mark.parametrize(("rule", "material", "left"), RULES.values(), ids=RULES)
def test_rules(rule: Rule, material: dict[str, Any], left: list[Left]) -> None:
    """A value goes where its rule says, or stays behind with the reason."""
    draft = Draft("s", "n")
    draft.apply("k", "x y", rule)
    assert (draft.material, draft.left) == (material, left)


def test_the_route() -> None:
    """A path that begins with `route` is the route's."""
    draft = Draft("s", "n")
    draft.apply("k", "x", Rule("route.a.b"))
    assert (draft.entry().route, draft.entry().material) == ({"a": {"b": "x"}}, {})


@pytest.mark.parametrize("text", ["", "plain", "${x}", "$${x}", "a${", "100$"])
def test_text_in_templates(text: str) -> None:
    """Text of theirs means itself where templates are read."""
    assert Template.parse(as_template(text)).render(str) == text


def test_true() -> None:
    """Booleans are read in any case, and nothing else is one."""
    assert (as_true("TRUE"), as_true(" false ")) == (True, False)
    with pytest.raises(ValueError, match="neither"):
        as_true("yes")


def test_secret_values() -> None:
    """A secret within a template is one of the credential's values; two of a name are told apart."""
    draft = Draft("s", "n")
    assert [draft.secret_value(name, "x") for name in ("api-key", "api key", "2nd", "§")] == [
        "${values.api_key}",
        "${values.api_key_2}",
        "${values.v_2nd}",
        "${values.value}",
    ]
    assert draft.material["values"]["api_key_2"] == Held("api_key_2", "x")


def test_texts() -> None:
    """Scalars are texts, nothing is nothing, and the rest stays behind."""
    draft = Draft("s", "n")
    assert texts(draft, {"a": True, "b": 1, "c": None, "d": "", "e": "x", "f": {"g": 1}}) == {"a": "true", "b": "1", "e": "x"}
    assert [left.key for left in draft.left] == ["f"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/t", "http://localhost/t", "https://a.example/t"])
def test_loopback_is_not_in_clear(url: str) -> None:
    """Plain http to this machine needs no leave."""
    draft = Draft("s", "n")
    draft.token_url("u", url)
    assert draft.material == {"token_url": url}
