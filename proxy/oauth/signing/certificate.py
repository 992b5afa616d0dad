"""Certificates that stand beside a signature: thumbprints, and whether one belongs to a key.

The first certificate of a text is the signer's own; those behind it lead to its issuer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from proxy.oauth.signing.encoding import base64url

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from proxy.oauth.signing.keys import PrivateKey


def certificates(text: str) -> list[Certificate]:
    """The certificates in PEM `text`, at least one, in its order.

    Raises:
        ValueError: there is none, or one is damaged.
    """
    from cryptography import x509

    text = text.replace("\\n", "\n")  # as an environment variable often holds it
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError("no certificate found; expected PEM (-----BEGIN CERTIFICATE-----)")
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError as exc:
        raise ValueError(f"the certificate is damaged: {exc}") from exc


def thumbprint(text: str, digest: Literal["sha1", "sha256"] = "sha256") -> str:
    """`x5t` (sha1) or `x5t#S256` (sha256) of the first certificate: base64url over its DER (RFC 7515 §4.1.7, §4.1.8).

    Raises:
        ValueError: as `certificates`.
    """
    from cryptography.hazmat.primitives import hashes

    # SHA-1 names a certificate here and protects nothing.
    return base64url(certificates(text)[0].fingerprint(hashes.SHA1() if digest == "sha1" else hashes.SHA256()))  # noqa: S303  # see above


def check_pair(key: PrivateKey, text: str) -> None:
    """Nothing, where the first certificate in `text` is over the public half of `key`.

    Raises:
        ValueError: it is over another key, or as `certificates`.
    """
    public = key.jwk.public_key
    if certificates(text)[0].public_key() != public:
        raise ValueError(
            "the certificate is over another key than the private key; give the two that were made together, the signer's first"
        )
