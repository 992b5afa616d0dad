"""Keys and certificates for a whole run: making an RSA key takes a tenth of a second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

Natives = Mapping[str, PrivateKeyTypes]


@pytest.fixture(scope="session")
def natives() -> Natives:
    """One private key of each kind that signs."""
    return {
        "RSA": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "P-256": ec.generate_private_key(ec.SECP256R1()),
        "P-384": ec.generate_private_key(ec.SECP384R1()),
        "P-521": ec.generate_private_key(ec.SECP521R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
        "Ed448": ed448.Ed448PrivateKey.generate(),
    }


@pytest.fixture(scope="session")
def pems(natives: Natives) -> Mapping[str, str]:
    """The same keys as users have them: PKCS#8."""
    return {kind: pem(native) for kind, native in natives.items()}


@pytest.fixture(scope="session")
def certificate(natives: Natives) -> str:
    """A self-signed certificate over the RSA key."""
    return certificate_over(natives["RSA"])


def certificate_over(native: PrivateKeyTypes) -> str:
    assert isinstance(native, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bearerd test")])
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=native.public_key(), serial_number=7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2126, 1, 1, tzinfo=UTC))
        .sign(native, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def pem(
    native: PrivateKeyTypes,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
    password: bytes | None = None,
) -> str:
    protection = serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    return native.private_bytes(serialization.Encoding.PEM, form, protection).decode()
