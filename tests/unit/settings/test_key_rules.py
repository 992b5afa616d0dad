"""Private keys and certificates are read with the settings."""

from __future__ import annotations

import pytest

from tests.unit.settings.conftest import GRANT, TOKEN_URL, Told

ASSERTED = f"type: oauth2_jwt_bearer\n{TOKEN_URL}client_id: erp\n"

BROKEN = {
    "a certificate for a key": (
        ASSERTED + "private_key: {file: certificate}\n",
        ["private_key: a certificate stands where a private key belongs; give the key that was made with it"],
    ),
    "a DPoP key that is none": (
        GRANT + "dpop: true\ndpop_key: {file: secret}\n",
        ["dpop_key: no private key found; expected PEM (-----BEGIN PRIVATE KEY-----) or a JWK"],
    ),
    "a DPoP key without DPoP": (GRANT + "dpop_key: {file: key}\n", ["dpop_key: it is of no use without dpop: true"]),
    "a key for a certificate": (
        ASSERTED + "private_key: {file: key}\ncertificate: {file: key}\n",
        ["certificate: no certificate found; expected PEM (-----BEGIN CERTIFICATE-----)"],
    ),
    "a certificate of another key": (
        ASSERTED + "private_key: {file: key}\ncertificate: {file: other}\n",
        ["certificate: the certificate is over another key than the private key; give the two that were made together, the signer's first"],
    ),
    "a thumbprint of nothing": (
        ASSERTED + "private_key: {file: key}\nassertion: {x5t#S256: true}\n",
        ["certificate: this key is missing; assertion.x5t#S256 is its thumbprint"],
    ),
    "claims that are a list": (
        ASSERTED + "private_key: {file: key}\nassertion: {claims: [a]}\n",
        ["assertion.claims: expected a mapping of names to values"],
    ),
    "an algorithm of another key": (
        ASSERTED + "private_key: {file: key}\nassertion: {alg: RS256}\n",
        ["assertion.alg: alg RS256 does not fit the private key, which is P-256; change assertion.alg to ES256"],
    ),
    "an algorithm that no secret signs with": (
        GRANT + "client_auth: client_secret_jwt\nassertion: {alg: RS256}\n",
        ["assertion.alg: client_auth client_secret_jwt signs with HS256, HS384, HS512"],
    ),
    "an assertion that is over at once": (
        ASSERTED + "private_key: {file: key}\nassertion: {lifetime: 0}\n",
        ["assertion.lifetime: 0 lets nothing pass; give a longer time"],
    ),
}


@pytest.mark.parametrize(("credential", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_key_that_cannot_be_used_is_found_with_the_settings(told: Told, credential: str, expected: list[str]) -> None:
    """Nobody learns of a wrong key when the first token is asked for."""
    assert told(credential) == expected


GOOD = {
    "a key and its certificate": ASSERTED
    + "private_key: {file: key}\ncertificate: {file: certificate}\nassertion: {x5t: true, alg: ES256}\n",
    "a secret's algorithm": GRANT + "client_auth: client_secret_jwt\nassertion: {alg: HS512}\n",
    "a key that a program says": ASSERTED + "private_key: {command: [cat, nowhere]}\n",
}


@pytest.mark.parametrize("credential", GOOD.values(), ids=GOOD)
def test_what_can_be_used_loads(told: Told, credential: str) -> None:
    """A program is not run for a check."""
    assert told(credential) == []
