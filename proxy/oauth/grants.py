"""Grants: what is said to a token endpoint and what comes of the answer, without I/O.

A grant's fields are its YAML options and shape the fingerprint; a secret is never a field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from proxy.oauth.client_auth import ClientAuthentication
    from proxy.oauth.token import Token


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One HTTP request to a token endpoint."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """One HTTP response of a token endpoint; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Scope(tuple[str, ...]):
    """A scope: a list, or one text with spaces between (RFC 6749 §3.3)."""

    SCHEMA = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "a list, or one text with spaces between",
    }

    @classmethod
    def parse(cls, value: object) -> Scope:
        """The scope that a YAML value says.

        Raises:
            ValueError: neither text nor a list of texts.
        """
        match value:
            case str():
                return cls(value.split())
            case list() if all(isinstance(item, str) for item in value):
                return cls(part for item in value for part in item.split())
            case _:
                raise ValueError("expected a list of scopes, or one text with spaces between")


class Grant(Protocol):
    """A family member: a frozen struct of YAML options with one verb."""

    token_url: str
    client_id: str
    scope: Scope

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        """Yield requests, receive responses, return a Token.

        Raises:
            TokenError: the endpoint refused, or answered something unusable.
        """


@dataclass(frozen=True, slots=True)
class Facts:
    """What a grant may know; secrets are resolved, times are given."""

    alias: str
    now: float  # monotonic seconds, at which this exchange began
    epoch: float  # the same moment in epoch seconds
    client_secret: str = field(repr=False)
    client_auth: ClientAuthentication
