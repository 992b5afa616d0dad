"""SAML 2.0 assertions signed here, as a grant (RFC 7522 §3): SuccessFactors, S/4HANA and other SAP services take them.

What is written is what the SAML 2.0 schema demands, in its order: a server that validates finds nothing to refuse.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from proxy.oauth.signing.certificate import certificates, check_pair
from proxy.oauth.signing.encoding import base64url
from proxy.oauth.signing.keys import private_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.oauth.exchange import SAMLAssertion, SAMLEncoding

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
SCHEMA = "http://www.w3.org/2001/XMLSchema"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"  # RFC 7522 §3, item 5
PASSWORD_OVER_TLS = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105  # the name of a context class
BACKDATE = 60.0  # seconds by which a server's clock may be behind

_METHODS = {  # JWS names, so that one key `assertion.alg` serves both kinds of assertion; RFC 9231 has theirs
    "RS256": ("rsa-sha256", "sha256"),
    "RS384": ("rsa-sha384", "sha384"),
    "RS512": ("rsa-sha512", "sha512"),
    "PS256": ("sha256-rsa-MGF1", "sha256"),
    "PS384": ("sha384-rsa-MGF1", "sha384"),
    "PS512": ("sha512-rsa-MGF1", "sha512"),
    "ES256": ("ecdsa-sha256", "sha256"),
    "ES384": ("ecdsa-sha384", "sha384"),
    "ES512": ("ecdsa-sha512", "sha512"),
}


class ExtraMissingError(ValueError):
    """A package is needed that only an extra of bearerd brings."""


def require_saml() -> None:
    """Nothing, where the extra is installed.

    Raises:
        ExtraMissingError: it is not.
    """
    try:
        import signxml  # noqa: F401  # whether it is there
    except ModuleNotFoundError as exc:
        raise ExtraMissingError(f"a SAML assertion is signed with {exc.name}, which is not installed; pip install 'bearerd[saml]'") from exc


def saml_assertion(
    said: SAMLAssertion,
    *,
    key_text: str,
    cert_text: str | None,
    alg: str | None = None,
    encoding: SAMLEncoding = "base64url",
) -> str:
    """The signed assertion as a form parameter's value (RFC 7522 §2.1).

    Args:
        said: what it says; its `unique` has letters, digits, `-`, `_` and `.`, and was never used before.
        key_text: as `PrivateKey.of` reads it.
        cert_text: the certificate over that key, in PEM, which travels with the signature; None: the bare public key does.
        alg: the JWS name of a signature algorithm; None: what fits the key (RS256 for RSA).
        encoding: base64url without padding, as the RFC says; base64 with padding, as SuccessFactors documents.

    Raises:
        ExtraMissingError: the extra `saml` is not installed.
        ValueError: the key or the certificate is unusable, they are no pair, or a text has characters that XML has not.
    """
    require_saml()
    raw = _signed(_assertion(said), key_text, cert_text, alg)
    return base64url(raw) if encoding == "base64url" else base64.b64encode(raw).decode()


def _assertion(said: SAMLAssertion) -> Any:
    from lxml import etree

    identity, made = f"_{said.unique}", _instant(said.epoch)
    begin, end = _instant(said.epoch - BACKDATE), _instant(said.epoch + said.lifetime)
    root = etree.Element(
        _saml("Assertion"),
        {"ID": identity, "IssueInstant": made, "Version": "2.0"},
        nsmap={"saml2": SAML, "xs": SCHEMA, "xsi": INSTANCE},
    )
    _add(root, "Issuer", said.issuer)
    etree.SubElement(root, f"{{{DSIG}}}Signature", {"Id": "placeholder"}, nsmap={"ds": DSIG})  # the schema's place for it
    subject = _add(root, "Subject")
    _add(subject, "NameID", said.subject, Format=said.name_id_format)
    confirmation = _add(subject, "SubjectConfirmation", Method=BEARER)
    _add(confirmation, "SubjectConfirmationData", NotOnOrAfter=end, Recipient=said.recipient)
    restriction = _add(_add(root, "Conditions", NotBefore=begin, NotOnOrAfter=end), "AudienceRestriction")
    _add(restriction, "Audience", said.audience)
    login = _add(root, "AuthnStatement", AuthnInstant=made, SessionIndex=identity)
    _add(_add(login, "AuthnContext"), "AuthnContextClassRef", PASSWORD_OVER_TLS)
    if said.attributes:
        _add_attributes(root, said.attributes)
    return root


def _add_attributes(root: Any, attributes: Mapping[str, str | Sequence[str]]) -> None:
    statement = _add(root, "AttributeStatement")
    for name, values in attributes.items():
        attribute = _add(statement, "Attribute", Name=name)
        for value in [values] if isinstance(values, str) else values:
            # Servers in Java read a value without its type as something else than text.
            _add(attribute, "AttributeValue", value, **{f"{{{INSTANCE}}}type": "xs:string"})


def _add(parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
    from lxml import etree

    element = etree.SubElement(parent, _saml(name), attributes)
    element.text = text
    return element


def _saml(name: str) -> str:
    return f"{{{SAML}}}{name}"


def _instant(epoch: float) -> str:
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signed(root: Any, key_text: str, cert_text: str | None, alg: str | None) -> bytes:
    from lxml import etree
    from signxml.algorithms import CanonicalizationMethod
    from signxml.signer import XMLSigner

    key = private_key(key_text)
    name = key.alg(alg)
    if name not in _METHODS:
        raise ValueError(f"alg {name} signs no SAML assertion; use an RSA or EC key, or change assertion.alg to {', '.join(_METHODS)}")
    if cert_text is not None:
        check_pair(key, cert_text)
    method, digest = _METHODS[name]
    native: Any = key.jwk.private_key  # RSA or EC: the others have no method
    exclusive = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    signed = XMLSigner(signature_algorithm=method, digest_algorithm=digest, c14n_algorithm=exclusive).sign(
        root,
        key=native,
        cert=None if cert_text is None else certificates(cert_text),
        reference_uri=f"#{root.get('ID')}",
        id_attribute="ID",
    )
    return bytes(etree.tostring(signed))
