"""Every grant beside every client authentication method, as the YAML of a credential and a client that is registered for it.

A method says how the client proves itself, a grant what it asks with; neither knows of the other but for the keys they share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from tests.integration.asking import JWT_BEARER, SAML_BEARER, TOKEN_EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.authorization import AuthorizationServer, Client, Terms
    from tests.integration.certificates import ClientCertificate, SigningKey

    Keys = dict[str, Any]

PRESENTED = "X-Subject-Token"  # where a caller shows the token that is exchanged


@dataclass(frozen=True, slots=True)
class Method:
    """How a client proves itself: `said` is YAML, `metadata` what it registers, `keys` the JWKs among them."""

    name: str
    said: Keys = field(default_factory=dict)
    metadata: Keys = field(default_factory=dict)
    keys: tuple[Keys, ...] = ()
    signing: SigningKey | None = None
    certificate: ClientCertificate | None = None  # of the connection


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client asks with; `keys` are JWKs that it signs with."""

    type: str
    wire: str  # grant_type
    said: Callable[[Client, Method], Keys]
    terms: Terms | None = None
    keys: tuple[Keys, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One credential of the matrix."""

    alias: str
    method: Method
    grant: Grant
    client: Client
    said: Keys


def methods(server: AuthorizationServer) -> dict[str, Method]:
    """Each method, private_key_jwt once for each family of algorithms."""
    issued, own = server.client_certificate("matrix"), server.self_signed_certificate("matrix")
    return {
        **{name: Method(name) for name in ("client_secret_basic", "client_secret_post", "client_secret_jwt", "none")},
        **{f"private_key_jwt {alg}": _private_key_jwt(server.signing_key(alg)) for alg in ("RS256", "PS256", "ES256", "EdDSA")},
        "tls_client_auth": Method("tls_client_auth", metadata={"tls_client_auth_subject_dn": issued.subject_dn}, certificate=issued),
        "self_signed_tls_client_auth": Method("self_signed_tls_client_auth", keys=tuple(own.jwks["keys"]), certificate=own),
    }


def _private_key_jwt(key: SigningKey) -> Method:
    said = {"private_key": {"file": str(key.file)}, "assertion": {"alg": key.alg, "kid": key.kid}}
    return Method("private_key_jwt", said, keys=(key.jwk,), signing=key)


def grants(server: AuthorizationServer) -> dict[str, Grant]:
    """Each grant with each place that its assertion or subject token may come from."""
    jwks = requests.get(f"{server.issuer}/jwks", timeout=60).json()
    signer, key = server.self_signed_certificate("idp", family="RSA"), server.signing_key("ES256")
    user = server.user
    issuers = dict.fromkeys((server.issuer, server.tls_issuer), jwks)
    read = {"scope": "api:read"}

    def exchange(**tokens: Keys) -> Grant:
        return Grant("oauth2_token_exchange", TOKEN_EXCHANGE, lambda *_: {**read, **tokens})

    return {
        "client_credentials": Grant("oauth2_client_credentials", "client_credentials", lambda *_: read),
        "password": Grant("oauth2_password", "password", lambda *_: {**read, "username": user.name, "password": user.password}),
        "refresh_token": Grant("oauth2_refresh_token", "refresh_token", lambda client, _: {"refresh_token": server.refresh_token(client)}),
        "jwt_bearer": Grant(
            "oauth2_jwt_bearer",
            JWT_BEARER,
            lambda _, method: {**read, **_signed(method.signing or key, user.name)},
            keys=(key.jwk,),
        ),
        "jwt_bearer from": Grant(
            "oauth2_jwt_bearer", JWT_BEARER, lambda *_: {**read, "assertion": {"from": "jwt"}}, terms={"issuers": issuers}
        ),
        "saml_bearer": Grant(
            "oauth2_saml_bearer",
            SAML_BEARER,
            lambda *_: {
                **read,
                "private_key": {"file": str(signer.key)},
                "certificate": {"file": str(signer.cert)},
                "assertion": {"subject": user.name},
            },
            terms={"saml_certificate": signer.pem},
            keys=tuple(signer.jwks["keys"]),
        ),
        "token_exchange": exchange(subject_token={"header": PRESENTED}),
        "token_exchange from": exchange(subject_token={"from": "subject"}),
        "token_exchange actor": exchange(subject_token={"header": PRESENTED}, actor_token={"from": "actor"}),
    }


def _signed(key: SigningKey, subject: str) -> Keys:
    return {"private_key": {"file": str(key.file)}, "assertion": {"subject": subject, "kid": key.kid}}


def fits(grant: str, method: str) -> bool:
    """One `private_key` signs a SAML assertion and the client's own, so that it is RSA; this server takes no PSS in XML."""
    return grant != "saml_bearer" or not method.startswith("private_key_jwt") or method.endswith("RS256")


def case(server: AuthorizationServer, alias: str, grant: Grant, method: Method, **metadata: Any) -> Case:
    """A client registered for both, with more `metadata`, and its credential."""
    keys = [*method.keys, *grant.keys]
    jwks: Keys = {"jwks": {"keys": keys}} if keys else {}
    client = server.client(
        terms=grant.terms,
        token_endpoint_auth_method=method.name,
        grant_types=[grant.wire],
        **method.metadata,
        **jwks,
        **metadata,
    )
    said = {
        "type": grant.type,
        "token_url": server.token_url,
        "client_id": client.id,
        "client_auth": method.name,
        **({"client_secret": client.secret} if client.secret else {}),
        **_merged(method.said, grant.said(client, method)),
    }
    if grant.type == "oauth2_saml_bearer":
        said["assertion"].pop("kid", None)
    if method.certificate is not None:
        said |= _by_tls(server, method.certificate, said.get("assertion", {}))
    return Case(alias, method, grant, client, said)


def sources(server: AuthorizationServer) -> dict[str, Keys]:
    """The aliases whose tokens others take: JWTs of either issuer, a subject, an actor."""
    said: dict[str, Keys] = {"jwt": {"resource": server.issuer}, "jwt-tls": {"resource": server.tls_issuer}, "subject": {}, "actor": {}}
    common = {"type": "oauth2_client_credentials", "token_url": server.token_url, "scope": "api:read"}
    told: dict[str, Keys] = {}
    for alias, keys in said.items():
        client = server.client()
        told[alias] = {**common, "client_id": client.id, "client_secret": client.secret, **keys}
    told["jwt-tls"] |= {"token_url": server.tls_token_url, "token_request": {"tls": {"ca": str(server.ca)}}}
    return told


def _by_tls(server: AuthorizationServer, certificate: ClientCertificate, assertion: Keys) -> Keys:
    """The twin by HTTPS is an issuer of its own, which takes no assertion for the other."""
    tls = {"ca": str(server.ca), "cert": str(certificate.cert), "key": str(certificate.key)}
    told = {"token_url": server.tls_token_url, "token_request": {"tls": tls}}
    return {**told, "assertion": {**assertion, "from": "jwt-tls"}} if "from" in assertion else told


def _merged(method: Keys, grant: Keys) -> Keys:
    """A copy of both; of a key that both have, the grant's parts count."""
    both = {**method, **grant}
    for name in ("assertion", "token_request"):
        if name in both:
            both[name] = {**method.get(name, {}), **grant.get(name, {})}
    return both
