"""What a client signs to get and to use a token, made without bearerd, so that the servers can be tried alone.

Every claim can be replaced: a proof that is wrong in one point shows what a server really looks at.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey
from lxml import etree
from signxml.signer import XMLSigner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.authorization import Client
    from tests.integration.certificates import ClientCertificate, SigningKey

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"


def jwt_claims(issuer: str, subject: str, audience: str, **changed: Any) -> dict[str, Any]:
    """The claims of an assertion (RFC 7523 §3); one `changed` to `...` is left out."""
    now = int(time.time())
    claims = {"iss": issuer, "sub": subject, "aud": audience, "iat": now, "exp": now + 60, "jti": secrets.token_urlsafe(), **changed}
    return {name: value for name, value in claims.items() if value is not ...}


def sign(claims: Mapping[str, Any], key: SigningKey, **header: Any) -> str:
    """A signed JWT."""
    return _encode({"kid": key.kid, **header}, claims, key)


def sign_by_secret(claims: Mapping[str, Any], client: Client, alg: str = "HS256") -> str:
    """A JWT signed with the client's secret (OpenID Connect Core §9)."""
    return jwt.encode({"alg": alg}, dict(claims), OctKey.import_key(client.secret), algorithms=[alg])


def client_assertion(assertion: str) -> dict[str, str]:
    """The parameters of client authentication by a JWT (RFC 7523 §2.2)."""
    return {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion}


def dpop(key: SigningKey, method: str, url: str, *, nonce: str | None = None, token: str | None = None, **changed: Any) -> str:
    """A DPoP proof (RFC 9449 §4.2)."""
    claims: dict[str, Any] = {"jti": secrets.token_urlsafe(), "htm": method, "htu": url, "iat": int(time.time())}
    if nonce is not None:
        claims["nonce"] = nonce
    if token is not None:
        claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    public = {name: value for name, value in key.jwk.items() if name in {"kty", "crv", "x", "y", "n", "e"}}
    return _encode({"typ": "dpop+jwt", "jwk": public}, claims | changed, key)


def saml(
    signer: ClientCertificate,
    issuer: str,
    subject: str,
    audience: str,
    recipient: str,
    *,
    ends: timedelta = timedelta(minutes=5),
) -> str:
    """A signed bearer assertion (RFC 7522 §3), as XML."""
    now = datetime.now(UTC)
    start, end = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (now - timedelta(minutes=10), now + ends))
    xml = f"""<Assertion xmlns="{SAML}" ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{start}"><Issuer></Issuer>
      <Subject><NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"></NameID>
        <SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
          <SubjectConfirmationData NotOnOrAfter="{end}" Recipient="{recipient}"/>
        </SubjectConfirmation></Subject>
      <Conditions NotBefore="{start}" NotOnOrAfter="{end}">
        <AudienceRestriction><Audience>{audience}</Audience></AudienceRestriction></Conditions>
      <AuthnStatement AuthnInstant="{start}"><AuthnContext>
        <AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509</AuthnContextClassRef></AuthnContext></AuthnStatement></Assertion>"""
    assertion = etree.fromstring(xml)
    for name, text in (("Issuer", issuer), ("Subject/{*}NameID", subject)):
        element = assertion.find(f"{{*}}{name}")
        assert element is not None
        element.text = text
    signer_of_xml = XMLSigner(
        signature_algorithm="rsa-sha256", digest_algorithm="sha256", c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"
    )
    signed = signer_of_xml.sign(assertion, key=signer.key.read_bytes(), cert=signer.pem, reference_uri=assertion.get("ID"))
    return str(etree.tostring(signed, encoding="unicode"))


def base64url(text: str) -> str:
    """As a SAML assertion travels (RFC 7522 §2.1)."""
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def public_key(jwks: Mapping[str, Any], kid: str) -> ECKey:
    """The key of a JWKS that signed."""
    [key] = [each for each in jwks["keys"] if each["kid"] == kid]
    return ECKey.import_key(key)


def _encode(header: Mapping[str, Any], claims: Mapping[str, Any], key: SigningKey) -> str:
    registry = jws.JWSRegistry(algorithms=[key.alg], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # the name EdDSA, which RFC 9864 replaced and servers still expect
        return jwt.encode({"alg": key.alg, **header}, dict(claims), key.key, registry=registry)
