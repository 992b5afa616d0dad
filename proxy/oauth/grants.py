"""Grants: what is said to a token endpoint and what comes of the answer, without I/O.

A grant's fields are its YAML options and shape the fingerprint; a secret is never a field.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

import msgspec

from proxy.oauth.client_auth import CLIENT_AUTH
from proxy.oauth.exchange import Facts, Resource, Scope, TokenRequest, TokenResponse
from proxy.oauth.response import parse_token

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from proxy.oauth.token import Token

__all__ = ["GRANTS", "ClientCredentials", "Facts", "Grant", "Resource", "Scope", "TokenRequest", "TokenResponse", "fingerprint"]


class Grant(Protocol):
    """A family member: a frozen struct of YAML options with one verb."""

    @property
    def token_url(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def scope(self) -> Scope: ...

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        """Yield requests, receive responses, return a Token.

        Raises:
            TokenError: the endpoint refused, or answered something unusable.
        """


def fingerprint(alias: str, grant: Grant) -> str:
    """What tells an alias's tokens from all others: a SHA-256 over its name, the grant's type and the grant's fields.

    The alias is among them, so that no alias is served a token that only another's secret could fetch.

    No secret, key or client_auth is among them, so that rotating a secret leaves the tokens where they are.
    """
    fields = {name: getattr(grant, name) for name in type(grant).__struct_fields__}  # type: ignore[attr-defined]  # every grant is a msgspec.Struct
    return hashlib.sha256(json.dumps([alias, type(grant).__name__, fields], sort_keys=True).encode()).hexdigest()


class ClientCredentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The client's own token (RFC 6749 §4.4)."""

    token_url: str
    client_id: str
    scope: Scope = Scope()
    audience: str | None = None
    resource: Resource = Resource()

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        """One request, one token.

        Raises:
            TokenError: the endpoint refused, or answered something unusable.
        """
        parameters: dict[str, str | Resource] = {"grant_type": "client_credentials"}
        if self.scope:
            parameters["scope"] = " ".join(self.scope)
        if self.audience:
            parameters["audience"] = self.audience
        if self.resource:
            parameters["resource"] = self.resource
        response = yield _token_request(self, parameters, facts)
        return parse_token(response, facts, client_id=self.client_id, scope=self.scope)


def _token_request(grant: Grant, parameters: Mapping[str, str | Resource], facts: Facts) -> TokenRequest:
    """A POST whose body always holds `parameters` (a server answered 415 to an empty one)."""
    method = CLIENT_AUTH[facts.client_auth]
    headers, proof = method(grant.client_id, facts.client_secret, encoding=facts.basic_encoding)
    said = {**parameters, **proof}
    if facts.content_type == "json":
        kind, body = "application/json", json.dumps({name: _plain(value) for name, value in said.items()})
    else:
        kind, body = "application/x-www-form-urlencoded", urlencode(said, doseq=True)
    return TokenRequest(grant.token_url, body.encode(), {"Content-Type": kind, "Accept": "application/json", **headers})


def _plain(value: str | Resource) -> str | list[str]:
    """One resource is a text in JSON, several are an array."""
    if isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else list(value)


GRANTS: dict[str, type[Grant]] = {
    "oauth2_client_credentials": ClientCredentials,
}
