"""Vendors whose clients sign: a JWT as the grant, a JWT as the caller's own token, a SAML assertion.

What their documentation asks of the assertion is checked claim by claim.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from signxml.exceptions import InvalidInput, InvalidSignature
from signxml.verifier import XMLVerifier

from tests.fakes.vendors import keys
from tests.fakes.vendors.identity import bearer, token
from tests.fakes.vendors.vendor import Answer, Endpoint, Fault, Rule, Vendor, absent, header, kind, refused, says

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.vendors.vendor import Asked

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
ANOTHER_KEY = {"private_key": keys.another_key()}


def proof(claims: Mapping[str, object], refusal: Answer, *, longest: int) -> Rule:
    """The parameter `assertion` is a JWT of the registered key with these claims."""
    return Rule(lambda asked: keys.proved(asked.params.get("assertion"), claims, longest=longest), refusal)


# Google -----------------------------------------------------------------------------------------------------------------------------

GOOGLE_CLAIMS = {"iss": "sync@acme-project.iam.gserviceaccount.com", "aud": "https://oauth2.googleapis.com/token"}
GOOGLE = Vendor(
    endpoints=(
        Endpoint(
            "/token",
            (
                kind("form", refused(400, "invalid_request", "Required parameter is missing: grant_type")),
                says("grant_type", JWT_BEARER, refused(400, "unsupported_grant_type", "Invalid grant_type: x")),
                absent("client_secret", refused(401, "invalid_client", "The OAuth client was not found.")),
                absent("client_id", refused(401, "invalid_client", "The OAuth client was not found.")),
                proof(GOOGLE_CLAIMS, refused(400, "invalid_grant", "Invalid JWT Signature."), longest=3600),
                proof(
                    {"scope": "https://www.googleapis.com/auth/devstorage.read_only"},
                    refused(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
                    longest=3600,
                ),
            ),
            token("google", expires_in=3599),
        ),
    ),
    wants=bearer("google"),
    faults=(
        Fault("a key that was deleted", ANOTHER_KEY, "token_invalid_grant", "private_key"),
        Fault("unknown scope", {"values": {"scope": "fly"}}, "token_invalid_scope", "assertion.claims"),
    ),
)


# GitHub -----------------------------------------------------------------------------------------------------------------------------

DOCS = "https://docs.github.com/rest"


def _app_token(asked: Asked) -> bool:
    scheme, _, said = asked.headers.get("authorization", "").partition(" ")
    return scheme == "Bearer" and keys.proved(said, {"iss": "Iv23liAbCdEfGhIjKlMn"}, longest=600)


GITHUB = Vendor(
    endpoints=(
        Endpoint(
            "/app/installations/4242/access_tokens",
            (
                header("user-agent", None, Answer(403, "Request forbidden by administrative rules.", "text/plain")),
                Rule(
                    _app_token,
                    Answer(401, {"message": "A JSON web token could not be decoded", "documentation_url": DOCS, "status": "401"}),
                ),
            ),
            Answer(
                201,
                {
                    "token": "github-token",
                    "expires_at": (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "permissions": {"contents": "read"},
                    "repository_selection": "all",
                },
            ),
        ),
        Endpoint(
            "/app/installations/1/access_tokens", (), Answer(404, {"message": "Not Found", "documentation_url": DOCS, "status": "404"})
        ),
    ),
    wants=bearer("github"),
    present=("user-agent",),
    faults=(
        Fault("a key that was deleted", ANOTHER_KEY, "token_request_refused", "assertion"),
        Fault("unknown installation", {"token_url": "/app/installations/1/access_tokens"}, "token_endpoint_not_found", "token_url"),
    ),
)


# DocuSign ---------------------------------------------------------------------------------------------------------------------------

DOCUSIGN_USER = {"sub": "4799e5e9-2b0c-4a1e-8f2d-6b5f0c6b7a51"}
DOCUSIGN_CLAIMS = {"iss": "230546a7-9c55-40ad-8fbf-af205d5494ad", "aud": "account-d.docusign.com", "scope": "signature impersonation"}
DOCUSIGN = Vendor(
    endpoints=(
        Endpoint(
            "/oauth/token",
            (
                says("grant_type", JWT_BEARER, refused(400, "unsupported_grant_type", "unsupported_grant_type")),
                proof({}, refused(400, "invalid_grant", "no_valid_keys_or_signatures"), longest=3600),
                proof(DOCUSIGN_CLAIMS, refused(400, "invalid_grant", "issuer_not_found"), longest=3600),
                proof(DOCUSIGN_USER, refused(400, "consent_required"), longest=3600),
            ),
            token("docusign", scope="signature impersonation"),
        ),
    ),
    wants=bearer("docusign"),
    faults=(
        Fault("another key", ANOTHER_KEY, "token_invalid_grant", "private_key"),
        Fault("a user who has not consented", {"assertion": {"subject": "somebody"}}, "token_request_refused", ""),
    ),
)


# SAP SuccessFactors -----------------------------------------------------------------------------------------------------------------

API_KEY = "NTZmY2E1YzE4ZTg4NzM1ZDU4"


def _assertion(asked: Asked) -> Any:
    """What the registered certificate's key has signed, and nothing else; None: it has signed nothing."""
    blob = str(asked.params.get("assertion", ""))
    try:
        document = base64.b64decode(blob.replace("-", "+").replace("_", "/") + "==")  # "Base64" says the documentation, of either alphabet
        verified = XMLVerifier().verify(document, x509_cert=keys.certificate())
    except (binascii.Error, InvalidSignature, InvalidInput, ValueError):
        return None
    return None if isinstance(verified, list) else verified.signed_xml


def _says(asked: Asked, path: str, attribute: str, value: str) -> bool:
    found = _assertion(asked)
    element = found.find(path) if found is not None else None
    return element is not None and (element.get(attribute) if attribute else (element.text or "").strip()) == value


def _fails(text: str) -> Answer:
    return Answer(401, {"errorHttpCode": "401", "errorMessage": text})


CONDITIONS, CONFIRMATION = f"{SAML}Conditions/{SAML}AudienceRestriction", f"{SAML}Subject/{SAML}SubjectConfirmation"
BAD_SIGNATURE = "Unable to verify the signature of the SAML assertion. Please ensure that the assertion has a signature"
SUCCESSFACTORS = Vendor(
    endpoints=(
        Endpoint(
            "/oauth/token",
            (
                kind("form", _fails("Unable to authenticate the client (unsupported content type)")),
                says("company_id", "acmeT1", _fails("Authentication failed due to invalid companyId")),
                says(
                    "grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer", _fails("Unable to authenticate the client (grant_type)")
                ),
                says("client_id", API_KEY, _fails("Unable to authenticate the client (invalid client)")),
                Rule(lambda asked: _assertion(asked) is not None, _fails(BAD_SIGNATURE)),
                Rule(lambda asked: _says(asked, f"{CONDITIONS}/{SAML}Audience", "", "www.successfactors.com"), _fails("wrong audience")),
                Rule(
                    lambda asked: _says(
                        asked, f"{CONFIRMATION}/{SAML}SubjectConfirmationData", "Recipient", "https://api4.successfactors.com/oauth/token"
                    ),
                    _fails("wrong recipient"),
                ),
                Rule(lambda asked: _says(asked, f"{SAML}AttributeStatement/{SAML}Attribute", "Name", "api_key"), _fails("no api_key")),
                Rule(
                    lambda asked: _says(asked, f"{SAML}Subject/{SAML}NameID", "", "SFAPI"),
                    _fails("Unable to authenticate the client (Login failed - invalid user)"),
                ),
            ),
            token("successfactors", expires_in=86399),
        ),
    ),
    wants=bearer("successfactors"),
    faults=(
        Fault("another key", ANOTHER_KEY | {"certificate": keys.another_certificate()}, "token_request_refused", "private_key"),
        Fault("unknown user", {"assertion": {"subject": "nobody"}}, "token_request_refused", "assertion.subject"),
        Fault("unknown company", {"values": {"company_id": "ACMET1"}}, "token_request_refused", "values.company_id"),
    ),
)

VENDORS = {"docusign": DOCUSIGN, "github_app": GITHUB, "google_service_account": GOOGLE, "sap_successfactors": SUCCESSFACTORS}
