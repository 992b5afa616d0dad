"""Identity providers and vendors that keep to RFC 6749, each with the errors of its own documentation.

Client ids, tenants and hosts are those of the examples in config/examples/providers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from tests.fakes.vendors import keys
from tests.fakes.vendors.vendor import Answer, Endpoint, Fault, Rule, Vendor, absent, basic, header, kind, posted, refused, says, there

if TYPE_CHECKING:
    from tests.fakes.vendors.vendor import Asked

SECRET = "s3cret/with+signs=and%more"  # a server that decodes it another way than its documentation says refuses it
ENV = {"CLIENT_SECRET": SECRET}
GRANT = "client_credentials"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
WRONG_SECRET = Fault("wrong secret", {"client_secret": "wrong"}, "token_invalid_client", "client_secret")


def token(name: str, **more: object) -> Answer:
    """The answer of RFC 6749 §5.1."""
    return Answer(200, {"access_token": f"{name}-token", "token_type": "Bearer", "expires_in": 3600, **more})


def bearer(name: str) -> dict[str, str]:
    """What most APIs want."""
    return {"Authorization": f"Bearer {name}-token"}


def _one_of(*ways: Rule) -> Rule:
    """One of several rules holds; the first one's refusal is the answer."""
    return Rule(lambda asked: any(way.holds(asked) for way in ways), ways[0].refusal)


def _decoded_basic(user: str, refusal: Answer) -> Rule:
    """Basic by a server that decodes user and password (RFC 6749 §2.3.1)."""
    return Rule(lambda asked: tuple(map(unquote_plus, asked.basic)) == (user, SECRET) and "client_secret" not in asked.params, refusal)


# Auth0 ------------------------------------------------------------------------------------------------------------------------------

AUTH0 = Vendor(
    endpoints=(
        Endpoint(
            "/oauth/token",
            (
                _one_of(kind("form", refused(400, "invalid_request", "Bad request")), kind("json", refused(400, "invalid_request"))),
                says("grant_type", GRANT, refused(403, "unsupported_grant_type", "Unsupported grant type")),
                posted("9VsLqNqzXbBpTf2h", SECRET, refused(401, "access_denied", "Unauthorized")),
                there(
                    "audience",
                    refused(403, "access_denied", "No audience parameter was provided, and no default audience has been configured"),
                ),
                says(
                    "audience",
                    "https://api.acme.example",
                    refused(403, "access_denied", "Service not enabled within domain: https://nope.example"),
                ),
                absent("scope", refused(403, "access_denied", "Client has not been granted scopes: orders:fly")),
            ),
            token("auth0", expires_in=86400),
        ),
    ),
    wants=bearer("auth0"),
    secrets=ENV,
    faults=(
        Fault("wrong secret", {"client_secret": "wrong"}, "token_request_refused", "client_secret"),
        Fault("unknown audience", {"audience": "https://nope.example"}, "token_request_refused", "audience"),
        Fault("no audience", {"audience": None}, "token_request_refused", "audience"),
        Fault("scope not granted", {"scope": "orders:fly"}, "token_request_refused", "scope"),
        Fault("wrong path", {"token_url": "/oauth/tokens"}, "token_endpoint_not_found", "token_url"),
    ),
)


# Microsoft Entra --------------------------------------------------------------------------------------------------------------------


def _aadsts(status: int, error: str, number: int, text: str) -> Answer:
    trace = "Trace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333 Timestamp: 2026-01-09 02:02:12Z"
    return refused(status, error, f"AADSTS{number}: {text} {trace}", error_codes=[number], timestamp="2026-01-09 02:02:12Z")


ENTRA_CLIENT = "6731de76-14a6-49ae-97bc-6eba6914391e"
ENTRA_URL = "https://login.microsoftonline.com/acme.onmicrosoft.com/oauth2/v2.0/token"
FEDERATED = "platform.issued.token"


def _entra_knows(asked: Asked) -> bool:
    """A secret, the registered certificate's JWT, or the platform's token."""
    said = asked.params
    if "client_secret" in said:
        return said["client_secret"] == SECRET and "client_assertion" not in said
    if said.get("client_assertion_type") != JWT_BEARER:
        return False
    claims = {"iss": ENTRA_CLIENT, "sub": ENTRA_CLIENT, "aud": ENTRA_URL}
    shown = {"x5t#S256": keys.thumbprint("sha256")}
    return said.get("client_assertion") == FEDERATED or keys.proved(said.get("client_assertion"), claims, longest=600, header=shown)


MICROSOFT_ENTRA = Vendor(
    endpoints=(
        Endpoint(
            "/acme.onmicrosoft.com/oauth2/v2.0/token",
            (
                kind(
                    "form", _aadsts(400, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
                ),
                says("grant_type", GRANT, _aadsts(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")),
                says(
                    "client_id",
                    ENTRA_CLIENT,
                    _aadsts(400, "unauthorized_client", 700016, "Application with identifier 'x' was not found in the directory 'Acme'."),
                ),
                Rule(_entra_knows, _aadsts(401, "invalid_client", 7000215, "Invalid client secret provided.")),
                there("scope", _aadsts(400, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")),
                says(
                    "scope",
                    "https://graph.microsoft.com/.default",
                    _aadsts(
                        400,
                        "invalid_scope",
                        1002012,
                        "The provided value for scope is not valid. Client credential flows must have a scope value with /.default.",
                    ),
                ),
            ),
            token("entra", expires_in=3599, ext_expires_in=3599),
        ),
    ),
    wants=bearer("entra"),
    secrets=ENV,
    faults=(
        WRONG_SECRET,
        Fault("scope without .default", {"scope": "https://graph.microsoft.com/User.Read"}, "token_invalid_scope", "scope"),
        Fault("no scope", {"scope": None}, "token_request_refused", "scope"),
        Fault("unknown application", {"client_id": "nobody"}, "token_unauthorized_client", "client_id"),
    ),
)


# Salesforce -------------------------------------------------------------------------------------------------------------------------

SALESFORCE = Vendor(
    endpoints=(
        Endpoint(
            "/services/oauth2/token",
            (
                says("grant_type", GRANT, refused(400, "unsupported_grant_type", "grant type not supported")),
                says(
                    "client_id",
                    "3MVG9lKcPoNINVBIPJjdw1J9LLM82HnFVVX19KY1uA5mu0QqEWhqKpoW3svG3XHrXDiCQjK1mdgAvhCscA9GE",
                    refused(400, "invalid_client_id", "client identifier invalid"),
                ),
                says("client_secret", SECRET, refused(400, "invalid_client", "invalid client credentials")),
            ),
            Answer(
                200,
                {
                    "access_token": "salesforce-token",
                    "signature": "l2tYRwKvnyTHHXxcRmFdAzFhlJgdNMlwfwUYkvoPHv8=",
                    "scope": "api",
                    "instance_url": "{api}",
                    "id": "https://login.salesforce.com/id/00D000000000000EAA/005000000000000AAA",
                    "token_type": "Bearer",
                    "issued_at": "1700000000000",
                },
            ),
        ),
    ),
    wants=bearer("salesforce"),
    secrets=ENV,
    faults=(
        WRONG_SECRET,
        Fault("unknown client", {"client_id": "nobody"}, "token_invalid_client", "client_id"),
        Fault("a host that is not allowed", {"token_response": {"upstream": "id"}}, "token_response_invalid", "allowed_hosts"),
    ),
)

STRIPE = Vendor(
    endpoints=(),
    wants={"Authorization": "Bearer rk_test_4eC39HqLyjWDarjtT1zdp7dc"},
    secrets={"STRIPE_KEY": "rk_test_4eC39HqLyjWDarjtT1zdp7dc"},
)


# SAP --------------------------------------------------------------------------------------------------------------------------------

SAP_XSUAA = Vendor(
    endpoints=(
        Endpoint(
            "/oauth/token",
            (
                posted("sb-bookshop!t1234", SECRET, refused(401, "unauthorized", "Bad credentials")),
                there("grant_type", refused(400, "invalid_request", "Missing grant type")),
                says("grant_type", GRANT, refused(400, "unsupported_grant_type", "Unsupported grant type: x")),
                absent("scope", refused(400, "invalid_scope", "[x] is invalid. Please use a valid scope name in the request")),
            ),
            token("xsuaa", token_type="bearer", expires_in=43199, scope="uaa.resource bookshop!t1234.read", jti="7bb2a8c3"),
        ),
    ),
    wants=bearer("xsuaa"),
    secrets=ENV,
    faults=(
        Fault("wrong secret", {"client_secret": "wrong"}, "token_request_refused", "client_secret"),
        Fault("unknown scope", {"scope": "x"}, "token_invalid_scope", "scope"),
    ),
)

SAP_IAS = Vendor(
    endpoints=(
        Endpoint(
            "/oauth2/token",
            (
                says("grant_type", GRANT, refused(400, "unsupported_grant_type", "Grant type is not supported")),
                _decoded_basic(
                    "3f0a4c1e-7a2e-4a4b-9a39-0e5cbd1c2f6d",
                    refused(401, "invalid_client", "Authentication failed: invalid client credentials"),
                ),
                says(
                    "resource",
                    "urn:sap:identity:application:provider:name:approvals",
                    refused(400, "invalid_target", "The requested resource is invalid"),
                ),
            ),
            token("ias"),
        ),
    ),
    wants=bearer("ias"),
    secrets=ENV,
    faults=(
        WRONG_SECRET,
        Fault("unknown dependency", {"resource": "urn:sap:identity:application:provider:name:nope"}, "token_request_refused", "resource"),
    ),
)

SAP_S4HANA_CLOUD = Vendor(
    endpoints=(
        Endpoint(
            "/sap/bc/sec/oauth2/token",
            (
                header("authorization", None, Answer(401, "<html>Logon failed</html>", "text/html")),
                basic("BEARERD_COM_0008", SECRET, refused(401, "invalid_client", "OAuth client authentication failed")),
                kind("form", refused(400, "invalid_request", "Parameter grant_type is missing")),
                says("grant_type", GRANT, refused(400, "unsupported_grant_type", "Grant type is not supported")),
            ),
            token("s4", expires_in="3600"),
        ),
    ),
    wants=bearer("s4"),
    secrets=ENV,
    faults=(
        WRONG_SECRET,
        Fault("a path that is not activated", {"token_url": "/sap/bc/sec/oauth/token"}, "token_endpoint_not_found", "token_url"),
    ),
)


# Okta and Keycloak ------------------------------------------------------------------------------------------------------------------

OKTA_CLIENT = "0oab8eb55Kb9jdMIr5d6"


def _okta_knows(asked: Asked) -> bool:
    if "client_assertion" not in asked.params:
        return tuple(map(unquote_plus, asked.basic)) == (OKTA_CLIENT, SECRET)
    claims = {"iss": OKTA_CLIENT, "sub": OKTA_CLIENT, "aud": "https://acme.okta.com/oauth2/default/v1/token"}
    right_type = asked.params.get("client_assertion_type") == JWT_BEARER and "authorization" not in asked.headers
    return right_type and keys.proved(asked.params["client_assertion"], claims, longest=3600, header={"kid": "fleet-2026"})


OKTA = Vendor(
    endpoints=(
        Endpoint(
            "/oauth2/default/v1/token",
            (
                kind("form", refused(400, "invalid_request", "The token request must be of type application/x-www-form-urlencoded.")),
                Rule(_okta_knows, refused(401, "invalid_client", "The client secret supplied for a confidential client is invalid.")),
                says(
                    "grant_type",
                    GRANT,
                    refused(400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server."),
                ),
                there(
                    "scope",
                    refused(
                        400,
                        "invalid_scope",
                        "The authorization server resource does not have any configured default scopes, 'scope' must be provided.",
                    ),
                ),
                says(
                    "scope",
                    "fleet.read",
                    refused(400, "invalid_scope", "One or more scopes are not configured for the authorization server resource."),
                ),
            ),
            token("okta", scope="fleet.read"),
        ),
    ),
    wants=bearer("okta"),
    secrets=ENV,
    faults=(
        WRONG_SECRET,
        Fault("unknown scope", {"scope": "fleet.fly"}, "token_invalid_scope", "scope"),
        Fault("no scope", {"scope": None}, "token_invalid_scope", "scope"),
        Fault("another server", {"token_url": "/oauth2/nope/v1/token"}, "token_endpoint_not_found", "token_url"),
    ),
)

KEYCLOAK = Vendor(
    endpoints=(
        Endpoint(
            "/realms/acme/protocol/openid-connect/token",
            (
                kind("form", Answer(415, {"error": "HTTP 415 Unsupported Media Type"})),
                _decoded_basic("stock-sync", refused(401, "invalid_client", "Invalid client or Invalid client credentials")),
                says("grant_type", GRANT, refused(400, "unsupported_grant_type", "Unsupported grant_type")),
                absent("scope", refused(400, "invalid_scope", "Invalid scopes: stock:fly")),
            ),
            token("keycloak", expires_in=300, refresh_expires_in=0, **{"not-before-policy": 0, "scope": "profile email"}),
        ),
    ),
    wants=bearer("keycloak"),
    secrets=ENV,
    faults=(
        WRONG_SECRET,
        Fault("unknown scope", {"scope": "stock:fly"}, "token_invalid_scope", "scope"),
        Fault("unknown realm", {"token_url": "/realms/nope/protocol/openid-connect/token"}, "token_endpoint_not_found", "token_url"),
        Fault("JSON", {"token_request": {"content_type": "json"}}, "token_request_refused", "token_request.content_type"),
    ),
)

PAYPAL_CLIENT = "AYSq3RDGsmBLJE-otTkBtM-jBRd1TCQwFf9RGfwddNXWz0uFU9ztymylOhRS"
PAYPAL = Vendor(
    endpoints=(
        Endpoint(
            "/v1/oauth2/token",
            (
                basic(PAYPAL_CLIENT, SECRET, refused(401, "invalid_client", "Client Authentication failed")),
                says("grant_type", GRANT, refused(400, "unsupported_grant_type", "Grant Type is NULL")),
            ),
            token(
                "paypal",
                scope="https://uri.paypal.com/services/invoicing https://uri.paypal.com/services/applications/webhooks",
                app_id="APP-80W284485P519543T",
                expires_in=31668,
                nonce=f"{int(time.time())}Zabc",
            ),
        ),
    ),
    wants=bearer("paypal"),
    secrets=ENV,
    faults=(WRONG_SECRET,),
)

VENDORS = {
    "auth0": AUTH0,
    "keycloak": KEYCLOAK,
    "microsoft_entra": MICROSOFT_ENTRA,
    "okta": OKTA,
    "paypal": PAYPAL,
    "salesforce": SALESFORCE,
    "sap_ias": SAP_IAS,
    "sap_s4hana_cloud": SAP_S4HANA_CLOUD,
    "sap_xsuaa": SAP_XSUAA,
    "stripe": STRIPE,
}
