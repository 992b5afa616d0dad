"""What a rule is told of a credential."""

from __future__ import annotations

import pytest

from proxy.oauth.grants import ClientCredentials
from proxy.oauth.lifetime import Lifetime
from proxy.oauth.template import Template
from proxy.secrets.sources import Command, Env, Text
from proxy.settings.problems import Findings, Place
from proxy.settings.said import UNKNOWN, Said, read
from proxy.settings.source import parse


def said(text: str, **values: object) -> Said:
    node = parse(text.encode(), "f", Findings())
    assert node is not None
    return Said(node, "oauth2_client_credentials", ClientCredentials, dict(values), frozenset({"scope"}))


@pytest.mark.parametrize(("path", "there"), [("a", True), ("a.b", True), ("a.c", False), ("n", False), ("scope", True)])
def test_a_key_is_there(path: str, there: bool) -> None:  # noqa: FBT001  # a case's answer
    """With a value, right or wrong; null is none, and a word that stood for the key is one."""
    assert said("{a: {b: [1]}, n: null}").has(path) is there


def test_a_fault_stands_where_the_key_would() -> None:
    """At the innermost mapping that is there, and named in full."""
    assert said("a: {b: 1}").at("a.b", "x") == (Place("f", 1, 8), "a.b", "x")
    assert said("a: {b: 1}").at("a.c.d", "x") == (Place("f", 1, 4), "a.c.d", "x")


def test_what_is_not_said_has_its_default() -> None:
    """Rules see what holds."""
    assert said("{}").section("lifetime", Lifetime) == Lifetime()
    assert said("{}").client_auth == "client_secret_basic"
    assert (said("{}").text("audience"), said("{}").yes("dpop")) == ("", False)


def test_a_template_is_rendered_as_far_as_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, variables and plain keys are; what a request brings is not."""
    monkeypatch.setenv("REGION", "eu")
    whole = said("{}", values={"t": Text("acme")}, client_id="me")

    text = whole.rendered(Template.parse("${env:REGION}.${values.t}.${client_id}.${step1.x}.${values.u}.${env:UNSET}"))

    assert text == f"eu.acme.me.{UNKNOWN}.{UNKNOWN}.{UNKNOWN}"


def test_a_secret_is_read_where_that_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is run, and a missing variable is somebody else's finding."""
    monkeypatch.delenv("NONE", raising=False)

    assert (read(Text("a")), read(Env("NONE")), read(Command(("false",))), read("a")) == ("a", None, None, None)
