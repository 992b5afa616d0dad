"""Destinations of SAP BTP: every type of authentication, every documented key, and the route of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.importing.destination import translate
from proxy.importing.destination_keys import FAMILIES, KEYS, KINDS
from proxy.importing.reading import WrongFileError

if TYPE_CHECKING:
    from tests.unit.importing.conftest import Bring

BASE: dict[str, Any] = {"Name": "crm", "Type": "HTTP", "URL": "https://api.example/v1", "ProxyType": "Internet"}
OAUTH: dict[str, Any] = {
    **BASE,
    "Authentication": "OAuth2ClientCredentials",
    "clientId": "nightly",
    "clientSecret": "hunter2",
    "tokenServiceURL": "https://login.example/oauth/token",
    "tokenServiceURLType": "Dedicated",
}
HERE: dict[str, Any] = {
    "type": "oauth2_client_credentials",
    "token_url": "https://login.example/oauth/token",
    "client_id": "nightly",
    "client_secret": {"env": "CRM_CLIENT_SECRET"},
    "client_auth": "client_secret_post",
}
ROUTE: dict[str, Any] = {"prefix": "/crm", "name": "crm", "upstream": "https://api.example/v1", "credential": "crm"}
PROPERTIES = b"""#
Name=crm
Type=HTTP
URL=https\\://api.example/v1
ProxyType=Internet
Authentication=OAuth2ClientCredentials
clientId=nightly
tokenServiceURL=https\\://login.example/oauth/token
"""


@pytest.mark.parametrize(
    "export",
    [
        OAUTH,
        [OAUTH],
        {**OAUTH, "clientSecret": ""},
        {"owner": {"SubaccountId": "1"}, "destinationConfiguration": OAUTH, "authTokens": [{"value": "eyJhbGciOiJub25lIn0"}]},
        PROPERTIES,
        {key.upper(): value for key, value in OAUTH.items()},
    ],
    ids=["one", "a list", "without its secret", "Find Destination", "properties", "another spelling"],
)
def test_forms(bring: Bring, export: object) -> None:
    """However a destination is exported, it is one credential and its route, and its secret is in neither."""
    brought = bring(translate, export)
    assert (brought.credentials, brought.routes) == ({"crm": HERE}, [ROUTE])
    assert (brought.written.whole, brought.left) == (True, set())
    assert "hunter2" not in brought.written.material
    assert "eyJ" not in brought.written.material


USER = {"User": "anna", "Password": "hunter2"}
SIGNED = {"private_key": {"env": "CRM_PRIVATE_KEY"}, "certificate": {"env": "CRM_CERTIFICATE"}}
CALLERS = {"assertion": {"header": "X-User-Token"}}
TYPES: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "OAuth2MtlsClientCredentials": ({}, {}, set()),
    "OAuth2TechnicalUserPropagation": (
        {},
        {"token_placement": {"header": "SAP-Connectivity-Technical-Authentication", "prefix": "Bearer "}},
        set(),
    ),
    "OAuth2Password": (USER, {"type": "oauth2_password", "username": "anna", "password": {"env": "CRM_PASSWORD"}}, set()),
    "OAuth2RefreshToken": ({}, {"type": "oauth2_refresh_token", "refresh_token": {"env": "CRM_REFRESH_TOKEN"}}, set()),
    "OAuth2JWTBearer": ({"tokenService.body.token_format": "jwt"}, {"type": "oauth2_jwt_bearer", **CALLERS}, set()),
    "OAuth2UserTokenExchange": ({"x_user_token.jwks_uri": "https://a.example/certs"}, {"type": "oauth2_jwt_bearer", **CALLERS}, set()),
    "OAuth2TokenExchange": ({}, {"type": "oauth2_token_exchange", "subject_token": {"header": "X-Subject-Token"}}, set()),
    "OAuth2SAMLBearerAssertion": (
        {"clientId": "", "clientSecret": "", "clientKey": "key", "audience": "www.successfactors.com", "companyId": "ACME"},
        {
            "type": "oauth2_saml_bearer",
            "client_id": "key",
            "client_auth": "none",
            "client_secret": None,
            "assertion": {"audience": "www.successfactors.com", "encoding": "base64", "attributes": {"api_key": "${client_id}"}},
            "token_request": {"params": [{"key": "company_id", "value": "ACME"}]},
            **SIGNED,
        },
        {"(the user)", "KeyStoreLocation"},
    ),
}


@pytest.mark.parametrize(("authentication", "case"), TYPES.items(), ids=TYPES)
def test_types_with_an_endpoint(bring: Bring, authentication: str, case: tuple[dict[str, Any], dict[str, Any], set[str]]) -> None:
    """Each type that asks for a token has its type here, with the keys of its own."""
    change, here, left = case
    brought = bring(translate, {**OAUTH, "Authentication": authentication, **change})
    one = {key: value for key, value in brought.one.items() if key not in {"token_request"} - here.keys()}
    assert one == {key: value for key, value in {**HERE, **here}.items() if value is not None}
    assert brought.left == left
    assert brought.routes == [ROUTE]


def test_basic(bring: Bring) -> None:
    """Basic authentication is a user and a password."""
    brought = bring(translate, {**BASE, "Authentication": "BasicAuthentication", **USER})
    assert brought.one == {"type": "user_credentials", "username": "anna", "password": {"env": "CRM_PASSWORD"}}
    assert (brought.routes, brought.written.whole) == ([ROUTE], True)


@pytest.mark.parametrize("change", [{"Authentication": "NoAuthentication"}, {}], ids=["said", "not said"])
def test_no_authentication(bring: Bring, change: dict[str, str]) -> None:
    """Without authentication there is a route and no credential; what is said of a token endpoint means nothing."""
    brought = bring(translate, {**BASE, **change, "clientId": "x", "tokenServiceURL": "https://a.example"})
    assert (brought.credentials, brought.routes) == ({}, [{**ROUTE, "credential": "none"}])
    assert (brought.written.whole, brought.idle) == (True, {"clientId", "tokenServiceURL"})


def test_a_client_certificate(bring: Bring) -> None:
    """A client certificate is the route's; its files are to be made of the key store."""
    export = {**BASE, "Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": "crm.p12", "KeyStorePassword": "hunter2"}
    brought = bring(translate, export)
    assert brought.routes == [{**ROUTE, "credential": "none", "tls": {"cert": "crm.certificate.pem", "key": "crm.key.pem"}}]
    assert (brought.left, brought.idle) == ({"KeyStoreLocation"}, {"KeyStorePassword"})
    assert "hunter2" not in brought.written.material


@pytest.mark.parametrize("authentication", [*(name for name, kind in KINDS.items() if kind.blocked), "Kerberos"])
def test_types_that_there_are_not(bring: Bring, authentication: str) -> None:
    """A type without a counterpart stays as a comment that says why, and so does its route."""
    brought = bring(translate, {**OAUTH, "Authentication": authentication})
    assert (brought.credentials, brought.routes, brought.written.whole) == ({}, [], False)
    assert "Not translated: " in brought.written.material
    assert "# - prefix: /crm" in brought.written.routes


CLIENT_ID = {"key": "client_id", "value": "nightly"}
HTML5_SWITCHES = ("HTML5.PreserveHostHeader", "HTML5.SetXForwardedHeaders", "HTML5.ForwardAuthToken")
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], set[str]]] = {
    "description": ({"Description": "d: e"}, {"description": "d: e"}, {}, set()),
    "scope": ({"scope": "a b"}, {"scope": ["a", "b"]}, {}, set()),
    "audience": ({"audience": "x"}, {"audience": "x"}, {}, set()),
    "in the header": ({"tokenService.addClientCredentialsInBody": "false"}, {"client_auth": "client_secret_basic"}, {}, set()),
    "in the header, as a boolean": ({"tokenService.addClientCredentialsInBody": False}, {"client_auth": "client_secret_basic"}, {}, set()),
    "a user of the token service": (
        {"tokenServiceUser": "nightly", "tokenServicePassword": "hunter2"},
        {"client_auth": "client_secret_basic"},
        {},
        set(),
    ),
    "another user of the token service": (
        {"tokenServiceUser": "basic", "tokenServicePassword": "other"},
        {"client_id": "basic", "client_auth": "client_secret_basic", "token_request": {"params": [CLIENT_ID]}},
        {},
        {"clientSecret"},
    ),
    "another client key": ({"clientKey": "other"}, {}, {}, {"clientKey"}),
    "a certificate": (
        {"tokenService.KeyStoreLocation": "a.p12", "tokenService.KeyStorePassword": "hunter2"},
        {
            "client_auth": "tls_client_auth",
            "client_secret": None,
            "token_request": {"tls": {"cert": "crm.token_certificate.pem", "key": "crm.token_key.pem"}},
        },
        {},
        {"tokenService.KeyStoreLocation"},
    ),
    "an assertion of another destination": (
        {"clientAssertion.destinationName": "ias", "clientAssertion.type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
        {"client_auth": "private_key_jwt", "client_assertion": {"env": "CRM_CLIENT_ASSERTION"}, "client_secret": None},
        {},
        {"clientAssertion.destinationName", "clientAssertion.type"},
    ),
    "a URL for all tenants": (
        {"tokenServiceURLType": "Common"},
        {"token_url": "https://${values.tenant}.login.example/oauth/token", "values": {"tenant": {"env": "CRM_TENANT"}}},
        {},
        set(),
    ),
    "a tenant's place in the URL": (
        {"tokenServiceURLType": "Common", "tokenServiceURL": "https://login.example/{tenant}/token"},
        {"token_url": "https://login.example/${values.tenant}/token", "values": {"tenant": {"env": "CRM_TENANT"}}},
        {},
        set(),
    ),
    "an unknown URL type": ({"tokenServiceURLType": "Shared"}, {}, {}, {"tokenServiceURLType"}),
    "timeouts": (
        {"tokenServiceURL.ConnectionTimeoutInSeconds": "5", "tokenServiceURL.SocketReadTimeoutInSeconds": 20},
        {"token_request": {"timeout": "25s"}},
        {},
        set(),
    ),
    "a timeout of nothing": ({"tokenServiceURL.SocketReadTimeoutInSeconds": "0"}, {}, {}, {"tokenServiceURL.SocketReadTimeoutInSeconds"}),
    "the token request": (
        {
            "tokenService.body.resource": "urn:x",
            "tokenService.body.grant_type": "custom",
            "tokenService.body.api_key": "hunter2",
            "tokenServiceURL.headers.X-A": "1",
            "tokenService.headers.X-B": "2",
            "tokenServiceURL.queries.c": "3",
            "tokenService.queries.d": "4",
        },
        {
            "grant_type": "custom",
            "values": {"api_key": {"env": "CRM_API_KEY"}},
            "token_request": {
                "params": [
                    {"key": "resource", "value": "urn:x"},
                    {"key": "api_key", "value": "${values.api_key}"},
                    {"key": "X-A", "value": "1", "in": "header"},
                    {"key": "X-B", "value": "2", "in": "header"},
                    {"key": "c", "value": "3", "in": "query"},
                    {"key": "d", "value": "4", "in": "query"},
                ]
            },
        },
        {},
        set(),
    ),
    "the call": (
        {"URL.headers.X-Env": "${x}", "URL.headers.apiKey": "hunter2", "URL.queries.language": "EN", "sap-client": "100"},
        {},
        {
            "inject": {
                "headers": {"X-Env": "$${x}", "apiKey": {"env": "CRM_INJECT_APIKEY"}, "sap-client": "100"},
                "query": {"language": "EN"},
            }
        },
        set(),
    ),
    "a URL with a query": (
        {"URL": "https://u:hunter2@api.example/v1?sap-client=100&token=hunter2#x"},
        {},
        {"inject": {"query": {"sap-client": "100", "token": {"env": "CRM_INJECT_TOKEN"}}}},
        {"URL (its user and password)"},
    ),
    "plain http": ({"URL": "http://erp.example:8000"}, {}, {"upstream": "http://erp.example:8000", "allow_plaintext": True}, set()),
    "HTML5": (
        {"HTML5.Timeout": 90000, "HTML5.PreserveHostHeader": True, "HTML5.SetXForwardedHeaders": "true", "HTML5.DynamicDestination": True},
        {},
        {"timeout": {"response": "90s"}, "preserve_host": True, "forwarded": "x-forwarded"},
        set(),
    ),
    "HTML5's defaults": (
        {"HTML5.Timeout": "1500", **dict.fromkeys(HTML5_SWITCHES, "false")},
        {},
        {"timeout": {"response": "1500ms"}},
        set(),
    ),
    "HTML5 beyond us": ({"HTML5.ForwardAuthToken": "true", "HTML5.Timeout": "soon"}, {}, {}, {"HTML5.ForwardAuthToken", "HTML5.Timeout"}),
    "a trust store": (
        {"TrustStoreLocation": "ca.jks", "TrustStorePassword": "hunter2", "TrustAll": "FALSE", "HostnameVerifier": "Strict"},
        {},
        {"tls": {"ca": "crm.ca.pem"}},
        {"TrustStoreLocation"},
    ),
    "no trust": ({"TrustAll": "TRUE", "HostnameVerifier": "BrowserCompatible"}, {}, {}, {"TrustAll", "HostnameVerifier"}),
    "on premise": (
        {"ProxyType": "OnPremise", "CloudConnectorLocationId": "he4", "tokenServiceURL.ProxyType": "Internet"},
        {},
        {},
        {"ProxyType", "CloudConnectorLocationId"},
    ),
    "a private link": ({"ProxyType": "PrivateLink"}, {}, {}, {"ProxyType"}),
    "a key store of nothing": ({"KeyStoreLocation": "a.p12"}, {}, {}, set()),
    "an unknown key": ({"stage": "dev", "myToken": "hunter2"}, {}, {}, {"stage", "myToken"}),
    "a key twice": ({"NAME": "other"}, {}, {}, {"NAME"}),
    "no text": ({"scope": ["a"]}, {}, {}, {"scope"}),
}  # fmt: skip


@pytest.mark.parametrize(("change", "here", "route", "left"), FIELDS.values(), ids=FIELDS)
def test_fields(bring: Bring, change: dict[str, Any], here: dict[str, Any], route: dict[str, Any], left: set[str]) -> None:
    """A key says something in the credential, in the route, or stays behind; nothing else changes, and no secret is written."""
    brought = bring(translate, {**OAUTH, **change})
    assert brought.one == {key: value for key, value in {**HERE, **here}.items() if value is not None}
    assert brought.routes == [{**ROUTE, **route}]
    assert (brought.left, brought.written.whole) == (left, not left)
    assert "hunter2" not in brought.written.material + brought.written.routes


ON_PREMISE = {"ProxyType": "OnPremise", "CloudConnectorLocationId": "he4"}
SAML: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "the subject": ({"SystemUser": "XP264"}, {"subject": "XP264"}, set()),
    "its form": ({"nameIdFormat": "urn:x", "SystemUser": "a"}, {"name_id_format": "urn:x", "subject": "a"}, set()),
    "issuer and recipient": (
        {"assertionIssuer": "i", "assertionRecipient": "https://r.example/${x}", "SystemUser": "a"},
        {"issuer": "i", "recipient": "https://r.example/$${x}", "subject": "a"},
        set(),
    ),
    "an API key": ({"apiKey": "hunter2", "SystemUser": "a"}, {"attributes": {"api_key": "${values.api_key}"}, "subject": "a"}, set()),
    "a context that is ours": (
        {"authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "SystemUser": "a"},
        {"subject": "a"},
        set(),
    ),
    "another context": (
        {"authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession", "SystemUser": "a"},
        {"subject": "a"},
        {"authnContextClassRef"},
    ),
    "what there is not": (
        {"nameQualifier": "q", "userIdSource": "mail", "SAMLAssertionProvider": "ClientProvided", "SystemUser": "a"},
        {"subject": "a"},
        {"nameQualifier", "userIdSource", "SAMLAssertionProvider"},
    ),
}


@pytest.mark.parametrize(("change", "assertion", "left"), SAML.values(), ids=SAML)
def test_saml(bring: Bring, change: dict[str, Any], assertion: dict[str, Any], left: set[str]) -> None:
    """An assertion's keys stand under `assertion`; what signs it is never in the export."""
    export = {
        **OAUTH,
        "clientId": "",
        "clientSecret": "",
        "clientKey": "key",
        "Authentication": "OAuth2SAMLBearerAssertion",
        "audience": "x",
    }
    brought = bring(translate, {**export, "tokenServiceUser": "key", "tokenServicePassword": "hunter2", **change})
    assert brought.one["assertion"] == {"audience": "x", **assertion}
    assert (brought.one["client_auth"], brought.one["client_secret"]) == ("client_secret_basic", {"env": "CRM_CLIENT_SECRET"})
    assert brought.left == left | {"KeyStoreLocation"}
    assert "hunter2" not in brought.written.material


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tokenServiceURL": ""}, "the export has no tokenServiceURL"),
        ({"clientId": "", "tokenServiceURL": ""}, "the export has no tokenServiceURL and no clientId"),
        ({"Authentication": "BasicAuthentication"}, "the export has no User"),
        ({"Authentication": "NoAuthentication", "URL": ""}, "the export has no URL"),
        ({"tokenServiceURL": "login"}, "tokenServiceURL: expected a URL that starts with https:// or http:// and names a host"),
    ],
)
def test_without_what_is_needed(bring: Bring, change: dict[str, str], why: str) -> None:
    """A destination that cannot work stays as a comment, with the reason."""
    brought = bring(translate, {**OAUTH, **change})
    assert (brought.credentials, brought.routes, brought.entries[0].blocked) == ({}, [], why)


def test_an_upstream_that_is_none(bring: Bring) -> None:
    """A URL that nothing could be sent to makes no route."""
    brought = bring(translate, {**OAUTH, "URL": "u:hunter2@erp"})
    assert "hunter2" not in brought.written.material
    assert (brought.credentials, brought.routes, brought.left) == ({"crm": HERE}, [], {"URL"})


@pytest.mark.parametrize(("protocol", "said"), [("RFC", "RFC"), ("LDAP", "LDAP"), ("hunter2", "another")])
@pytest.mark.parametrize("authentication", ["BasicAuthentication", "PrincipalPropagation", ""])
def test_another_protocol(bring: Bring, protocol: str, said: str, authentication: str) -> None:
    """What is not HTTP is not translated, for that reason and no other, told once."""
    brought = bring(translate, {"Name": "erp", "Type": protocol, "Authentication": authentication, "jco.client.ashost": "erp"})
    why = f"its Type is {said}, and a proxy for HTTP forwards no other protocol"
    assert (brought.credentials, brought.entries[0].blocked, "Type" in brought.left) == ({}, why, True)
    assert brought.written.material.count("forwards no other protocol") == 1


def test_a_reason_is_told_once(bring: Bring) -> None:
    """However many keys stay behind for it."""
    material = bring(translate, {**BASE, "Authentication": "PrincipalPropagation", **ON_PREMISE}).written.material
    assert " ".join(material.replace("#", "").split()).count("tunnel is not spoken here") == 1
    assert [key for key in ("Authentication", *ON_PREMISE) if f"#   {key}: " not in material] == []


def test_an_empty_list(bring: Bring) -> None:
    """Is an answer like any other, with nothing in it."""
    assert bring(translate, []).entries == []


@pytest.mark.parametrize("export", [{}, [1], {"a": 1}, {"destinationConfiguration": 1}])
def test_no_export(export: object, bring: Bring) -> None:
    """What holds no destination is refused."""
    with pytest.raises(WrongFileError):
        bring(translate, export)


def test_every_key_of_the_table(bring: Bring) -> None:
    """A key with a row is known, for every type of authentication: none is told to be undocumented."""
    given = {**dict.fromkeys(KEYS, "x"), **{f"{family}x": "x" for family in FAMILIES}}
    for authentication in KINDS:
        entry = bring(translate, {**given, "Authentication": authentication}).entries[0]
        assert not [left.key for left in entry.left if "documented by that name" in left.why]
