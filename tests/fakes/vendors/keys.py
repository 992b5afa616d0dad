"""The key and the certificate that a vendor has on file for its client, and the proofs made with them.

One key for the whole run: making one takes longer than everything else here.
"""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS = ["RS256", "PS256"]


Pair = tuple[rsa.RSAPrivateKey, x509.Certificate]


def _made() -> Pair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bearerd")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


@cache
def _pair() -> Pair:
    return _made()


@cache
def _stranger() -> Pair:
    return _made()


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def private_key() -> str:
    """The client's key, as PEM."""
    return _pem(_pair()[0])


def certificate() -> str:
    """Its certificate, as PEM."""
    return _pair()[1].public_bytes(serialization.Encoding.PEM).decode()


def another_key() -> str:
    """A key that no vendor has on file, as PEM."""
    return _pem(_stranger()[0])


def another_certificate() -> str:
    """The certificate of that key, as PEM."""
    return _stranger()[1].public_bytes(serialization.Encoding.PEM).decode()


def thumbprint(algorithm: str) -> str:
    """The certificate's thumbprint as x5t and x5t#S256 write it (RFC 7515 §4.1.7)."""
    digest = hashlib.new(algorithm, _pair()[1].public_bytes(serialization.Encoding.DER), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def proved(token: object, claims: Mapping[str, object], *, longest: int, header: Mapping[str, Any] | None = None) -> bool:
    """Whether a JWT is signed by the client's key, says `claims` and `header`, and lives `longest` seconds at most from now."""
    key = RSAKey.import_key(
        _pair()[0].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    try:
        read = jwt.decode(str(token), key, algorithms=ALGORITHMS)
    except (JoseError, ValueError):
        return False
    now = time.time()
    lives = now - 5 < read.claims.get("exp", 0) <= now + longest + 5 and read.claims.get("iat", 0) <= now + 5
    return lives and claims.items() <= read.claims.items() and (header or {}).items() <= read.header.items()
