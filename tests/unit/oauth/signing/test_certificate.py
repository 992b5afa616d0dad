"""Certificates beside a signature."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Mapping

import pytest

from proxy.oauth.signing.certificate import certificates, check_pair, thumbprint
from proxy.oauth.signing.keys import PrivateKey


def der_of(text: str) -> bytes:
    """By the standard library alone."""
    return ssl.PEM_cert_to_DER_cert(text)


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_thumbprints(certificate: str) -> None:
    """x5t and x5t#S256 are the hashes over the certificate's DER (RFC 7515 §4.1.7)."""
    der = der_of(certificate)
    assert unpadded(thumbprint(certificate, "sha1")) == hashlib.sha1(der, usedforsecurity=False).digest()
    assert unpadded(thumbprint(certificate)) == hashlib.sha256(der).digest()


def test_escaped_line_ends(certificate: str) -> None:
    r"""A certificate whose line ends were written as \n is read."""
    assert certificates(certificate.replace("\n", "\\n")) == certificates(certificate)


def test_a_pair(pems: Mapping[str, str], certificate: str) -> None:
    """A certificate belongs to the key that it is over, and to no other."""
    check_pair(PrivateKey.of(pems["RSA"]), certificate)
    with pytest.raises(ValueError, match="another key"):
        check_pair(PrivateKey.of(pems["P-256"]), certificate)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no certificate"), ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "damaged")],
)
def test_no_certificate(text: str, said: str) -> None:
    """What is no certificate is refused with what was expected."""
    with pytest.raises(ValueError, match=said):
        certificates(text)
