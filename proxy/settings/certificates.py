"""Certificate files: whether a client certificate and its key belong together, and how long a certificate still holds.

What is told of a file is its name and its kind, never its text.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from proxy.oauth.signing.certificate import certificates

_CERTIFICATE, _KEY = b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----"
_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")
SOON = timedelta(days=30)


def pair_fault(cert: str, key: str) -> tuple[str, str] | None:
    """Which of two files, `cert` or `key`, is wrong and why; None where they are a certificate and its key.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError):
        return _fault(cert, Path(cert).read_bytes(), key, Path(key).read_bytes())
    return None


def _fault(cert: str, certificate: bytes, key: str, private: bytes) -> tuple[str, str]:
    if _CERTIFICATE not in certificate and _KEY in certificate and _CERTIFICATE in private:
        return "cert", f"the files are swapped: {cert} holds the key; write cert: {key}, key: {cert}"
    if _CERTIFICATE not in certificate:
        held = "a private key stands where a certificate belongs" if _KEY in certificate else "no PEM certificate in it"
        return "cert", f"{cert}: {held}; expected -----BEGIN CERTIFICATE-----"
    if any(mark in private for mark in _ENCRYPTED):
        return "key", f"{key}: the private key is encrypted; give it decrypted (openssl pkey -in KEY)"
    if _KEY not in private:
        held = "a certificate stands where a private key belongs" if _CERTIFICATE in private else "no PEM private key in it"
        return "key", f"{key}: {held}; expected -----BEGIN PRIVATE KEY-----"
    return _unfitting(cert, certificate, key, private)


def _unfitting(cert: str, certificate: bytes, key: str, private: bytes) -> tuple[str, str]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # who has no such fault does not pay for it
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  # as above

    try:
        first = certificates(certificate.decode("utf-8", "replace"))[0]
    except ValueError:
        return "cert", f"{cert}: the certificate is damaged"
    try:
        loaded = load_pem_private_key(private, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "key", f"{key}: the private key is damaged, or in a form that is not known; give PEM (PKCS#8, PKCS#1, SEC1)"
    if first.public_key() != loaded.public_key():
        return "cert", f"{cert} is over another key than {key}; give the two that were made together, the client's own first"
    return "cert", f"{cert} and {key} are not taken by TLS: too short a key, or a signature that is given up"


def ending(text: str, now: datetime) -> str | None:
    """What to say of a certificate that is over, or is within SOON; of the first in PEM `text`, which is the owner's."""
    try:
        end = certificates(text)[0].not_valid_after_utc
    except ValueError:  # a finding of its own
        return None
    day = f"{end:%Y-%m-%d}"
    if end <= now:
        return f"the certificate has expired, on {day}; renew it"
    days = (end - now).days
    return f"the certificate ends on {day}, in {days} day{'' if days == 1 else 's'}; renew it" if end - now < SOON else None


def file_ending(path: str) -> str | None:
    """The same of a file, now; None where it cannot be read."""
    try:
        return ending(Path(path).read_text(encoding="utf-8", errors="replace"), datetime.now(UTC))
    except OSError:
        return None
