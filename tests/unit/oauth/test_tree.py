"""proxy/oauth/tree.py: YAML values whose texts are templates."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.template import Template
from proxy.oauth.tree import MAX_DEPTH, Tree
from proxy.secrets.sources import parse as secret

KNOWN = {"username": "u", "password": "p", "values.a": "A"}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["", "a", "é $ {b}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def rendered(value: object) -> object:
    return Tree.parse(value).render(KNOWN.__getitem__, lambda place: place.read())


def test_texts_are_templates() -> None:
    """The texts among the values are rendered, at every depth; the names of a mapping are not."""
    said = {"auth": {"user": "${username}", "${x": ["-${password}-", 5]}}
    assert rendered(said) == {"auth": {"user": "u", "${x": ["-p-", 5]}}


@pytest.mark.parametrize("value", [5, 5.5, True, False, None, "text", [], {}])
def test_values_keep_their_type(value: object) -> None:
    """A number stays a number, true stays true, null stays null."""
    found = rendered(value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["s3cret", object()], "put dates in quotes"),
        ({5: "s3cret"}, "expected text, a number"),
        ({"a": b"s3cret"}, "expected text, a number"),
        ([math.nan], "expected a finite number"),
        ([math.inf], "expected a finite number"),
        (["s3cret${nobody}"], r"\$\{nobody\} is no name"),
    ],
)
def test_refused(value: object, said: str) -> None:
    """What no token request can hold is refused, without showing it."""
    with pytest.raises(ValueError, match=said) as caught:
        Tree.parse(value)
    assert "s3cret" not in str(caught.value)


def nested(depth: int) -> object:
    value: object = "a"
    for _ in range(depth):
        value = [value]
    return value


def test_depth() -> None:
    """A tree is as deep as the bound says, and no deeper."""
    assert rendered(nested(MAX_DEPTH - 1)) == nested(MAX_DEPTH - 1)
    with pytest.raises(ValueError, match="more than 32 deep"):
        Tree.parse(nested(MAX_DEPTH))


def test_names_and_fold() -> None:
    """Names are those of every text; what is known early becomes text."""
    tree = Tree.parse({"a": ["${values.a}", "${username}"], "b": 1})
    assert tree.names == {"values.a", "username"}
    assert tree.fold({"values.a": "A${"}).source == {"a": ["A$${", "${username}"], "b": 1}


def test_secrets() -> None:
    """A secret is a leaf that is read when rendered; neither source nor repr has its value."""
    place = secret("s3cret")
    tree = Tree.parse({"key": place, "all": [Template.parse("${username}"), place]})
    assert tree.secrets == (place, place)
    assert tree.render(KNOWN.__getitem__, lambda place: place.read()) == {"key": "s3cret", "all": ["u", "s3cret"]}
    assert "s3cret" not in repr(tree) + repr(tree.source) + repr(tree.fold(KNOWN))
    assert tree.fold(KNOWN).secrets == (place, place)


def test_repr() -> None:
    """Text may be a secret: repr has the names alone."""
    assert repr(Tree.parse(["s3cret", "${username}", "${password}s3cret"])) == "Tree(password, username)"


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ("1", 1), ([1], [True]), ([], {}), (None, "")])
def test_what_is_not_equal(one: object, other: object) -> None:
    """Values that a request writes differently are different trees."""
    assert Tree.parse(one) != Tree.parse(other)


@given(PLAIN)
def test_round_trip(value: object) -> None:
    """Plain values without references come back as they were, and make equal, hashable trees."""
    tree = Tree.parse(value)
    assert rendered(value) == value
    assert tree == Tree.parse(tree.source)
    assert {tree} == {Tree.parse(value)}
