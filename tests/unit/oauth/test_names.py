"""proxy/oauth/names.py: what the names in a credential's templates stand for."""

from __future__ import annotations

import pytest

from proxy.errors import SecretUnavailableError, TokenResponseInvalidError
from proxy.oauth.answer import Path
from proxy.oauth.exchange import TokenResponse
from proxy.oauth.grants import LoginToken, RefreshToken, SecureParameter
from proxy.oauth.names import OwnNames
from proxy.oauth.template import Template
from proxy.oauth.token import TokenKey
from proxy.secrets.sources import Text
from tests.fakes.credentials import SECRET, crm, facts_of, names_of

LOGIN = LoginToken(username="ada", password=Text("pw"), client_id="id", client_secret=SECRET, values={"tenant": Text("t1")})
ANSWER = TokenResponse(
    200,
    {"content-type": "application/json", "x-token": "in a header"},
    b'{"text": "x", "number": 7, "float": 1.5, "yes": true, "no": false, "null": null, "list": ["a"], "data": {"sid": "s", "a.b": "dots"}}',
    ("sid=1; Path=/",),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "id"),
        ("client_secret", SECRET.value),
        ("username", "ada"),
        ("password", "pw"),
        ("values.tenant", "t1"),
        ("env:REGION", "eu"),
        ("subject", "bob"),
        ("random", "unique"),
        ("now:epoch", "1800000000"),
        ("now-1h:%H", "07"),
        ("token", "abc"),
    ],
)
def test_plain(name: str, value: str) -> None:
    """What the credential says, what its secrets are, whose token it is, and what is drawn or read from the clock."""
    assert names_of(LOGIN, variables={"REGION": "eu"}, key=TokenKey("f", "bob")).knowing(token="abc")(name) == value


def test_the_configured_refresh_token() -> None:
    """`${refresh_token}` is the credential's own, and a later one takes its place."""
    names = names_of(RefreshToken(refresh_token=Text("given")))
    assert names("refresh_token") == "given"
    assert names.knowing(refresh_token="rotated")("refresh_token") == "rotated"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "x"),
        ("number", "7"),
        ("float", "1.5"),
        ("yes", "true"),
        ("no", "false"),
        ("list.0", "a"),
        ("data.sid", "s"),
        ("data.a.b", "dots"),
        ("header:X-Token", "in a header"),
        ("cookies", "sid=1"),
    ],
)
def test_answers(name: str, value: str) -> None:
    """A part of an answer, as text; true and false as JSON writes them."""
    names = names_of(LOGIN).hearing("step1", ANSWER, {"own": Path.parse(name)}).hearing("response", ANSWER, {})
    assert {names(f"step1.{name}"), names("step1.own"), names(f"response.{name}")} == {value}


@pytest.mark.parametrize("name", ["absent", "null", "data", "list", "list.1", "text.deeper", "header:X-Absent", "$"])
def test_what_an_answer_lacks(name: str) -> None:
    """What is not there, or is no single value, is told by its path; which answer it was, too."""
    names = names_of(LOGIN).hearing("step1", ANSWER, {}).hearing("response", ANSWER, {})
    for answer, told in (("step1", "the answer of step1 has no"), ("response", "the token endpoint's answer has no")):
        with pytest.raises(TokenResponseInvalidError) as caught:
            names(f"{answer}.{name}")
        assert caught.value.facts == f"{told} {name}"
    with pytest.raises(TokenResponseInvalidError):
        names.hearing("step2", ANSWER, {"own": Path.parse(name)})


BARE = SecureParameter(value=Text("key"))


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (names_of(LOGIN), "values.other"),
        (names_of(LOGIN), "values."),
        (names_of(LOGIN), "env:NAME"),
        (names_of(LOGIN), "NAME"),
        (names_of(LOGIN, variables={"NAME": "x"}), "NAME"),
        (names_of(LOGIN), "assertion"),
        (names_of(LOGIN), "token"),
        (names_of(LOGIN), "step1.sid"),
        (names_of(LOGIN), "response.x"),
        (names_of(LOGIN), "refresh_token"),
        (names_of(LOGIN), "request.path"),
        (names_of(LOGIN), "token_url"),
        (names_of(LOGIN), "lifetime"),
        (names_of(crm()), "username"),
        (names_of(crm()), "password"),
        (names_of(crm(client_secret=None)), "client_secret"),
        (names_of(LoginToken()), "client_id"),
        (names_of(LoginToken()), "username"),
        (OwnNames(BARE, facts_of(BARE)), "client_id"),
        (OwnNames(BARE, facts_of(BARE)), "client_secret"),
        (OwnNames(BARE, facts_of(BARE)), "value"),
    ],
)
def test_what_stands_for_nothing(names: OwnNames, name: str) -> None:
    """A name without a value is an error that says which, never an empty text, and no other option is looked into."""
    with pytest.raises(LookupError) as caught:
        names(name)
    assert caught.value.args == (name,)


def test_in_a_template() -> None:
    """A template is rendered by these names, and what they stand for is not shown."""
    names = names_of(LOGIN).hearing("step1", ANSWER, {"sid": Path.parse("data.sid")})
    assert Template.parse("${base64(${username}:${password})} ${step1.sid}").render(names) == "YWRhOnB3 s"
    assert "pw" not in repr(names)


def test_knowing_changes_nothing() -> None:
    """More names make another value; the first one is as it was."""
    first = names_of(LOGIN)
    first.knowing(token="abc")
    with pytest.raises(LookupError):
        first("token")


def test_secret() -> None:
    """A secret that is needed is there, or its key is named."""
    assert names_of(LOGIN).secret("password") == "pw"
    with pytest.raises(SecretUnavailableError) as caught:
        names_of(LOGIN).secret("private_key")
    assert caught.value.key == "credentials.crm.private_key"


def test_what_stays_with_a_token() -> None:
    """The texts that are named, of every answer and of what was known; nothing else that was heard, and no answer."""
    heard = (
        names_of(LOGIN).hearing("step1", ANSWER, {"sid": Path.parse("data.sid"), "own": Path.parse("text")}).hearing("response", ANSWER, {})
    )
    kept = heard.knowing(assertion="signed", token="refused").landed(
        "abc", {"step1.sid", "step1.cookies", "response.list.0", "response.absent"}
    )
    assert dict(kept.known) == {"token": "abc", "step1.sid": "s", "step1.cookies": "sid=1", "response.list.0": "a"}
    assert {(answer.body, len(answer.headers), answer.cookies) for answer in kept.answers.values()} == {(b"", 0, ())}
    assert (kept("step1.sid"), kept("password"), kept("values.tenant")) == ("s", "pw", "t1")
    for name in ("response.absent", "response.text", "step1.own"):
        with pytest.raises(TokenResponseInvalidError):
            kept(name)
