"""Keys and certificates of clients, made for one run of the tests and written where a configuration can name them.

Private halves stay in the folder that the caller gives; what a server must know is the public half alone.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey, OKPKey, RSAKey

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    import trustme
    from joserfc.jwk import KeyParameters

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair for one algorithm; `file` holds the private half as PEM."""

    alg: str
    kid: str
    file: Path
    key: RSAKey | ECKey | OKPKey = field(repr=False)

    @classmethod
    def new(cls, folder: Path, alg: str) -> SigningKey:
        """A fresh key for a JWS `alg` (RFC 7518, RFC 8037)."""
        kid = f"key-{next(_numbers)}"
        key = _generate(alg, {"kid": kid, "use": "sig", "alg": alg})
        file = folder / f"{kid}.pem"
        file.write_bytes(key.as_pem(private=True))
        return cls(alg, kid, file, key)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half (RFC 7517)."""
        return dict(self.key.as_dict(private=False))

    @property
    def jwks(self) -> dict[str, Any]:
        """What a client registers as `jwks`."""
        return {"keys": [self.jwk]}


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its key as files; `subject_dn` is written as RFC 4514 wants it."""

    cert: Path
    key: Path
    subject_dn: str
    der: bytes = field(repr=False)

    @property
    def pem(self) -> str:
        """The certificate as text."""
        return self.cert.read_text()

    @property
    def x5t_s256(self) -> str:
        """Its SHA-256 thumbprint (RFC 8705 §3.1)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.der).digest()).rstrip(b"=").decode()

    @property
    def jwks(self) -> dict[str, Any]:
        """What a client of self_signed_tls_client_auth registers (RFC 8705 §2.2.2)."""
        key = x509.load_der_x509_certificate(self.der).public_key()
        family = RSAKey if isinstance(key, rsa.RSAPublicKey) else ECKey
        public = family.import_key(self.key.read_bytes()).as_dict(private=False)
        return {"keys": [{**public, "x5c": [base64.b64encode(self.der).decode()]}]}

    def present(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """`context`, which shows this certificate from now on."""
        context.load_cert_chain(self.cert, self.key)
        return context


def issued(authority: trustme.CA, folder: Path, subject: str) -> ClientCertificate:
    """A certificate of `authority` for the common name `subject`."""
    leaf = authority.issue_cert(f"{subject}@clients.internal", common_name=subject)
    return _written(folder, leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())


def self_signed(folder: Path, subject: str, *, family: str = "EC") -> ClientCertificate:
    """A certificate that nobody vouches for, valid for an hour around now; `family` is EC or RSA."""
    key = rsa.generate_private_key(65537, 2048) if family == "RSA" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(hours=1)
    )
    certificate = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True).sign(key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _written(folder, certificate.public_bytes(serialization.Encoding.PEM), private)


def _written(folder: Path, cert: bytes, key: bytes) -> ClientCertificate:
    number = next(_numbers)
    files = folder / f"client-{number}.pem", folder / f"client-{number}.key"
    files[0].write_bytes(cert)
    files[1].write_bytes(key)
    parsed = x509.load_pem_x509_certificate(cert)
    return ClientCertificate(*files, parsed.subject.rfc4514_string(), parsed.public_bytes(serialization.Encoding.DER))


def _generate(alg: str, parameters: KeyParameters) -> RSAKey | ECKey | OKPKey:
    if alg in CURVES:
        return ECKey.generate_key(CURVES[alg], parameters)
    if alg in {"EdDSA", "Ed25519"}:
        return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)
