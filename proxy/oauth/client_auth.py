"""How the client proves itself to the token endpoint (RFC 6749 §2.3), one member per method.

Exactly one method is used on a request; none is tried silently after another.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import quote_plus

from proxy.oauth.asserting import client_assertion
from proxy.oauth.assertions import CLIENT_ASSERTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.names import Names

ClientAuthName = Literal[
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
]
Encoding = Literal["form", "raw"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a method adds to a token request."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)


class ClientAuthentication(Protocol):
    """A method: the credential's options and what is known now in, its proof out."""

    def __call__(self, names: Names) -> Proof: ...


def client_secret_basic(names: Names) -> Proof:
    """HTTP Basic, id and secret form-encoded first unless `basic_encoding` is raw (RFC 6749 §2.3.1)."""
    grant = names.grant
    return Proof({"Authorization": "Basic " + basic_blob(grant.client_id, names.secret("client_secret"), encoding=grant.basic_encoding)})


def client_secret_post(names: Names) -> Proof:
    """Client id and secret as body parameters (RFC 6749 §2.3.1)."""
    return Proof(parameters={"client_id": names.grant.client_id, "client_secret": names.secret("client_secret")})


def client_secret_jwt(names: Names) -> Proof:
    """A JWT under the client's secret (OpenID Connect Core §9)."""
    secret, signer = names.secret("client_secret"), names.facts.signer

    def sign(alg: str | None, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        return signer.hmac(secret, claims=claims, alg=alg, header=header)

    return _asserted(names, client_assertion(names, sign, key="client_secret"))


def private_key_jwt(names: Names) -> Proof:
    """A JWT under the client's key (RFC 7523 §2.2), or one that somebody else signed."""
    grant, signer = names.grant, names.facts.signer
    if grant.client_assertion is not None:
        return _asserted(names, names.secret("client_assertion").strip())
    key = names.secret("private_key")

    def sign(alg: str | None, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        return signer.jwt(key, claims=claims, alg=alg, header=header)

    return _asserted(names, client_assertion(names, sign, key="private_key"))


def tls_client_auth(names: Names) -> Proof:
    """The certificate of the connection (RFC 8705 §2); the client only names itself."""
    return Proof(parameters={"client_id": names.grant.client_id})


def none(names: Names) -> Proof:
    """A public client names itself, if it has a name (RFC 6749 §3.2.1)."""
    return Proof(parameters={"client_id": names.grant.client_id} if names.grant.client_id else {})


def _asserted(names: Names, assertion: str) -> Proof:
    named = {"client_id": names.grant.client_id} if names.grant.client_id else {}
    return Proof(parameters={**named, "client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion})


def basic_blob(client_id: str, client_secret: str, *, encoding: Encoding) -> str:
    """The base64 part of HTTP Basic (RFC 7617 §2), as UTF-8."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}" if encoding == "form" else f"{client_id}:{client_secret}"
    return base64.b64encode(pair.encode()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Method:
    """A member: what it does, the keys of which it needs one (the first is what a refusal is about), and how it proves."""

    prove: ClientAuthentication
    needs: tuple[str, ...] = ()
    by: Literal["header", "parameter", "assertion", "certificate", "nothing"] = "nothing"


_CERTIFICATE = ("token_request.tls.cert",)
CLIENT_AUTH: Mapping[ClientAuthName, Method] = {
    "client_secret_basic": Method(client_secret_basic, ("client_secret",), "header"),
    "client_secret_post": Method(client_secret_post, ("client_secret",), "parameter"),
    "client_secret_jwt": Method(client_secret_jwt, ("client_secret",), "assertion"),
    "private_key_jwt": Method(private_key_jwt, ("private_key", "client_assertion"), "assertion"),
    "tls_client_auth": Method(tls_client_auth, _CERTIFICATE, "certificate"),
    "self_signed_tls_client_auth": Method(tls_client_auth, _CERTIFICATE, "certificate"),
    "none": Method(none),
}
BY_CERTIFICATE = frozenset(name for name, method in CLIENT_AUTH.items() if method.by == "certificate")  # RFC 8705 §2
