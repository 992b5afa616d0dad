"""Client certificates and their keys, and the ends of certificates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key

from proxy.settings.certificates import ending, file_ending, pair_fault
from tests.unit.settings.conftest import Write, certificate_over, self_signed

EXPECTED = "expected -----BEGIN CERTIFICATE-----"
PAIRS: dict[tuple[str, str], tuple[str, str] | None] = {
    ("certificate", "key"): None,
    ("both", "both"): None,
    ("key", "certificate"): ("cert", "the files are swapped: key holds the key; write cert: certificate, key: key"),
    ("certificate", "encrypted"): ("key", "encrypted: the private key is encrypted; give it decrypted (openssl pkey -in KEY)"),
    ("other", "key"): ("cert", "other is over another key than key; give the two that were made together, the client's own first"),
    ("text", "key"): ("cert", f"text: no PEM certificate in it; {EXPECTED}"),
    ("key", "key"): ("cert", f"key: a private key stands where a certificate belongs; {EXPECTED}"),
    ("certificate", "text"): ("key", "text: no PEM private key in it; expected -----BEGIN PRIVATE KEY-----"),
    ("certificate", "certificate"): (
        "key",
        "certificate: a certificate stands where a private key belongs; expected -----BEGIN PRIVATE KEY-----",
    ),
    ("damaged", "key"): ("cert", "damaged: the certificate is damaged"),
    ("certificate", "damaged-key"): (
        "key",
        "damaged-key: the private key is damaged, or in a form that is not known; give PEM (PKCS#8, PKCS#1, SEC1)",
    ),
}


@pytest.fixture
def files(write: Write) -> None:
    """What a folder of certificates may hold."""
    key, certificate = self_signed()
    password = BestAvailableEncryption(b"hunter2")
    encrypted = load_pem_private_key(key.encode(), None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password)
    write("key", key)
    write("certificate", certificate)
    write("both", certificate + key)
    write("encrypted", encrypted)
    write("other", self_signed("other")[1])
    write("text", "hunter2")
    write("damaged", certificate.replace("MII", "AAA", 1))
    write("damaged-key", key.replace("MI", "AA", 1))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("cert", "key", "told"), [(*case, told) for case, told in PAIRS.items()])
def test_each_way_in_which_two_files_do_not_fit_is_told(cert: str, key: str, told: tuple[str, str] | None) -> None:
    """At the one to change, by its name."""
    assert pair_fault(cert, key) == told


NOW = datetime(2026, 6, 1, tzinfo=UTC)
ENDS = {
    timedelta(days=31): None,
    timedelta(days=9, hours=3): "the certificate ends on 2026-06-10, in 9 days; renew it",
    timedelta(days=1): "the certificate ends on 2026-06-02, in 1 day; renew it",
    timedelta(0): "the certificate has expired, on 2026-06-01; renew it",
    timedelta(days=-1): "the certificate has expired, on 2026-05-31; renew it",
}


@pytest.mark.parametrize(("left", "text"), ENDS.items())
def test_a_certificate_is_told_of_while_it_can_be_renewed(left: timedelta, text: str | None) -> None:
    """From 30 days before its end."""
    assert ending(certificate_over(self_signed()[0].encode(), NOW + left), NOW) == text


def test_what_is_no_certificate_has_no_end(write: Write) -> None:
    """That is a finding of its own."""
    write("text", "hunter2")

    assert (file_ending("text"), file_ending(str(Path("none")))) == (None, None)
