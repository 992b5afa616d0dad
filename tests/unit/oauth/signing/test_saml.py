"""SAML assertions, verified with signxml."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import SignatureMethod
from signxml.exceptions import InvalidDigest, InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier

from proxy.oauth.exchange import SAMLAssertion
from proxy.oauth.signing.saml import ExtraMissingError, require_saml, saml_assertion
from tests.unit.oauth.signing.conftest import certificate_over, pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

NAMES = {"s": "urn:oasis:names:tc:SAML:2.0:assertion", "ds": "http://www.w3.org/2000/09/xmldsig#"}
SAID = SAMLAssertion(
    issuer="https://erp.example",
    subject="sfadmin",
    audience="www.successfactors.com",
    recipient="https://api4.successfactors.com/oauth/token",
    name_id_format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    attributes={"api_key": "Y2xpZW50"},
    epoch=1_700_000_000.5,
    lifetime=600,
    unique="u1",
)


def decoded(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def made(said: SAMLAssertion, pems: Mapping[str, str], certificate: str) -> Any:
    """The XML of a signed assertion."""
    return etree.fromstring(decoded(saml_assertion(said, key_text=pems["RSA"], cert_text=certificate)))


def verified(raw: bytes, certificate: str, method: SignatureMethod = SignatureMethod.RSA_SHA256) -> Any:
    """The part that the certificate's signature covers."""
    expected = SignatureConfiguration(location="./", signature_methods=frozenset({method}))
    found = XMLVerifier().verify(raw, x509_cert=certificate, id_attribute="ID", expect_config=expected)
    assert not isinstance(found, list)
    return found.signed_xml


def texts(root: Any, path: str) -> list[str]:
    return [str(found) for found in root.xpath(path, namespaces=NAMES)]


def test_the_signature(pems: Mapping[str, str], certificate: str) -> None:
    """It covers the whole assertion, in exclusive canonical form, and its certificate travels along."""
    raw = decoded(saml_assertion(SAID, key_text=pems["RSA"], cert_text=certificate))
    signed = verified(raw, certificate)
    assert signed.tag == "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"
    assert texts(signed, "//s:AttributeValue/text()") == ["Y2xpZW50"]
    root = etree.fromstring(raw)
    assert texts(root, "//ds:CanonicalizationMethod/@Algorithm") == ["http://www.w3.org/2001/10/xml-exc-c14n#"]
    assert texts(root, "//ds:Reference/@URI") == ["#_u1"]
    (travelling,) = texts(root, "//ds:X509Certificate/text()")
    assert "".join(travelling.split()) in "".join(certificate.split())


def test_the_schema_s_order(pems: Mapping[str, str], certificate: str) -> None:
    """The parts stand where the SAML schema has them: the signature right behind the issuer."""
    root = made(SAID, pems, certificate)
    assert [etree.QName(child).localname for child in root] == [
        "Issuer",
        "Signature",
        "Subject",
        "Conditions",
        "AuthnStatement",
        "AttributeStatement",
    ]
    assert dict(root.attrib) == {"ID": "_u1", "IssueInstant": "2023-11-14T22:13:20Z", "Version": "2.0"}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("s:Issuer/text()", ["https://erp.example"]),
        ("s:Subject/s:NameID/text()", ["sfadmin"]),
        ("s:Subject/s:NameID/@Format", ["urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"]),
        ("s:Subject/s:SubjectConfirmation/@Method", ["urn:oasis:names:tc:SAML:2.0:cm:bearer"]),
        ("s:Subject/s:SubjectConfirmation/s:SubjectConfirmationData/@Recipient", ["https://api4.successfactors.com/oauth/token"]),
        ("s:Subject/s:SubjectConfirmation/s:SubjectConfirmationData/@NotOnOrAfter", ["2023-11-14T22:23:20Z"]),
        ("s:Conditions/@NotBefore", ["2023-11-14T22:12:20Z"]),
        ("s:Conditions/@NotOnOrAfter", ["2023-11-14T22:23:20Z"]),
        ("s:Conditions/s:AudienceRestriction/s:Audience/text()", ["www.successfactors.com"]),
        ("s:AuthnStatement/@AuthnInstant", ["2023-11-14T22:13:20Z"]),
        ("s:AuthnStatement/@SessionIndex", ["_u1"]),
        (
            "s:AuthnStatement/s:AuthnContext/s:AuthnContextClassRef/text()",
            ["urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"],
        ),
        ("s:AttributeStatement/s:Attribute/@Name", ["api_key"]),
    ],
)
def test_what_it_says(pems: Mapping[str, str], certificate: str, path: str, values: list[str]) -> None:
    """Everything that RFC 7522 §3 demands and SAP documents stands in its place."""
    assert texts(made(SAID, pems, certificate), path) == values


def test_other_words(pems: Mapping[str, str], certificate: str) -> None:
    """A mail address as subject, no attributes, and characters that XML quotes."""
    mail = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    said = replace(SAID, name_id_format=mail, subject='<&"ü>', attributes={})
    raw = decoded(saml_assertion(said, key_text=pems["RSA"], cert_text=certificate))
    root = verified(raw, certificate)
    assert texts(root, "s:Subject/s:NameID/text()") == ['<&"ü>']
    assert texts(root, "s:Subject/s:NameID/@Format") == [mail]
    assert not texts(root, "s:AttributeStatement")


@pytest.mark.parametrize("part", [b"sfadmin", b"www.successfactors.com", b"2023-11-14T22:23:20Z", b"Y2xpZW50", b"xs:string"])
def test_a_changed_byte(pems: Mapping[str, str], certificate: str, part: bytes) -> None:
    """Nothing in it can be changed: the signature fails then."""
    raw = decoded(saml_assertion(SAID, key_text=pems["RSA"], cert_text=certificate))
    assert part in raw
    with pytest.raises((InvalidDigest, InvalidSignature)):
        verified(raw.replace(part, part[:-1] + bytes([part[-1] ^ 1])), certificate)


def test_another_key(pems: Mapping[str, str], certificate: str) -> None:
    """A certificate over another key verifies nothing."""
    other = certificate_over(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    raw = decoded(saml_assertion(SAID, key_text=pems["RSA"], cert_text=certificate))
    with pytest.raises(InvalidSignature):
        verified(raw, other)
    with pytest.raises(ValueError, match="another key"):
        saml_assertion(SAID, key_text=pems["RSA"], cert_text=other)


@pytest.mark.parametrize(
    ("kind", "alg", "method"),
    [
        ("RSA", "RS512", SignatureMethod.RSA_SHA512),
        ("RSA", "PS256", SignatureMethod.SHA256_RSA_MGF1),
        ("P-256", None, SignatureMethod.ECDSA_SHA256),
        ("P-521", "ES512", SignatureMethod.ECDSA_SHA512),
    ],
)
def test_algorithms(natives: Mapping[str, PrivateKeyTypes], kind: str, alg: str | None, method: SignatureMethod) -> None:
    """The same names choose the algorithm as for a JWT."""
    native = natives[kind]
    certificate = certificate_over(native)
    verified(decoded(saml_assertion(SAID, key_text=pem(native), cert_text=certificate, alg=alg)), certificate, method)


def test_without_a_certificate(pems: Mapping[str, str]) -> None:
    """The public key itself travels then."""
    raw = decoded(saml_assertion(SAID, key_text=pems["RSA"], cert_text=None))
    assert texts(etree.fromstring(raw), "//ds:RSAKeyValue/ds:Exponent/text()") == ["AQAB"]
    assert XMLVerifier().verify(raw, require_x509=False, id_attribute="ID")


@pytest.mark.parametrize("kind", ["Ed25519", "Ed448"])
def test_a_key_without_a_method(pems: Mapping[str, str], kind: str) -> None:
    """A key that XML signatures have no method for is refused with what has one."""
    with pytest.raises(ValueError, match="EdDSA signs no SAML assertion; use an RSA or EC key"):
        saml_assertion(SAID, key_text=pems[kind], cert_text=None)


def test_characters_that_xml_has_not(pems: Mapping[str, str]) -> None:
    """A control character in a value is a ValueError that does not quote it."""
    with pytest.raises(ValueError, match="XML") as caught:
        saml_assertion(replace(SAID, subject="sf\x00admin"), key_text=pems["RSA"], cert_text=None)
    assert "admin" not in str(caught.value)


def test_encodings(pems: Mapping[str, str], certificate: str) -> None:
    """base64url without padding is the RFC's; base64 with padding is SAP's; the assertion is the same."""
    url = saml_assertion(SAID, key_text=pems["RSA"], cert_text=certificate)
    plain = saml_assertion(SAID, key_text=pems["RSA"], cert_text=certificate, encoding="base64")
    assert re.fullmatch(r"[\w-]+", url, re.ASCII)
    assert len(plain) % 4 == 0
    assert base64.b64decode(plain, validate=True) == decoded(url)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, pems: Mapping[str, str]) -> None:
    """Where signxml is missing, the error says what to install."""
    monkeypatch.setitem(sys.modules, "signxml", None)
    with pytest.raises(ExtraMissingError, match=r"pip install 'bearerd\[saml\]'"):
        saml_assertion(SAID, key_text=pems["RSA"], cert_text=None)
    monkeypatch.undo()
    require_saml()
