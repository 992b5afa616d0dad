"""CPI's security material: every documented field to ours, and what its API leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.importing.cpi import KEYS, translate
from proxy.importing.reading import WrongFileError

if TYPE_CHECKING:
    from tests.unit.importing.conftest import Bring

CRM: dict[str, Any] = {
    "__metadata": {"type": "com.sap.hci.api.OAuth2ClientCredential", "uri": "https://cpi.example/api/v1/OAuth2ClientCredentials('CRM')"},
    "Name": "CRM",
    "Description": "nightly: contacts",
    "TokenServiceUrl": "https://login.example/oauth/token",
    "ClientId": "nightly",
    "ClientSecret": None,
    "ClientAuthentication": "body",
    "Scope": "contacts.read contacts.write",
    "ScopeContentType": "urlencoded",
    "Resource": "urn:crm",
    "Audience": "https://api.example",
    "SecurityArtifactDescriptor": {
        "Type": "CREDENTIALS",
        "DeployedBy": "anna",
        "DeployedOn": "/Date(1689921881599)/",
        "Status": "DEPLOYED",
    },
    "CustomParameters": {
        "results": [
            {"Key": "tenant", "Value": "eu1", "SendAsPartOf": "body"},
            {"Key": "X-Client", "Value": "${x}", "SendAsPartOf": "HEADER"},
            {"Key": "v", "Value": "2", "SendAsPartOf": "url"},
        ]
    },
}
CRM_HERE: dict[str, Any] = {
    "type": "oauth2_client_credentials",
    "description": "nightly: contacts",
    "token_url": "https://login.example/oauth/token",
    "client_id": "nightly",
    "client_secret": {"env": "CRM_CLIENT_SECRET"},
    "client_auth": "client_secret_post",
    "scope": ["contacts.read", "contacts.write"],
    "audience": "https://api.example",
    "resource": "urn:crm",
    "token_request": {
        "content_type": "form",
        "params": [
            {"key": "tenant", "value": "eu1"},
            {"key": "X-Client", "value": "$${x}", "in": "header"},
            {"key": "v", "value": "2", "in": "query"},
        ],
    },
}


@pytest.mark.parametrize(
    "wrap", [lambda e: {"d": e}, lambda e: {"d": {"results": [e]}}, lambda e: [e], lambda e: {"value": [e]}, lambda e: e]
)
def test_a_client_credential(bring: Bring, wrap: Any) -> None:
    """Every field of the entity has its key, however the API wraps it; nothing that matters stays behind."""
    brought = bring(translate, wrap(CRM))
    assert brought.credentials == {"CRM": CRM_HERE}
    assert (brought.written.whole, brought.left, brought.idle) == (True, set(), {"SecurityArtifactDescriptor"})


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "header": ({"ClientAuthentication": "header"}, {"client_auth": "client_secret_basic"}, set()),
    "the words of the screen": ({"ClientAuthentication": "Send as Request Header"}, {"client_auth": "client_secret_basic"}, set()),
    "no client authentication": ({"ClientAuthentication": None}, {"client_auth": "client_secret_post"}, set()),
    "an unknown one": ({"ClientAuthentication": "dance"}, {"client_auth": "client_secret_post"}, {"ClientAuthentication"}),
    "JSON": ({"ScopeContentType": "application/json"}, {"token_request": {"content_type": "json"}}, set()),
    "an unknown content type": ({"ScopeContentType": "yaml"}, {}, {"ScopeContentType"}),
    "grant type in the URL": (
        {"TokenServiceUrl": "https://login.example/t?a=1&grant_type=client_credentials", "ScopeContentType": None},
        {"token_url": "https://login.example/t?a=1", "token_request": {"grant_type_in": "query"}},
        set(),
    ),
    "a grant type that the entity says": (
        {"GrantType": "Send as part of URL", "ScopeContentType": None},
        {"token_request": {"grant_type_in": "query"}},
        set(),
    ),
    "a secret in the URL": (
        {"TokenServiceUrl": "https://login.example/t?api_key=k3y", "ScopeContentType": None},
        {
            "token_url": "https://login.example/t",
            "values": {"api_key": {"env": "CRM_API_KEY"}},
            "token_request": {"params": [{"key": "api_key", "value": "${values.api_key}", "in": "query"}]},
        },
        set(),
    ),
    "a password in the URL": (
        {"TokenServiceUrl": "https://u:hunter2@login.example/t"},
        {"token_url": "https://login.example/t"},
        {"TokenServiceUrl (its user and password)"},
    ),
    "a resource that is no URI": (
        {"Resource": "42", "ScopeContentType": None},
        {"resource": None, "token_request": {"params": [{"key": "resource", "value": "42"}]}},
        set(),
    ),
    "plain http": ({"TokenServiceUrl": "http://login.example/t"}, {"token_url": "http://login.example/t", "allow_plaintext": True}, set()),
    "a secret": ({"ClientSecret": "hunter2"}, {}, set()),
    "an unknown field": ({"Colour": "red"}, {}, {"Colour"}),
    "a field that is a list": ({"Audience": ["a"]}, {"audience": None}, {"Audience"}),
    "parameters that were not expanded": ({"CustomParameters": {"__deferred": {"uri": "x"}}}, {}, {"CustomParameters"}),
    "a parameter of no place": (
        {"CustomParameters": [{"Key": "a", "Value": "b", "SendAsPartOf": "cookie"}]},
        {},
        {"CustomParameters"},
    ),
    "parameters that are none": ({"CustomParameters": "a=b"}, {}, {"CustomParameters"}),
}


@pytest.mark.parametrize(("change", "here", "left"), VARIANTS.values(), ids=VARIANTS)
def test_a_variant(bring: Bring, change: dict[str, Any], here: dict[str, Any], left: set[str]) -> None:
    """A field's other values, and what has no counterpart: written beside the rest, and nothing else changes."""
    base = {key: value for key, value in CRM.items() if key != "CustomParameters"}
    brought = bring(translate, {**base, **change})
    expected = {**CRM_HERE, "token_request": {"content_type": "form"}, **here}
    if "ScopeContentType" in left:
        del expected["token_request"]
    assert brought.one == {key: value for key, value in expected.items() if value is not None}
    assert (brought.left, brought.written.whole) == (left, not left)
    assert "hunter2" not in brought.written.material


@pytest.mark.parametrize(
    ("missing", "why"),
    [("TokenServiceUrl", "the export has no TokenServiceUrl"), ("ClientId", "the export has no ClientId")],
)
def test_without_what_is_needed(bring: Bring, missing: str, why: str) -> None:
    """A credential that cannot work stays as a comment, with the reason."""
    brought = bring(translate, {**CRM, missing: None})
    assert (brought.credentials, brought.entries[0].blocked, brought.written.whole) == ({}, why, False)
    assert "#     client_auth: client_secret_post" in brought.written.material


def test_an_address_that_is_none(bring: Bring) -> None:
    """A token service URL that nothing could be sent to is told, and not shown: it may hold a password."""
    brought = bring(translate, {**CRM, "TokenServiceUrl": "u:hunter2@login.example"})
    assert brought.entries[0].blocked.startswith("TokenServiceUrl: expected a URL")
    assert "hunter2" not in brought.written.material


USERS: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "default": ({"Kind": "default"}, {"username": "anna"}, set()),
    "SuccessFactors": ({"Kind": "successfactors", "CompanyId": "ACME"}, {"username": "anna@ACME"}, set()),
    "a company of nobody": ({"Kind": "default", "CompanyId": "ACME"}, {"username": "anna"}, {"CompanyId"}),
}


@pytest.mark.parametrize(("change", "here", "left"), USERS.values(), ids=USERS)
def test_user_credentials(bring: Bring, change: dict[str, Any], here: dict[str, Any], left: set[str]) -> None:
    """User credentials are Basic; SuccessFactors' user has the company in its name."""
    brought = bring(translate, {"Name": "HR", "User": "anna", "Password": None, **change})
    assert brought.one == {"type": "user_credentials", "password": {"env": "HR_PASSWORD"}, **here}
    assert brought.left == left


@pytest.mark.parametrize("entity", [{"Name": "HR", "Kind": "openconnectors", "User": "a"}, {"Name": "HR", "Kind": "default"}])
def test_user_credentials_that_are_none(bring: Bring, entity: dict[str, Any]) -> None:
    """Kinds that are no user and password, and those without a user, stay as a comment."""
    brought = bring(translate, entity)
    assert (brought.credentials, brought.written.whole) == ({}, False)


def test_a_secure_parameter(bring: Bring) -> None:
    """A secure parameter is a value; where it is sent only a script knew."""
    brought = bring(translate, {"Name": "Key", "Description": "d", "SecureParam": None, "DeployedBy": "anna", "Status": "DEPLOYED"})
    assert brought.one == {"type": "secure_parameter", "description": "d", "value": {"env": "KEY_VALUE"}}
    assert (brought.left, brought.idle) == ({"(where it is sent)"}, {"DeployedBy", "Status"})


def test_an_authorization_code(bring: Bring) -> None:
    """An authorization code's artifact is a comment: what a refresh token would need, and the consent's own fields."""
    brought = bring(
        translate,
        {
            "Name": "Mail",
            "Type": "t",
            "Provider": "Generic",
            "AuthUrl": "https://a.example/auth",
            "TokenUrl": "https://a.example/token",
            "ClientId": "c",
        },
    )
    assert (brought.credentials, brought.left, brought.written.whole) == ({}, {"Type", "Provider", "AuthUrl"}, False)
    assert "#     type: oauth2_refresh_token" in brought.written.material


def test_several(bring: Bring) -> None:
    """Entities are told apart by their metadata or their fields; one that is unknown is not lost."""
    brought = bring(translate, [CRM, {"Name": "HR", "Kind": "default", "User": "a"}, {"Name": "CRM", "Colour": "red"}])
    assert list(brought.credentials) == ["CRM", "HR"]
    assert 'unknown entity "CRM"' in brought.written.material
    assert '#   Colour: "red"' in brought.written.material


@pytest.mark.parametrize("export", [{}, [1], {"d": 1}, {"error": {"code": "x"}}, {"Name": "x"}, {"d": [[]]}])
def test_no_export(export: object, bring: Bring) -> None:
    """What holds no entity is refused."""
    with pytest.raises(WrongFileError):
        bring(translate, export)


@pytest.mark.parametrize("export", [[], {"d": {"results": []}}, {"value": []}])
def test_an_empty_list(export: object, bring: Bring) -> None:
    """A tenant without such material answers so."""
    assert bring(translate, export).entries == []


def test_every_field_of_the_table(bring: Bring) -> None:
    """A field with a row is known to the translator: none is told to be undocumented."""
    for entity, fields in KEYS.items():
        marked = {"__metadata": {"type": entity}, **dict.fromkeys(fields, "body"), "Name": "x", "TokenServiceUrl": "https://a.example"}
        assert not any("documented by that name" in left.why for left in bring(translate, marked).entries[0].left if left.key in fields)
