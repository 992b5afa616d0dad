"""Signed JWTs, verified by cryptography alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwk, jws, jwt

from proxy.oauth.assertions import KeyAlg
from proxy.oauth.signing import jose
from proxy.oauth.signing.keys import ALGS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
FITTING = [(kind, alg) for kind, algs in ALGS.items() for alg in algs]


def unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims."""
    header, claims, _ = token.split(".")
    return json.loads(unpadded(header)), json.loads(unpadded(claims))


def verify(token: str, native: PrivateKeyTypes, alg: str) -> None:
    """Raises InvalidSignature when it is not the native key's."""
    signed, signature = token.rpartition(".")[0].encode(), unpadded(token.rpartition(".")[2])
    match native:
        case rsa.RSAPrivateKey():
            chosen = HASHES[alg[2:]]()
            pss = padding.PSS(padding.MGF1(chosen), chosen.digest_size)  # RFC 7518 §3.5
            native.public_key().verify(signature, signed, padding.PKCS1v15() if alg.startswith("RS") else pss, chosen)
        case ec.EllipticCurvePrivateKey():
            half = (native.key_size + 7) // 8  # RFC 7518 §3.4
            assert len(signature) == 2 * half
            der = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            native.public_key().verify(der, signed, ec.ECDSA(HASHES[alg[2:]]()))
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            native.public_key().verify(signature, signed)
        case _:
            pytest.fail("no such key")


@pytest.mark.parametrize(("kind", "alg"), FITTING)
def test_every_algorithm_signs(natives: Mapping[str, PrivateKeyTypes], pems: Mapping[str, str], kind: str, alg: str) -> None:
    """What is signed here is what RFC 7518 and RFC 8037 say, verified with cryptography."""
    token = jose.sign_jwt(pems[kind], alg=alg, claims={"iss": "erp", "exp": 1})
    verify(token, natives[kind], alg)
    assert opened(token) == ({"typ": "JWT", "alg": alg}, {"iss": "erp", "exp": 1})


def test_every_algorithm_that_settings_take_has_a_key() -> None:
    """No alg can be configured that no key signs with, and none is left out."""
    assert {alg for algs in ALGS.values() for alg in algs} == set(get_args(KeyAlg))


@pytest.mark.parametrize(
    ("kind", "alg"), [("RSA", "RS256"), ("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512"), ("Ed448", "EdDSA")]
)
def test_the_key_chooses(pems: Mapping[str, str], kind: str, alg: str) -> None:
    """Without an alg, the one that fits the key is taken."""
    assert opened(jose.sign_jwt(pems[kind], claims={}))[0]["alg"] == alg


@pytest.mark.parametrize(
    ("header", "whole"),
    [
        ({"kid": "k1", "x5t": "AA"}, {"typ": "JWT", "kid": "k1", "x5t": "AA", "alg": "ES256"}),
        ({"typ": "dpop+jwt"}, {"typ": "dpop+jwt", "alg": "ES256"}),
        ({"typ": None, "kid": None}, {"alg": "ES256"}),
        ({"alg": "none"}, {"typ": "JWT", "alg": "ES256"}),
    ],
)
def test_header(pems: Mapping[str, str], header: dict[str, object], whole: dict[str, object]) -> None:
    """Members are added or taken away; alg is always the one that signed."""
    assert opened(jose.sign_jwt(pems["P-256"], claims={}, header=header))[0] == whole


def test_kid_of_the_jwk(natives: Mapping[str, PrivateKeyTypes]) -> None:
    """A JWK's own kid and alg go into the header."""
    native = natives["RSA"]
    assert isinstance(native, rsa.RSAPrivateKey)
    text = json.dumps(jwk.RSAKey(native, native).as_dict(private=True) | {"kid": "k7", "alg": "PS384"})
    assert opened(jose.sign_jwt(text, claims={}))[0] == {"typ": "JWT", "kid": "k7", "alg": "PS384"}


@pytest.mark.parametrize(("kind", "alg"), [("RSA", "ES256"), ("P-256", "ES384"), ("Ed25519", "Ed448"), ("RSA", "HS256"), ("RSA", "none")])
def test_an_algorithm_that_does_not_fit(pems: Mapping[str, str], kind: str, alg: str) -> None:
    """A key signs with its own algorithms alone, and the error names the key to change and what fits."""
    with pytest.raises(ValueError, match=rf"alg {alg} does not fit .*{kind}; change assertion\.alg to (\w+256|EdDSA)$"):
        jose.sign_jwt(pems[kind], alg=alg, claims={})


@pytest.mark.parametrize("claims", [{"a": b"bytes"}, {"a": float("nan")}])
def test_claims_that_are_no_json(pems: Mapping[str, str], claims: dict[str, object]) -> None:
    """What JSON cannot say is refused as a value, not signed."""
    with pytest.raises(ValueError, match="JSON"):
        jose.sign_jwt(pems["P-256"], claims=claims)


@pytest.mark.parametrize(("alg", "digest"), [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")])
@pytest.mark.parametrize(
    "secret", ["s", "a much longer secret, longer than any of the hashes that are made here, of which the longest has 64 bytes", "gehëim"]
)
def test_sign_hs(secret: str, alg: str, digest: str) -> None:
    """The MAC is over the secret's UTF-8 bytes, however short the vendor made it."""
    token = jose.sign_hs(secret, alg=alg, claims={"iss": "erp"}, header={"kid": "k"})
    signed, _, signature = token.rpartition(".")
    assert unpadded(signature) == hmac.new(secret.encode(), signed.encode(), getattr(hashlib, digest)).digest()
    assert opened(token) == ({"typ": "JWT", "kid": "k", "alg": alg}, {"iss": "erp"})


def test_joserfc_reads_what_a_secret_signed() -> None:
    """Another implementation accepts the JWT and its claims."""
    secret = "0123456789abcdef0123456789abcdef"
    token = jwt.decode(jose.sign_hs(secret, claims={"sub": "ümlaut"}), jwk.OctKey.import_key(secret), algorithms=["HS256"])
    assert token.claims == {"sub": "ümlaut"}


def test_joserfc_reads_what_a_key_signed(natives: Mapping[str, PrivateKeyTypes], pems: Mapping[str, str]) -> None:
    """Another implementation accepts the JWS by the public key alone."""
    native = natives["RSA"]
    assert isinstance(native, rsa.RSAPrivateKey)
    public = native.public_key()
    read = jws.deserialize_compact(
        jose.sign_jwt(pems["RSA"], alg="PS256", claims={"a": 1}), jwk.RSAKey(public, public), algorithms=["PS256"]
    )
    assert json.loads(read.payload) == {"a": 1}


@pytest.mark.parametrize(("secret", "alg"), [("", "HS256"), ("secret", "RS256")])
def test_sign_hs_refuses(secret: str, alg: str) -> None:
    """An empty secret and a key's algorithm make no MAC."""
    with pytest.raises(ValueError, match="client_secret"):
        jose.sign_hs(secret, alg=alg, claims={})
