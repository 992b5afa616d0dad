"""The values that pass between a grant and the token endpoint: requests, responses, facts.

Pure: a grant sees nothing else, so that it needs no I/O, no clock and no randomness of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.client_auth import ClientAuthName, Encoding
    from proxy.oauth.lifetime import Lifetime

ContentType = Literal["form", "json"]
ScopeNarrowing = Literal["refuse", "accept"]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One HTTP request to a token endpoint."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """One HTTP response of a token endpoint; header names are lower case, `cookies` are the values of its Set-Cookie lines."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)


class Scope(tuple[str, ...]):
    """A scope: a list, or one text with spaces between (RFC 6749 §3.3)."""

    __slots__ = ()
    SCHEMA: ClassVar[dict[str, object]] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "a list, or one text with spaces between",
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """The scope that a YAML value says.

        Raises:
            ValueError: neither text nor a list of texts.
        """
        match value:
            case str():
                return cls(value.split())
            case list() | tuple() if all(isinstance(item, str) for item in value):
                return cls(part for item in value for part in item.split())
            case _:
                raise ValueError("expected a list of scopes, or one text with spaces between")


class Resource(tuple[str, ...]):
    """One resource or several: absolute URIs of the APIs that the token is for (RFC 8707 §2)."""

    __slots__ = ()
    SCHEMA: ClassVar[dict[str, object]] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "one absolute URI or a list of them (RFC 8707)",
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """The resources that a YAML value says.

        Raises:
            ValueError: neither text nor a list of texts, or one that is no absolute URI, or has a fragment.
        """
        match value:
            case str():
                found = cls((value,))
            case list() | tuple() if all(isinstance(item, str) for item in value):
                found = cls(value)
            case _:
                raise ValueError("expected a resource URI or a list of them")
        if any(":" not in item or "#" in item for item in found):
            raise ValueError("a resource is an absolute URI without a fragment (RFC 8707 section 2)")
        return found


@dataclass(frozen=True, slots=True)
class Facts:
    """What a grant may know: secrets are resolved, times and chance are given.

    Args:
        now: monotonic seconds, at which this exchange began.
        epoch: the same moment in epoch seconds.
        jitter: a number in [0, 1), which spreads the refreshes of many processes.
    """

    alias: str
    now: float
    epoch: float
    jitter: float
    client_secret: str = field(repr=False)
    client_auth: ClientAuthName
    basic_encoding: Encoding
    content_type: ContentType
    lifetime: Lifetime
    scope_narrowing: ScopeNarrowing = "refuse"
