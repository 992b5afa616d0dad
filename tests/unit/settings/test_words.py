"""Suggestions: the nearest name, other tools' words, what is not in this release."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args, get_origin

import pytest

from proxy.http.routing import Route
from proxy.oauth.client_auth import ClientAuthName
from proxy.oauth.grants import GRANTS
from proxy.settings import words
from proxy.settings.convert import Conversion, fields
from proxy.settings.credentials import grant_struct
from proxy.settings.foreign import CHOICES as CHOICES_OF_OTHERS
from proxy.settings.keys import inner, section
from proxy.settings.model import SettingsFile
from proxy.settings.problems import Findings
from proxy.settings.source import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

ANSWERS = {
    ("", "listners"): "unknown key; did you mean `listeners`?",
    ("", "Listeners"): "unknown key; did you mean `listeners`?",
    ("", "port"): "unknown key; here it is `listeners: [{address: 127.0.0.1:6750}]`",
    ("", "x-shared"): "unknown key; put an anchor where it is used first, and what routes share under `defaults`",
    ("routes[3]", "backend"): "unknown key; here it is `upstream`",
    ("defaults", "verify_ssl"): "unknown key; TLS is always verified; trust your own CA with `tls: {ca: PATH}`",
    ("credentials.a.b", "tokenEndpoint"): "unknown key; here it is `token_url`",
    ("credentials.a.token_response", "token"): "unknown key; here it is `access_token`",
    ("credentials.a.token_placement", "name"): "unknown key; here it is `header`",
    **{
        ("credentials.a.assertion", theirs): f"unknown key; here it is `{ours}`"
        for theirs, ours in {"aud": "audience", "exp": "lifetime", "iss": "issuer", "sub": "subject"}.items()
    },
    ("credentials.a", "xyzzy"): "unknown key; known are credential, listeners",
}


@pytest.mark.parametrize(("where", "text"), ANSWERS.items())
def test_an_unknown_key_is_answered(where: tuple[str, str], text: str) -> None:
    """With our word for it, the nearest one, or all there are."""
    assert words.answer(*where, ["listeners", "credential"]) == text


@pytest.mark.parametrize("word", ["secret", "token", "apiKey"])
def test_the_secret_of_a_static_token_is_its_value(word: str) -> None:
    """Where there is no client whose secret it could be."""
    assert words.answer("credentials.a", word, ["value", "lifetime"]) == "unknown key; here it is `value`"
    assert words.explained("credentials.a", [word], ["value", "lifetime"]) == {"value"}


@pytest.mark.parametrize(("word", "ours"), [("key", "header"), ("name", "header"), ("token", "value")])
def test_a_place_of_a_token_has_words_of_its_own(word: str, ours: str) -> None:
    """Though it has a key `value`, too."""
    assert words.answer("credentials.a.token_placement", word, ["header", "value"]) == f"unknown key; here it is `{ours}`"


CHOICES = {
    "mtls": "tls_client_auth",
    "post": "client_secret_post",
    "body": "client_secret_post",
    "basic": "client_secret_basic",
    "header": "client_secret_basic",
    "jwt": "private_key_jwt",
    "private_key": "private_key_jwt",
}


@pytest.mark.parametrize(("theirs", "ours"), CHOICES.items())
def test_a_choice_of_another_tool_is_answered_with_ours(theirs: str, ours: str) -> None:
    """Though another name is nearer by its letters."""
    methods = get_args(ClientAuthName)

    assert words.wrong_choice("credentials.a.client_auth", theirs, methods).endswith(f"; did you mean {ours}?")
    assert words.wrong_choice("log.format", theirs, ["json", "console"]) == "expected json or console"


def test_what_is_offered_for_another_tool_s_choice_exists() -> None:
    """Every answer is one of ours."""
    assert {ours for theirs in CHOICES_OF_OTHERS["client_auth"].items() for ours in theirs[1:]} <= set(get_args(ClientAuthName))


EXPLAINED: dict[tuple[str, tuple[str, ...]], set[str]] = {
    ("routes[0]", ("backend", "path")): {"upstream", "prefix"},
    ("routes[0]", ("upstrem",)): {"upstream"},
    ("routes[0]", ("prefix",)): set(),
    ("routes[0]", ("retries",)): set(),
    ("routes[0]", ("xyzzy",)): set(),
}


@pytest.mark.parametrize(("where", "keys"), EXPLAINED.items())
def test_the_key_that_was_meant_is_known(where: tuple[str, tuple[str, ...]], keys: set[str]) -> None:
    """A known key that an unknown one stands for; an answer with another key, or with all, explains none."""
    assert words.explained(*where, ["upstream", "prefix"]) == keys


def sections(struct: type[msgspec.Struct]) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """The keys below `struct` that hold a mapping, at every depth, each with its model."""
    for name, field in fields(struct).items():
        kind = inner(field.type)
        kind = get_args(kind)[0] if get_origin(kind) is tuple else kind
        if section(kind):
            yield name, kind
            yield from sections(kind)


SECTIONS = [*sections(SettingsFile), *sections(Route), *(found for name in GRANTS for found in sections(grant_struct(name)))]


@pytest.mark.parametrize(("name", "struct"), SECTIONS)
def test_every_section_has_an_example_that_can_be_written(name: str, struct: type[msgspec.Struct]) -> None:
    """What a message shows in place of a value that is no mapping is right for its key."""
    findings = Findings()
    node = parse(words.section(f"x.{name}[0]").encode(), "f", findings)
    assert node is not None

    assert node.entries
    assert isinstance(Conversion(findings).build(node, struct), struct)
    findings.raise_if_any()


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
