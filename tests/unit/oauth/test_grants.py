"""proxy/oauth/grants.py: what each grant says to a token endpoint, and what comes of the answers."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest

from proxy import errors
from proxy.oauth.answer import Path
from proxy.oauth.exchange import Resource, Scope, TokenResponse
from proxy.oauth.grants import (
    ACCESS_TOKEN,
    GRANTS,
    JWT_BEARER,
    SAML2_BEARER,
    TOKEN_EXCHANGE,
    ClientCredentials,
    ExchangedToken,
    JWTBearer,
    LoginToken,
    Password,
    RefreshToken,
    SAMLBearer,
    SecureParameter,
    TokenExchange,
    UserCredentials,
)
from proxy.oauth.lifetime import Lifetime
from proxy.oauth.options import (
    Assertion,
    Param,
    Refresh,
    RequestOptions,
    Step,
    TokenPlacement,
    TokenRequestOptions,
    TokenResponseOptions,
)
from proxy.oauth.template import Template
from proxy.oauth.token import TokenKey
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Text
from proxy.units import Seconds
from tests.fakes.credentials import URL, answer, run, said

if TYPE_CHECKING:
    from collections.abc import Mapping

GOOD: Mapping[str, object] = {"access_token": "abc", "token_type": "Bearer", "expires_in": 60}
WHERE: Mapping[str, Any] = {"token_url": Template.parse(URL), "client_id": "id", "client_auth": "none"}
ASKED: Mapping[str, Any] = {"scope": Scope(("api", "read")), "audience": "https://api.test", "resource": Resource(("urn:a", "urn:b"))}
SAID = [("scope", "api read"), ("audience", "https://api.test"), ("resource", "urn:a"), ("resource", "urn:b")]
ADA: Mapping[str, Any] = {**WHERE, "username": "ada", "password": Text("pw")}
PRESENTED = TokenKey("f", "ada", {"authorization": "Bearer callers", "x-user-token": "bare"})


REFUSED = answer({"error": "invalid_grant"}, 400)


def test_registry() -> None:
    """Each grant stands under the name that YAML uses."""
    assert {name: grant.__name__ for name, grant in GRANTS.items()} == {
        "oauth2_client_credentials": "ClientCredentials",
        "oauth2_password": "Password",
        "oauth2_refresh_token": "RefreshToken",
        "oauth2_jwt_bearer": "JWTBearer",
        "oauth2_saml_bearer": "SAMLBearer",
        "oauth2_token_exchange": "TokenExchange",
        "login_token": "LoginToken",
        "user_credentials": "UserCredentials",
        "secure_parameter": "SecureParameter",
    }


@pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS)
def test_unknown_option_is_refused(grant: type[Any]) -> None:
    """A field that a grant does not have is an error, not ignored; a value never changes."""
    assert grant.__struct_config__.forbid_unknown_fields
    assert grant.__struct_config__.frozen


REQUESTS: Mapping[str, tuple[Any, list[tuple[str, str]]]] = {
    "client credentials (RFC 6749 §4.4.2)": (ClientCredentials(**WHERE, **ASKED), [("grant_type", "client_credentials")]),
    "password (§4.3.2)": (Password(**ADA, **ASKED), [("grant_type", "password"), ("username", "ada"), ("password", "pw")]),
    "refresh token (§6)": (
        RefreshToken(**WHERE, **ASKED, refresh_token=Text("r0")),
        [("grant_type", "refresh_token"), ("refresh_token", "r0")],
    ),
    "JWT bearer, another alias's token (RFC 7523 §2.1)": (
        JWTBearer(**WHERE, **ASKED, assertion=Assertion(from_="login")),
        [("grant_type", JWT_BEARER), ("assertion", "t1")],
    ),
    "JWT bearer, the caller's": (
        JWTBearer(**WHERE, **ASKED, assertion=Assertion(header="Authorization")),
        [("grant_type", JWT_BEARER), ("assertion", "callers")],
    ),
    "token exchange (RFC 8693 §2.1)": (
        TokenExchange(**WHERE, **ASKED, subject_token=ExchangedToken(from_="login")),
        [("grant_type", TOKEN_EXCHANGE), ("subject_token", "t1"), ("subject_token_type", ACCESS_TOKEN)],
    ),
    "token exchange with an actor": (
        TokenExchange(
            **WHERE,
            **ASKED,
            subject_token=ExchangedToken(header="X-User-Token", type="urn:ietf:params:oauth:token-type:jwt"),
            actor_token=ExchangedToken(from_="machine"),
            requested_token_type="urn:ietf:params:oauth:token-type:saml2",
        ),
        [
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", "bare"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("actor_token", "t2"),
            ("actor_token_type", ACCESS_TOKEN),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:saml2"),
        ],
    ),
}


@pytest.mark.parametrize(("grant", "own"), REQUESTS.values(), ids=REQUESTS)
def test_request(grant: Any, own: list[tuple[str, str]]) -> None:
    """A grant says its own parameters, what the token is for, and the client's name: nothing else, and none of it twice."""
    sent = said(grant, tokens={"login": "t1", "machine": "t2"}, key=PRESENTED)
    assert sorted(sent) == sorted([*own, *SAID, ("client_id", "id")])


@pytest.mark.parametrize(("grant", "own"), REQUESTS.values(), ids=REQUESTS)
def test_nothing_unasked_is_sent(grant: Any, own: list[tuple[str, str]]) -> None:
    """Scope, audience and resource are sent only if they are given."""
    plain = msgspec.structs.replace(grant, scope=Scope(), audience=None, resource=Resource())
    assert sorted(said(plain, tokens={"login": "t1", "machine": "t2"}, key=PRESENTED)) == sorted([*own, ("client_id", "id")])


@pytest.mark.parametrize(("grant", "own"), REQUESTS.values(), ids=REQUESTS)
def test_another_grant_type(grant: Any, own: list[tuple[str, str]]) -> None:
    """`grant_type` takes the place of the value sent, for every grant."""
    other = msgspec.structs.replace(grant, grant_type="http://vendor.test/realm")
    sent = said(other, tokens={"login": "t1", "machine": "t2"}, key=PRESENTED)
    assert [value for name, value in sent if name == "grant_type"] == ["http://vendor.test/realm"]
    assert len(sent) == len([*own, *SAID, ("client_id", "id")])


def test_signed_jwt(pems: dict[str, str]) -> None:
    """JWT bearer without another's token signs its own: client_id and token_url are what it says where nothing else is said."""
    grant = JWTBearer(**WHERE, private_key=Text(pems["P-256"]), assertion=Assertion(subject=Template.parse("ada@${client_id}")))
    sent = dict(said(grant))
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in sent["assertion"].split(".")[:2])
    assert (sent["grant_type"], header["alg"]) == (JWT_BEARER, "ES256")
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("id", "ada@id", URL)


def test_signed_saml(pems: dict[str, str], certificate: str) -> None:
    """SAML bearer sends a signed assertion in base64url (RFC 7522 §2.1)."""
    grant = SAMLBearer(**WHERE, private_key=Text(pems["RSA"]), certificate=Text(certificate))
    sent = dict(said(grant))
    assert sent["grant_type"] == SAML2_BEARER
    assert b"<saml" in base64.urlsafe_b64decode(sent["assertion"] + "==")


@pytest.mark.parametrize(("grant", "own"), REQUESTS.values(), ids=REQUESTS)
def test_one_answer_is_the_end(grant: Any, own: list[tuple[str, str]]) -> None:
    """The answer ends the exchange with its token, and a refusal with its cause."""
    known = {"tokens": {"login": "t1", "machine": "t2"}, "key": PRESENTED}
    done = run(grant, answer(GOOD), **known)
    assert done.token is not None
    assert (len(done.requests), done.token.headers) == (1, ((b"Authorization", b"Bearer abc"),))
    assert isinstance(run(grant, REFUSED, **known).error, errors.TokenInvalidGrantError), own


def login(**options: Any) -> LoginToken:
    """A session in two steps, each with what the one before answered."""
    return LoginToken(
        **{
            "token_url": Template.parse("https://${step2.host}/token"),
            "username": "ada",
            "password": Text("pw"),
            "steps": (
                Step(
                    token_url=Template.parse("https://login.test/session"),
                    token_request=RequestOptions(content_type="json", body=Tree.parse({"user": "${username}", "pass": "${password}"})),
                    values={"sid": Path.parse("data.sid")},
                ),
                Step(token_url=Template.parse("https://login.test/host?sid=${step1.sid}"), token_request=RequestOptions(method="GET")),
            ),
            "token_request": TokenRequestOptions(params=(Param(key="X-Session", value=Tree.parse("${step1.data.sid}"), in_="header"),)),
            "token_response": TokenResponseOptions(access_token=Path.parse("header:X-Token")),
            "token_placement": TokenPlacement(header="X-Auth"),
            **options,
        }
    )


def test_login_in_steps() -> None:
    """Each call may hold what earlier answers held, by a step's names or by paths; the token may stand in a header."""
    done = run(login(), answer({"data": {"sid": "s1"}}), answer({"host": "eu.test"}), answer(b"", headers={"x-token": "abc"}))
    first, second, third = done.requests
    assert (first.url, json.loads(first.body)) == ("https://login.test/session", {"user": "ada", "pass": "pw"})
    assert (second.method, second.url, second.body) == ("GET", "https://login.test/host?sid=s1", b"")
    assert (third.url, third.headers["X-Session"]) == ("https://eu.test/token", "s1")
    assert done.token is not None
    assert done.token.headers == ((b"X-Auth", b"abc"),)
    assert all("Authorization" not in request.headers for request in done.requests)


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (answer({"error": "invalid_grant"}, 400), errors.TokenInvalidGrantError),
        (answer({"error": "wrong password"}), errors.TokenRefusedError),
        (answer({"ok": False}), errors.TokenRefusedError),
        (answer({"data": {}}), errors.TokenResponseInvalidError),
        (answer({"data": {"sid": {"a": 1}}}), errors.TokenResponseInvalidError),
        (answer(b"<html>"), errors.TokenResponseInvalidError),
        (answer({}, 503), errors.TokenServerError),
    ],
)
def test_a_step_that_fails(answered: TokenResponse, kind: type[errors.TokenError]) -> None:
    """A refused step, or one whose answer lacks what is read from it, is the end."""
    done = run(login(), answered)
    assert type(done.error) is kind
    assert len(done.requests) == 1


def test_a_login_s_token_type_is_not_looked_at() -> None:
    """A vendor's own login has token types of its own, when it is refreshed too."""
    grant = LoginToken(**ADA, refresh=Refresh())
    for known in ({}, {"refresh_token": "r1"}):
        done = run(grant, answer({**GOOD, "token_type": "session"}), **known)
        assert done.token is not None


def test_a_login_s_grant_type() -> None:
    """A login says a grant type only where the credential says one, and a scope in the same way."""
    assert said(LoginToken(**WHERE)) == [("client_id", "id")]
    assert said(LoginToken(**WHERE, grant_type="login", scope=Scope(("a",)), scope_separator=",")) == [
        ("grant_type", "login"),
        ("scope", "a"),
        ("client_id", "id"),
    ]


def test_a_login_with_an_assertion(pems: dict[str, str]) -> None:
    """`${assertion}` in a login is a JWT of its own, or what another alias has."""
    body = TokenRequestOptions(content_type="json", body=Tree.parse({"jwt": "${assertion}"}))
    own = LoginToken(**WHERE, private_key=Text(pems["P-256"]), token_request=body)
    taken = LoginToken(**WHERE, assertion=Assertion(from_="login"), token_request=body)
    assert json.loads(run(own, answer(GOOD)).requests[0].body)["jwt"].count(".") == 2
    assert json.loads(run(taken, answer(GOOD), tokens={"login": "t1"}).requests[0].body) == {"jwt": "t1"}
    first = urlsplit(run(LoginToken(**WHERE), answer(GOOD)).requests[0].url)
    assert first.geturl() == URL


STATIC: Mapping[str, tuple[Any, dict[str, object]]] = {
    "Basic, UTF-8 (RFC 7617 §2.1)": (
        UserCredentials(username="ädä", password=Text("p:w")),
        {"headers": ((b"Authorization", b"Basic " + base64.b64encode("ädä:p:w".encode())),)},
    ),
    "Basic elsewhere": (
        UserCredentials(username="ada", password=Text("pw"), token_placement=TokenPlacement(header="X-Auth", prefix="")),
        {"headers": ((b"X-Auth", base64.b64encode(b"ada:pw")),)},
    ),
    "bearer": (SecureParameter(value=Text("key")), {"headers": ((b"Authorization", b"Bearer key"),)}),
    "API key": (
        SecureParameter(value=Text("key"), token_placement=TokenPlacement(header="X-Api-Key")),
        {"headers": ((b"X-Api-Key", b"key"),)},
    ),
    "query": (
        SecureParameter(value=Text("k&y"), token_placement=TokenPlacement(query="api_key")),
        {"headers": (), "query": (("api_key", "k&y"),)},
    ),
    "template": (
        SecureParameter(
            value=Text("key"),
            values={"tenant": Text("eu")},
            token_placement=TokenPlacement(header="X-Auth", value=Template.parse("${values.tenant}:${token}")),
        ),
        {"headers": ((b"X-Auth", b"eu:key"),)},
    ),
}


@pytest.mark.parametrize(("grant", "put"), STATIC.values(), ids=STATIC)
def test_static(grant: Any, put: dict[str, object]) -> None:
    """What does not come from an endpoint is ready without a request, and is read again after `when_missing`."""
    done = run(grant)
    assert done.requests == []
    assert done.token is not None
    assert {name: getattr(done.token, name) for name in put} == put
    assert done.token.lifetime == 300


def test_static_lifetime() -> None:
    """`lifetime.fixed` says when it is read again."""
    done = run(SecureParameter(value=Text("key"), lifetime=Lifetime(fixed=Seconds(7))))
    assert done.token is not None
    assert done.token.lifetime == 7


def test_a_static_value_that_no_header_holds() -> None:
    """A key with a line end is refused, and not shown."""
    error = run(SecureParameter(value=Text("s3cr3t\nX: y"))).error
    assert error is not None
    assert error.key == "credentials.crm.token_placement"
    assert "s3cr3t" not in error.detail + error.log_detail
