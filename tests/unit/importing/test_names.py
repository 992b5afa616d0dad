"""Aliases and variables: ours by form, and never the same twice."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.importing.names import Names
from proxy.settings import credentials

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
LONG = "a" * 70


@pytest.mark.parametrize(
    ("names", "aliases"),
    [
        (["Salesforce Prod"], ["Salesforce-Prod"]),
        (["a.b_c-1"], ["a.b_c-1"]),
        (["größe"], ["gr-e"]),
        (["___", "§"], ["imported", "imported-2"]),
        (["none"], ["none-1"]),
        (["a b", "a-b", "A B"], ["a-b", "a-b-2", "A-B-3"]),
        ([LONG, LONG], ["a" * 64, "a" * 62 + "-2"]),
    ],
)
def test_aliases(names: list[str], aliases: list[str]) -> None:
    """A name becomes an alias; one that is taken, in whatever case, is numbered."""
    given_out = Names()
    assert [given_out.alias(name) for name in names] == aliases


def test_variables() -> None:
    """A variable is ALIAS_SECRET; two aliases that would share one do not."""
    names = Names()
    assert [names.variable(alias, "client_secret") for alias in ("a-b", "a.b", "3m")] == [
        "A_B_CLIENT_SECRET",
        "A_B_CLIENT_SECRET_2",
        "_3M_CLIENT_SECRET",
    ]


@settings(deadline=None)
@given(st.lists(st.text(max_size=80), max_size=6))
def test_any_names(names: list[str]) -> None:
    """Whatever the names, settings take the aliases, and no two are one."""
    given_out = Names()
    aliases = [given_out.alias(name) for name in names]
    assert all(credentials._ALIAS.fullmatch(alias) and alias != "none" for alias in aliases)
    assert len({alias.casefold() for alias in aliases}) == len(names)
    variables = [given_out.variable(alias, "x") for alias in aliases]
    assert all(VARIABLE.fullmatch(variable) for variable in variables)
    assert len(set(variables)) == len(names)
