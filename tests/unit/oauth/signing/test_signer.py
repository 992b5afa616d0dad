"""The signer that exchanges are given."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jws

from proxy.oauth.exchange import SAMLAssertion
from proxy.oauth.signing.signer import KeySigner
from proxy.oauth.token import Send

ROOT = Path(__file__).parents[4]
TOKEN_URL = "https://as.example/token"
GET = Send("GET", "https://api.example/")


def signer() -> KeySigner:
    return KeySigner(wall=lambda: 1_700_000_000, unique=lambda: "j1")


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def test_nothing_is_loaded_before_the_first_key() -> None:
    """Who signs nothing pays for no cryptography: importing the signer brings none of it."""
    said = "import sys, proxy.oauth.signing.signer; print(sorted({'cryptography', 'joserfc', 'lxml', 'signxml'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_assertions(pems: Mapping[str, str], certificate: str) -> None:
    """JWTs, MACs and thumbprints are those of the modules that make them."""
    ours = signer()
    assert opened(ours.jwt(pems["RSA"], claims={"a": 1}, alg="PS256", header={"kid": "k"})) == (
        {"typ": "JWT", "kid": "k", "alg": "PS256"},
        {"a": 1},
    )
    assert opened(ours.hmac("secret", claims={"a": 1}, header={"kid": "k"})) == ({"typ": "JWT", "kid": "k", "alg": "HS256"}, {"a": 1})
    assert ours.thumbprint(certificate, "sha1") != ours.thumbprint(certificate, "sha256")


@pytest.mark.parametrize("with_certificate", [True, False])
def test_saml(pems: Mapping[str, str], certificate: str, *, with_certificate: bool) -> None:
    """A SAML assertion comes with the certificate, or without where there is none."""
    said = SAMLAssertion("i", "s", "a", "r", "f", {}, epoch=1_700_000_000, lifetime=300, unique="u1")
    made = signer().saml(said, key=pems["RSA"], certificate=certificate if with_certificate else "")
    assert (b"X509Certificate" in base64.urlsafe_b64decode(made + "==")) is with_certificate


def test_a_process_s_own_key() -> None:
    """Without a key, a prover makes one, and its proofs are good for the key in their header."""
    ours = signer().prover(None, of="crm")
    proof = ours.proof("POST", TOKEN_URL, nonce=None)
    header, claims = opened(proof)
    assert claims == {"jti": "j1", "htm": "POST", "htu": TOKEN_URL, "iat": 1_700_000_000}
    assert jws.deserialize_compact(proof, jwk.import_key(header["jwk"]), algorithms=["ES256"])
    assert opened(ours.proof("POST", TOKEN_URL, nonce=None))[0] == header
    assert opened(signer().prover(None, of="crm").proof("POST", TOKEN_URL, nonce=None))[0] != header


def test_a_prover_stays() -> None:
    """One key for one credential, however often it is asked for, until it is no longer kept; another one has its own."""
    keys = signer()
    ours = keys.prover(None, of="crm")
    assert keys.prover(None, of="erp") is not ours
    keys.keep({"crm"})
    assert keys.prover(None, of="crm") is ours
    keys.keep(())
    assert keys.prover(None, of="crm") is not ours


def test_another_key_is_another_prover(pems: Mapping[str, str]) -> None:
    """A changed key proves from then on."""
    keys = signer()
    ours = keys.prover(pems["P-256"], of="crm")
    assert keys.prover(pems["P-256"], of="crm") is ours
    assert opened(keys.prover(pems["P-384"], of="crm").proof("POST", TOKEN_URL, nonce=None))[0]["alg"] == "ES384"


def test_a_key_of_ones_own(pems: Mapping[str, str]) -> None:
    """A configured key signs the proofs, at the token endpoint and at the API."""
    ours = signer().prover(pems["P-384"], of="crm")
    at_endpoint = opened(ours.proof("POST", TOKEN_URL, nonce=None))[0]
    ((_, value),) = ours.for_token("token").headers(GET)
    assert at_endpoint["alg"] == "ES384"
    assert opened(value.decode())[0] == at_endpoint


def test_nonces() -> None:
    """What a server gave is remembered for the next exchange and the next token; the caller chooses what a proof has."""
    ours = signer().prover(None, of="crm")
    assert ours.nonce(TOKEN_URL) is None
    assert ours.learn(TOKEN_URL, "n1")
    assert not ours.learn(TOKEN_URL, None)
    assert opened(ours.proof("POST", TOKEN_URL, nonce=ours.nonce(TOKEN_URL)))[1]["nonce"] == "n1"
    ours.for_token("old").heard(GET, 200, [(b"DPoP-Nonce", b"n2")])
    ((_, value),) = ours.for_token("new").headers(GET)
    assert opened(value.decode())[1]["nonce"] == "n2"
