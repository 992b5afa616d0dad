"""proxy/oauth/repair.py: which key a refusal is about."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.oauth.exchange import Metadata, Resource, Scope
from proxy.oauth.grants import ExchangedToken, Password, RefreshToken, TokenExchange
from proxy.oauth.options import Assertion, EndpointOptions, Param, TokenRequestOptions
from proxy.oauth.repair import by_time, client_key, grant_key, parameter_key, place_key, target_key
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Text
from tests.fakes.credentials import SECRET, crm, names_of

KEY = Text("key")
METADATA = Metadata("https://host", "https://host/t", auth_methods=("client_secret_post",))


@pytest.mark.parametrize(
    ("options", "description", "key"),
    [
        ({"client_auth": "client_secret_basic"}, "", "client_secret"),
        ({"client_auth": "client_secret_post"}, "bad signature", "client_secret"),
        ({"client_auth": "client_secret_jwt"}, "bad signature", "client_secret"),
        ({"client_auth": "client_secret_jwt"}, "", "client_secret"),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, "", "private_key"),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, "client_assertion has an invalid signature", "private_key"),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, "unexpected aud claim", "assertion.audience"),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, "the client_assertion has expired", "assertion.lifetime"),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, "no key for kid 7", "assertion.kid"),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, "alg not allowed", "assertion.alg"),
        ({"client_auth": "private_key_jwt", "client_assertion": KEY}, "bad signature", "client_assertion"),
        ({"client_auth": "tls_client_auth"}, "", "token_request.tls.cert"),
        ({"client_auth": "self_signed_tls_client_auth"}, "", "token_request.tls.cert"),
        ({"client_auth": "none"}, "", "client_auth"),
        ({"client_auth": "client_secret_post"}, "No client with requested id: x", "client_id"),
        ({"client_auth": "client_secret_basic"}, "must contain client_assertion or client_secret", "client_auth"),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, "unsupported authentication method", "client_auth"),
    ],
)
def test_what_proves_the_client(options: dict[str, Any], description: str, key: str) -> None:
    """By its method, and by what the server says of it."""
    assert client_key(names_of(crm(**options)), description) == key


def test_metadata_rules_a_method_out() -> None:
    """A method that the server does not list is what is wrong."""
    assert client_key(names_of(crm(), metadata=METADATA), "") == "client_auth"
    assert client_key(names_of(crm(client_auth="client_secret_post"), metadata=METADATA), "") == "client_secret"


def test_what_was_sent_where_no_client_proves_itself() -> None:
    """An assertion or a password is what can be wrong, for want of anything else."""
    password = Password(username="u", password=KEY, token_url=crm().token_url, client_id="id", client_auth="none")

    assert client_key(names_of(password), "") == "password"
    assert client_key(names_of(password), "client authentication failed") == "client_auth"
    assert client_key(names_of(crm(client_auth="none")).knowing(assertion="a"), "Invalid signature") == "private_key"


COMMON: dict[str, Any] = {"token_url": crm().token_url, "client_id": "id", "client_secret": SECRET}


@pytest.mark.parametrize(
    ("grant", "description", "key"),
    [
        (crm(), "", "client_id"),
        (Password(username="u", password=KEY, **COMMON), "bad user", "password"),
        (RefreshToken(refresh_token=KEY, **COMMON), "expired", "refresh_token"),
        (TokenExchange(subject_token=ExchangedToken(from_="a"), **COMMON), "", "subject_token"),
        (TokenExchange(subject_token=ExchangedToken(from_="a"), **COMMON), "actor_token", "subject_token"),
        (
            TokenExchange(subject_token=ExchangedToken(from_="a"), actor_token=ExchangedToken(from_="b"), **COMMON),
            "actor_token",
            "actor_token",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, EndpointOptions) else None,
)
def test_what_a_grant_rests_on(grant: EndpointOptions, description: str, key: str) -> None:
    """A password, a refresh token, another's token; else the client itself."""
    assert grant_key(names_of(grant), description) == key


@pytest.mark.parametrize(
    ("said", "description", "key"),
    [
        (Assertion(), "", "assertion"),
        (Assertion(), "Invalid signature", "private_key"),
        (Assertion(), "wrong audience", "assertion.audience"),
        (Assertion(), "recipient differs", "assertion.recipient"),
        (Assertion(), "unknown issuer", "assertion.issuer"),
        (Assertion(), "user hasn't approved this consumer", "assertion.subject"),
        (Assertion(from_="other"), "Invalid signature", "assertion"),
        (Assertion(header="X-Token"), "wrong audience", "assertion"),
    ],
)
def test_what_an_assertion_says(said: Assertion, description: str, key: str) -> None:
    """The part that the server speaks of; of another's token, only where it comes from."""
    assert grant_key(names_of(crm(assertion=said)).knowing(assertion="a.b.c"), description) == key


@pytest.mark.parametrize(
    ("description", "key"),
    [
        ("No audience parameter", "audience"),
        ("Service not enabled within domain: x", "audience"),
        ("unknown resource", "resource"),
        ("scope is required", "scope"),
        ("content-type must be application/json", "token_request.content_type"),
        ("Missing grant_type", "token_request.content_type"),
        ("grant_type parameter is missing", "token_request.content_type"),
        ("client_id is unknown", "client_id"),
        ("requested grant type is not allowed for this client", "type"),
        ("unsupported grant_type", "type"),
        ("client_id and client_secret in the authorization header are not properly encoded", "basic_encoding"),
        ("A JSON web token could not be decoded", None),
        ("something else", None),
        ("", None),
    ],
)
def test_a_parameter_by_its_name(description: str, key: str | None) -> None:
    """The description names it; one that was sent and is missing was not read."""
    assert parameter_key(names_of(crm()), description) == key


ADDED = TokenRequestOptions(
    params=(
        Param(key="company_id", value=Tree.parse("${values.company}")),
        Param(key="WM_SVC.NAME", value=Tree.parse("acme"), in_="header"),
        Param(key="user", value=Tree.parse("${username}")),
        Param(key="mixed", value=Tree.parse("${values.company}/${values.other}")),
        Param(key="access_token", value=Tree.parse("${assertion}")),
        Param(key="scope", value=Tree.parse(["a"])),
        Param(key="service", value=Tree.parse("standing here")),
    )
)
BODY = TokenRequestOptions(body=Tree.parse({"login": {"CompanyDB": "${values.db}", "@site": "x", "list": [{"tenant": 1}]}}))


@pytest.mark.parametrize(
    ("said", "description", "key"),
    [
        (ADDED, "Authentication failed due to invalid companyId", "values.company"),
        (ADDED, "the company id is unknown", "values.company"),
        (ADDED, "WM_SVC.NAME set blank or null", "token_request.params"),
        (ADDED, "unknown user", "username"),
        (ADDED, "unknown service", "values.plain"),
        (ADDED, "mixed up", "token_request.params"),
        (ADDED, "scope is required", "token_request.params"),
        (ADDED, "Invalid or expired OAuth access token.", None),
        (ADDED, "company: no such id", None),
        (BODY, "no such CompanyDB", "values.db"),
        (BODY, "unknown site", "token_request.body"),
        (BODY, "tenant 1 is gone", "token_request.body"),
        (BODY, "scope is required", "scope"),
    ],
)
def test_a_parameter_of_the_credential_s_own(said: TokenRequestOptions, description: str, key: str | None) -> None:
    """The value that stands in it, else where it is added; of a token that is another's, what else the words say."""
    assert parameter_key(names_of(crm(token_request=said, values={"plain": Text("standing here")})), description) == key


@pytest.mark.parametrize(
    ("description", "key"),
    [
        ("The subject token is expired", "subject_token"),
        ("subject_token_type is not supported", "subject_token"),
        ("invalid actor_token", "actor_token"),
        ("Invalid token", "subject_token"),
        ("unknown audience in subject_token", "subject_token"),
        ("audience is not allowed for this token", "audience"),
        ("Token exchange is not enabled", None),
        ("unsupported requested_token_type", None),
    ],
)
def test_a_token_that_is_exchanged(description: str, key: str | None) -> None:
    """What makes an invalid_request of an exchange (RFC 8693 §2.2.2); without an exchange a token is no parameter."""
    exchange = TokenExchange(subject_token=ExchangedToken(from_="a"), actor_token=ExchangedToken(from_="b"), **COMMON)
    assert parameter_key(names_of(exchange), description) == key
    assert parameter_key(names_of(crm()), description) == ("audience" if "audience" in description else None)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "resource"),
        ({"resource": Resource.parse("https://api")}, "resource"),
        ({"audience": "https://api"}, "audience"),
        ({"scope": Scope(("https://api/.default",))}, "scope"),
    ],
)
def test_what_the_token_is_for(options: dict[str, Any], key: str) -> None:
    """The key that the credential has, whatever name the server gives it."""
    assert target_key(crm(**options)) == key


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"client_auth": "client_secret_jwt"}, True),
        ({"client_auth": "private_key_jwt", "private_key": KEY}, True),
        ({"client_auth": "private_key_jwt", "client_assertion": KEY}, False),
        ({"dpop": True}, True),
    ],
)
def test_what_has_times_in_it(options: dict[str, Any], expected: bool) -> None:  # noqa: FBT001  # a table's cell
    """Only what is made here has this host's time in it."""
    assert by_time(names_of(crm(**options))) is expected


def test_an_assertion_has_times_in_it() -> None:
    """Unless somebody else made it."""
    assert by_time(names_of(crm()).knowing(assertion="a"))
    assert not by_time(names_of(crm(assertion=Assertion(from_="other"))).knowing(assertion="a"))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "token_url"),
        ({"provider": "github_app", "values": {"installation": Text("4242")}}, "values.installation"),
        ({"provider": "github_app", "values": {"installation": Text("other")}}, "token_url"),
        ({"values": {"installation": Text("4242")}}, "token_url"),
    ],
)
def test_where_a_preset_s_endpoint_is(options: dict[str, Any], key: str) -> None:
    """Who names a preset wrote a value of its URL and no URL; who wrote the URL is told of it."""
    grant = crm("https://login.test/app/4242/tokens", **options)
    assert place_key(names_of(grant, token_url="https://login.test/app/4242/tokens")) == key
