"""Private keys from the text that users have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from proxy.oauth.signing.keys import ALGS, PrivateKey, private_key
from tests.unit.oauth.signing.conftest import pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
KINDS = tuple(ALGS)
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def public_bytes(key: object) -> bytes:
    """The public half, of a key that cryptography holds."""
    native: Any = key
    made: bytes = native.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return made


def jwk_of(native: PrivateKeyTypes) -> dict[str, Any]:
    """The private key as a JWK."""
    match native:
        case rsa.RSAPrivateKey():
            return dict(jwk.RSAKey(native, native).as_dict(private=True))
        case ec.EllipticCurvePrivateKey():
            return dict(jwk.ECKey(native, native).as_dict(private=True))
        case ed25519.Ed25519PrivateKey():
            return dict(jwk.OKPKey(native, native).as_dict(private=True))
        case _:
            pytest.fail("no such key")


@pytest.mark.parametrize("kind", KINDS)
def test_pkcs8(natives: Mapping[str, PrivateKeyTypes], pems: Mapping[str, str], kind: str) -> None:
    """Every kind is read from PKCS#8, known for what it is, and is the same key."""
    key = PrivateKey.of(pems[kind])
    assert (key.kind, key.kid, key.default_alg) == (kind, None, ALGS[key.kind][0])
    assert public_bytes(key.jwk.private_key) == public_bytes(natives[kind])


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521"])
def test_pkcs1_and_sec1(natives: Mapping[str, PrivateKeyTypes], kind: str) -> None:
    """The older PEM forms are read: GitHub and openssl still write them."""
    assert PrivateKey.of(pem(natives[kind], TRADITIONAL)).kind == kind


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
def test_openssh(natives: Mapping[str, PrivateKeyTypes], kind: str) -> None:
    """What ssh-keygen writes is read."""
    assert PrivateKey.of(pem(natives[kind], serialization.PrivateFormat.OpenSSH)).kind == kind


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n \n", "\n\n"),
        (PARAMETERS, ""),
        ("Bag Attributes\n    friendlyName: erp\n", ""),
        ("", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ],
)
def test_what_stands_around_a_key(pems: Mapping[str, str], before: str, after: str) -> None:
    """Blank lines, openssl's attributes and parameters, and a certificate in the same file do no harm."""
    assert PrivateKey.of(before + pems["P-256"] + after).kind == "P-256"


@pytest.mark.parametrize("end", ["\\n", "\r\n"])
def test_line_ends(pems: Mapping[str, str], end: str) -> None:
    r"""A key whose line ends were written as \n, as in many an environment variable, or as Windows writes them, is read."""
    assert PrivateKey.of(pems["RSA"].replace("\n", end)).kind == "RSA"


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521", "Ed25519"])
def test_jwk(natives: Mapping[str, PrivateKeyTypes], kind: str) -> None:
    """A JWK is the same key as its PEM, with its kid."""
    key = PrivateKey.of(json.dumps(jwk_of(natives[kind]) | {"kid": "k1", "use": "sig"}))
    assert (key.kind, key.kid) == (kind, "k1")
    assert public_bytes(key.jwk.private_key) == public_bytes(natives[kind])


def test_jwk_alg(natives: Mapping[str, PrivateKeyTypes]) -> None:
    """The JWK's own alg is its default."""
    assert PrivateKey.of(json.dumps(jwk_of(natives["RSA"]) | {"alg": "PS256"})).default_alg == "PS256"


def test_google_service_account(pems: Mapping[str, str]) -> None:
    """The file that Google hands out is a key with its id."""
    key = PrivateKey.of(json.dumps({"type": "service_account", "private_key": pems["RSA"], "private_key_id": "abc"}))
    assert (key.kind, key.kid) == ("RSA", "abc")


def test_password(natives: Mapping[str, PrivateKeyTypes]) -> None:
    """An encrypted key opens with its password."""
    assert PrivateKey.of(pem(natives["P-256"], password=b"hunter2"), "hunter2").kind == "P-256"


@pytest.mark.parametrize(
    ("password", "said"), [(None, "is encrypted; give it decrypted"), ("wrong", "encrypted and the password does not open it")]
)
@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, TRADITIONAL])
def test_an_encrypted_key(
    natives: Mapping[str, PrivateKeyTypes], form: serialization.PrivateFormat, password: str | None, said: str
) -> None:
    """Without its password, or with another, the error says that the key is encrypted."""
    with pytest.raises(ValueError, match=said):
        PrivateKey.of(pem(natives["P-256"], form, b"hunter2"), password)


def test_a_public_key(natives: Mapping[str, PrivateKeyTypes]) -> None:
    """A public key in place of a private one is named, as PEM and as JWK."""
    native = natives["P-256"]
    assert isinstance(native, ec.EllipticCurvePrivateKey)
    public = native.public_key()
    text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for wrong in (text, json.dumps(jwk.ECKey(public, public).as_dict())):
        with pytest.raises(ValueError, match="a public key stands where"):
            PrivateKey.of(wrong)


def test_a_certificate(certificate: str) -> None:
    """A certificate in place of a key is named."""
    with pytest.raises(ValueError, match="a certificate stands where"):
        PrivateKey.of(certificate)


def test_weak_rsa() -> None:
    """RSA under 2048 bits is refused (RFC 7518 §3.3), as PEM and as JWK."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # weakness is what is tested
    for text in (pem(weak), json.dumps(jwk_of(weak))):
        with pytest.raises(ValueError, match="1024 bits; use 2048"):
            PrivateKey.of(text)


def test_kinds_that_sign_no_jwt() -> None:
    """Keys that JWS has no algorithm for are refused by what they are."""
    for native in (dsa.generate_private_key(2048), ec.generate_private_key(ec.SECP256K1()), x25519.X25519PrivateKey.generate()):
        with pytest.raises(ValueError, match="signs no JWT; use RSA"):
            PrivateKey.of(pem(native))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"d": "s3cr3t"}, "damaged"),
        ({"x": None}, "damaged"),
        ({"crv": "P-999"}, "damaged"),
        ({"kty": "oct"}, "kty"),
        ({"kty": ["EC"]}, "kty"),
        ({"use": "enc"}, "use"),
        ({"use": ["sig"]}, "use"),
        ({"alg": "ECDH-ES"}, "ES256"),
        ({"keys": []}, "JWK set"),
    ],
)
def test_jwks_that_do_not_sign(natives: Mapping[str, PrivateKeyTypes], change: dict[str, object], said: str) -> None:
    """A JWK that is damaged, or not meant to sign, is refused with the member that says so."""
    with pytest.raises(ValueError, match=said):
        PrivateKey.of(json.dumps(jwk_of(natives["P-256"]) | change))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3cr3t",
        "{s3cr3t",
        '{"a":' * 5000,
        "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----",
        '{"private_key": "s3cr3t"}',
    ],
)
def test_no_key(text: str) -> None:
    """What is no key is refused, and the error neither quotes it nor holds it anywhere."""
    with pytest.raises(ValueError, match=r"private key") as caught:
        PrivateKey.of(text)
    assert caught.value.__context__ is None
    assert "s3cr3t" not in str(caught.value)


@given(
    st.text()
    | st.text().map("-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----".format)
    | st.dictionaries(
        st.sampled_from(["kty", "d", "n", "e", "crv", "x", "y", "alg", "use", "kid", "key_ops"]),
        st.sampled_from(["RSA", "EC", "OKP", "P-256", "AQAB", "", "sig", 1, None, []]),
    ).map(json.dumps)
)
def test_whatever_it_is(text: str) -> None:
    """Any text is a key or a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        PrivateKey.of(text)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_private_shows(pems: Mapping[str, str], kind: str) -> None:
    """Neither the repr nor the public JWK has a private member."""
    key = PrivateKey.of(pems[kind])
    assert not {"d", "p", "q", "dp", "dq", "qi"} & key.public.keys()
    assert "jwk" not in repr(key)


def test_a_key_is_read_once(pems: Mapping[str, str]) -> None:
    """The same text gives the same object; another text another."""
    assert private_key(pems["RSA"]) is private_key(pems["RSA"])
    assert private_key(pems["RSA"]) is not private_key(pems["P-256"])
