"""Private keys, from the text that a user has: PEM or JWK.

No error quotes a key's text, nor holds it: each is raised outside the `except` of the error that might.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import ECKey, OKPKey, RSAKey

    from proxy.oauth.assertions import KeyAlg

Kind = Literal["RSA", "P-256", "P-384", "P-521", "Ed25519", "Ed448"]
ALGS: Mapping[Kind, tuple[KeyAlg, ...]] = {  # the first is the default
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
    "Ed448": ("EdDSA", "Ed448"),
}
MIN_RSA_BITS = 2048  # RFC 7518 §3.3
KEPT_KEYS = 64  # reading one RSA key costs as much as dozens of signatures

_CURVES: Mapping[str, Kind] = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_PRIVATE_PEM = re.compile(r"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_KINDS = "use RSA, EC P-256, P-384 or P-521, Ed25519 or Ed448"


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKey:
    """A key that signs.

    Args:
        kid: the key's id, where its text states one.
        default_alg: what it signs with when nothing else is asked for.
    """

    kind: Kind
    jwk: RSAKey | ECKey | OKPKey = field(repr=False)
    kid: str | None
    default_alg: KeyAlg

    @classmethod
    def of(cls, text: str, password: str | None = None) -> Self:
        """The private key in `text`: PEM (PKCS#1, PKCS#8, SEC1, OpenSSH), a JWK, or a Google service account's file.

        Raises:
            ValueError: no private key, an encrypted one without its password, a weak one, or one of a kind that signs no JWT.
        """
        text = text.strip()
        if not text.startswith("{"):
            return cls._of_native(_from_pem(text, password))
        said = _object(text)
        if isinstance(pem := said.get("private_key"), str):  # a Google service account's file
            return cls._of_native(_from_pem(pem, password), kid=_text(said.get("private_key_id")))
        return cls._of_native(_from_jwk(said), kid=_text(said.get("kid")), alg=_text(said.get("alg")))

    @classmethod
    def _of_native(cls, native: object, kid: str | None = None, alg: str | None = None) -> Self:
        kind, jwk = _identified(native)
        default = next((ours for ours in ALGS[kind] if alg in {None, ours}), None)
        if default is None:
            raise ValueError(f"the JWK says that its key is for another alg than {', '.join(ALGS[kind])}; a {kind} key signs with these")
        return cls(kind, jwk, kid, default)

    def alg(self, wanted: str | None) -> KeyAlg:
        """The JWS algorithm to sign with (RFC 7518 §3.1): `wanted`, or the key's default.

        Raises:
            ValueError: a key of this kind does not sign with it.
        """
        if wanted is None:
            return self.default_alg
        fitting = next((alg for alg in ALGS[self.kind] if alg == wanted), None)
        if fitting is None:
            raise ValueError(f"alg {wanted} does not fit the private key, which is {self.kind}; change assertion.alg to {self.default_alg}")
        return fitting

    @property
    def public(self) -> dict[str, Any]:
        """The public half as a JWK (RFC 7517 §4)."""
        return dict(self.jwk.as_dict(private=False))


@lru_cache(maxsize=KEPT_KEYS)
def private_key(text: str) -> PrivateKey:
    """The private key in `text`, read once while it is in use.

    Raises:
        ValueError: as `PrivateKey.of`.
    """
    return PrivateKey.of(text)


def _from_pem(text: str, password: str | None) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    # An environment variable often holds a PEM with its line ends written as \n.
    block = _PRIVATE_PEM.search(text.replace("\\n", "\n"))
    if block is None:
        raise ValueError(_what_else(text))
    ssh = block[1] == "OPENSSH PRIVATE KEY"
    load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    protected = False
    try:
        return load(block[0].encode(), password=None if password is None else password.encode())
    except TypeError:
        protected = password is None
    except (ValueError, UnsupportedAlgorithm):
        protected = "ENCRYPTED" in block[0]
    if protected:
        unopened = "" if password is None else " and the password does not open it"
        raise ValueError(f"the private key is encrypted{unopened}; give it decrypted (openssl pkey -in KEY)")
    raise ValueError("the private key is damaged, or in a form that is not known; give PEM (PKCS#8, PKCS#1, SEC1) or a JWK")


def _what_else(text: str) -> str:
    if "-----BEGIN CERTIFICATE-----" in text:
        return "a certificate stands where a private key belongs; give the key that was made with it"
    if "PUBLIC KEY-----" in text or text.startswith(("ssh-", "ecdsa-")):
        return "a public key stands where a private key belongs; give its private half"
    return "no private key found; expected PEM (-----BEGIN PRIVATE KEY-----) or a JWK"


def _object(text: str) -> Mapping[str, Any]:
    said: object = None
    with suppress(ValueError, RecursionError):
        said = json.loads(text)
    if not isinstance(said, dict):
        raise ValueError("the private key begins like a JWK and is not valid JSON")  # noqa: TRY004  # the text is wrong, not its type
    if "keys" in said:
        raise ValueError("a JWK set stands where one private key belongs; give one of its keys")
    return said


def _from_jwk(said: Mapping[str, Any]) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    families: dict[str | None, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    family = families.get(_text(said.get("kty")))
    if family is None:
        raise ValueError(f"the JWK's kty names no key that signs with a private half; {_KINDS}")
    if "d" not in said:
        raise ValueError("a public key stands where a private key belongs: the JWK has no d")
    if said.get("use", "sig") != "sig":
        raise ValueError("the JWK's use is not sig: the key is not meant to sign")
    native: object = None
    with suppress(JoseError, UnsupportedAlgorithm, ValueError, KeyError, TypeError):
        family.validate_dict_key(dict(said))
        native = family.binding.import_from_dict(dict(said))
    if native is None:
        raise ValueError("the JWK is damaged: its members do not make a private key")
    return native


def _identified(native: object) -> tuple[Kind, RSAKey | ECKey | OKPKey]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from joserfc import jwk

    match native:
        case rsa.RSAPrivateKey() if native.key_size < MIN_RSA_BITS:
            raise ValueError(f"the private key is RSA with {native.key_size} bits; use {MIN_RSA_BITS} or more (RFC 7518 section 3.3)")
        case rsa.RSAPrivateKey():
            return "RSA", jwk.RSAKey(native, native)
        case ec.EllipticCurvePrivateKey() if native.curve.name in _CURVES:
            return _CURVES[native.curve.name], jwk.ECKey(native, native)
        case ed25519.Ed25519PrivateKey():
            return "Ed25519", jwk.OKPKey(native, native)
        case ed448.Ed448PrivateKey():
            return "Ed448", jwk.OKPKey(native, native)
        case _:
            raise ValueError(f"the private key is of a kind that signs no JWT; {_KINDS}")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
