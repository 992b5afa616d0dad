"""proxy/settings/unused.py: keys that have no effect beside the others."""

from __future__ import annotations

import re

import pytest

from tests.unit.settings.conftest import CLIENT, GRANT, TOKEN_URL, Loaded

SECRET = "{env: CRM_SECRET}"
LOGIN = f"type: login_token\n{TOKEN_URL}"
KEY = "private_key: {file: key}\n"
SIGNING = f"type: oauth2_client_credentials\n{TOKEN_URL}client_id: erp\nclient_auth: private_key_jwt\n"
BEARER = f"type: oauth2_jwt_bearer\n{TOKEN_URL}client_id: erp\n"
SAML = f"type: oauth2_saml_bearer\n{TOKEN_URL}client_id: erp\n{KEY}certificate: {{file: certificate}}\n"
BODY = "it is not sent: token_request.body stands in place of every parameter; write it into that"
NONE = "no assertion is made: neither client_auth nor the grant signs one"

FOUND = {
    "beside a body": (
        GRANT + "audience: b\nresource: 'urn:a'\ngrant_type: c\ntoken_request: {content_type: json, body: {x: 1}}\n",
        [f"{key}: {BODY}" for key in ("audience", "resource", "grant_type")],
    ),
    "a login's user": (
        LOGIN + f"username: u\npassword: {SECRET}\n",
        [f"{key}: it is not sent: no template of the login names ${{{key}}}" for key in ("username", "password")],
    ),
    "an encoding": (
        GRANT + "client_auth: client_secret_post\nbasic_encoding: raw\n",
        ["basic_encoding: it holds for client_secret_basic, and client_auth is client_secret_post"],
    ),
    "a secret beside a key": (
        SIGNING + KEY + f"client_secret: {SECRET}\n",
        ["client_secret: it is not sent: client_auth is private_key_jwt"],
    ),
    "an assertion of another": (
        GRANT + f"client_assertion: {SECRET}\n",
        ["client_assertion: it is not sent: client_auth is client_secret_basic"],
    ),
    "a key": (GRANT + KEY, ["private_key: nothing is signed with it"]),
    "a certificate": (
        GRANT + "certificate: {file: certificate}\n",
        ["certificate: nothing names it: assertion.x5t and assertion.x5t#S256 do, and SAML"],
    ),
    "an assertion that is not made": (
        GRANT + "assertion: {kid: a, subject: b}\n",
        [f"assertion.kid: {NONE}", f"assertion.subject: {NONE}"],
    ),
    "an assertion that is taken": (BEARER + "assertion: {header: X, lifetime: 1m}\n", [f"assertion.lifetime: {NONE}"]),
    "an assertion that no login names": (
        LOGIN + "assertion: {header: X}\n",
        ["assertion.header: no template of the login names ${assertion}"],
    ),
    "SAML in a JWT": (BEARER + KEY + "assertion: {recipient: a}\n", ["assertion.recipient: it is a part of a SAML assertion alone"]),
    "a JWT in SAML": (
        SAML + "assertion: {kid: a, claims: {b: c}}\n",
        [f"assertion.{key}: it is a part of a JWT, and this assertion is SAML" for key in ("kid", "claims")],
    ),
    "a refresh of what is presented": (
        f"type: oauth2_token_exchange\n{CLIENT}subject_token: {{header: X}}\nrefresh: {{token_request: {{}}}}\n",
        ["refresh: nothing is refreshed: what a caller presents is exchanged anew"],
    ),
}


@pytest.mark.parametrize(("credential", "expected"), FOUND.values(), ids=FOUND)
def test_a_key_without_effect_is_told(loaded: Loaded, credential: str, expected: list[str]) -> None:
    """Each at its key, with the reason, and the configuration is used."""
    warnings = loaded(credential).warnings
    assert [re.sub(r"^\S+: credentials\.crm\.", "", str(warning)) for warning in warnings] == expected


SILENT = {
    "a scope, by which tokens are examined": GRANT + "scope: a\ntoken_request: {content_type: json, body: {scopes: [a]}}\n",
    "a body that says it": GRANT + "audience: a\ntoken_request: {content_type: json, body: {x: [{audience: a}]}}\n",
    "a login that names its user": LOGIN
    + f"username: u\npassword: {SECRET}\ntoken_request: {{body: {{u: '${{username}}:${{password}}'}}}}\n",
    "an encoding of Basic": GRANT + "basic_encoding: raw\n",
    "a client's assertion": SIGNING + KEY + "certificate: {file: certificate}\nassertion: {x5t: true, subject: a}\n",
    "a secret's assertion": GRANT + "client_auth: client_secret_jwt\nassertion: {lifetime: 1m}\n",
    "another's assertion": SIGNING + "client_assertion: {file: secret}\n",
    "a grant's assertion": BEARER + KEY + "assertion: {subject: a, kid: b, claims: {c: d}}\n",
    "SAML": SAML + "assertion: {recipient: a, attributes: {b: c}}\n",
    "SAML beside a client's assertion": SAML + "client_auth: private_key_jwt\nassertion: {kid: a}\n",
    "a login's assertion": LOGIN + KEY + "client_id: a\nassertion: {subject: b}\ntoken_request: {body: {a: '${assertion}'}}\n",
}


@pytest.mark.parametrize("credential", SILENT.values(), ids=SILENT)
def test_a_key_with_an_effect_is_not_told(loaded: Loaded, credential: str) -> None:
    """A warning about what works would hide those that help."""
    assert loaded(credential).warnings == ()
