"""proxy/oauth/grants.py: what is said to a token endpoint, and which tokens are the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec
import pytest

from proxy.oauth.grants import GRANTS, ClientCredentials, Resource, Scope, TokenRequest, TokenResponse, fingerprint

if TYPE_CHECKING:
    from proxy.oauth.exchange import Facts

PLAIN = ClientCredentials(token_url="https://login.test/token", client_id="id")
FULL = ClientCredentials(
    token_url="https://login.test/token",
    client_id="id",
    scope=Scope(("api", "read")),
    audience="https://api.test",
    resource=Resource(("urn:a", "urn:b")),
)


def said(grant: ClientCredentials, facts: Facts) -> TokenRequest:
    return next(grant.exchange(facts))


def test_registry() -> None:
    """The grant stands under the name that YAML uses."""
    assert GRANTS["oauth2_client_credentials"] is ClientCredentials


def test_unknown_option_is_refused() -> None:
    """A field that the grant does not have is an error, not ignored."""
    with pytest.raises(msgspec.ValidationError, match="scopes"):
        msgspec.convert({"token_url": "https://t", "client_id": "id", "scopes": "api"}, ClientCredentials, dec_hook=lambda _, value: value)


def test_form_body(facts: Facts) -> None:
    """The default: a form, Basic, and a JSON answer asked for."""
    request = said(FULL, facts)
    assert (request.method, request.url) == ("POST", "https://login.test/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"].startswith("Basic ")
    assert parse_qsl(request.body.decode()) == [
        ("grant_type", "client_credentials"),
        ("scope", "api read"),
        ("audience", "https://api.test"),
        ("resource", "urn:a"),
        ("resource", "urn:b"),
    ]


def test_nothing_unasked_is_sent(facts: Facts) -> None:
    """Scope, audience and resource are sent only if they are given; the body is never empty."""
    assert said(PLAIN, facts).body == b"grant_type=client_credentials"


def test_post(facts: Facts) -> None:
    """client_secret_post puts id and secret into the body, form-encoded, and no header beside it."""
    request = said(PLAIN, replace(facts, client_auth="client_secret_post"))
    assert "Authorization" not in request.headers
    assert request.body == b"grant_type=client_credentials&client_id=id&client_secret=s3cr3t%2F%2B+value"


@pytest.mark.parametrize(
    ("resource", "sent"),
    [(Resource(("urn:a",)), "urn:a"), (Resource(("urn:a", "urn:b")), ["urn:a", "urn:b"])],
)
def test_json_body(facts: Facts, resource: Resource, sent: object) -> None:
    """content_type json sends the same parameters as a JSON object."""
    request = said(msgspec.structs.replace(FULL, resource=resource), replace(facts, content_type="json", client_auth="client_secret_post"))
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "grant_type": "client_credentials",
        "scope": "api read",
        "audience": "https://api.test",
        "resource": sent,
        "client_id": "id",
        "client_secret": "s3cr3t/+ value",
    }


def test_exchange_returns_the_token(facts: Facts) -> None:
    """One answer ends the exchange with its token."""
    steps = FULL.exchange(facts)
    next(steps)
    with pytest.raises(StopIteration) as done:
        steps.send(TokenResponse(200, {}, b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 60, "scope": "read api"}'))
    assert done.value.value.authorization == b"Bearer abc"


@pytest.mark.parametrize(
    "change",
    [
        {"token_url": "https://login.test/other"},
        {"client_id": "other"},
        {"scope": Scope(("api",))},
        {"scope": Scope()},
        {"audience": None},
        {"audience": ""},
        {"resource": Resource(("urn:a",))},
        {"resource": Resource()},
    ],
)
def test_fingerprint_covers_every_field(change: dict[str, object]) -> None:
    """Grants that ask for different tokens never share one."""
    assert fingerprint("crm", msgspec.structs.replace(FULL, **change)) != fingerprint("crm", FULL)


def test_fingerprint_covers_the_alias() -> None:
    """Two aliases never share a token: one's secret may be wrong."""
    assert fingerprint("crm", FULL) != fingerprint("erp", FULL)


def test_fingerprint_is_stable() -> None:
    """Equal grants have one fingerprint, in every process: a hash of 64 hexadecimal digits."""
    assert fingerprint("crm", PLAIN) == fingerprint("crm", ClientCredentials(token_url="https://login.test/token", client_id="id"))
    assert fingerprint("crm", PLAIN) == "09a19e1f8225557753e10f65a34397d217ba51f31ae7bd9d7390a5a8ba750bd9"
