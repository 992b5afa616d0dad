"""Renewal by refresh token (RFC 6749 §6), around the grants that may bring one, with the grant in full to fall back to.

A new refresh token is kept as soon as it is heard: whatever is wrong with the rest of the answer, the old one may have ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec

from proxy.errors import (
    SecretUnavailableError,
    TokenEndpointNotFoundError,
    TokenError,
    TokenInvalidClientError,
    TokenNotJSONError,
    TokenRefusedError,
    TokenResponseInvalidError,
)
from proxy.oauth.expiry import lifetime_of
from proxy.oauth.lifetime import LONGEST, times
from proxy.oauth.names import Names
from proxy.oauth.options import EndpointOptions, Refresh, RequestOptions
from proxy.oauth.proving import proven
from proxy.oauth.request import standard, token_request
from proxy.oauth.response import new_refresh_token, parse_token
from proxy.oauth.walk import presented

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from proxy.oauth.exchange import Facts, TokenRequest, TokenResponse
    from proxy.oauth.token import Token

_FINAL = (  # asking again would bring the same
    *(TokenRefusedError, TokenEndpointNotFoundError, TokenNotJSONError, TokenResponseInvalidError),
    SecretUnavailableError,  # of a refresh that could not be written
)
_OWN = frozenset({"grant_type", "refresh_token"})  # what makes a request a refresh (RFC 6749 §6)


class Exchanging(Protocol):
    """A grant, as far as this room knows it."""

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]: ...


class Refreshable(EndpointOptions, frozen=True, kw_only=True):
    """A grant whose answer may bring a refresh token."""

    typed: ClassVar[bool] = True  # whether token_type is looked at

    refresh: Refresh | None = None

    @property
    def renews(self) -> bool:
        """Whether a refresh token is used, if there is one: not where it would outlive what callers present of the subject."""
        return not presented(self)

    def refreshes(self, kept: str | None) -> bool:
        """Whether the next exchange uses a refresh token, which nobody else may use meanwhile; `kept` is what an earlier one brought."""
        return self.renews and kept is not None

    def refreshed_with(self, refresh_token: str) -> dict[str, object]:
        """The parameters of a refresh; without the scope, since what was granted stays, and may be less than what is asked for."""
        said = standard(self)
        said.pop("scope", None)
        return {"grant_type": "refresh_token", "refresh_token": refresh_token, **said}

    def written_as(self) -> RequestOptions:
        """How a refresh is written where `refresh` does not say it: as the grant, but for what is the grant's own."""
        params = tuple(param for param in self.token_request.params if param.key not in _OWN)
        return msgspec.structs.replace(self.token_request, body=None, params=params)

    def falls_back(self, refused: TokenError, _facts: Facts) -> bool:
        """Whether the grant in full is worth a try after a refusal: not where it would show the same client."""
        return isinstance(refused, _FINAL) and not isinstance(refused, TokenInvalidClientError)


def exchange(grant: Exchanging, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
    """The whole exchange: by the refresh token that an earlier one left, else by the grant; with proofs where the credential says so.

    A refused refresh token falls back to the grant in full; what is returned holds the refresh token to keep from now on. A token for
    what a caller presented ends with that.

    Raises:
        TokenError: the endpoint refused, or answered something unusable.
    """

    def begin() -> Generator[TokenRequest, TokenResponse, Token]:
        if isinstance(grant, Refreshable) and grant.renews and facts.refresh_token:
            return _renewed(grant, facts.refresh_token, facts, in_full=grant.exchange)
        return grant.exchange(facts)

    token = yield from begin() if facts.prover is None else proven(begin, facts.prover)
    if not isinstance(grant, Refreshable):
        return replace(token, refresh_token=None)
    return token if grant.renews else _bounded(replace(token, refresh_token=None), grant, facts)


def _bounded(token: Token, grant: Refreshable, facts: Facts) -> Token:
    """The token, which ends with the first of the presented JWTs whose `exp` says when that is."""
    shown = (facts.key.presented.get(name, "").rpartition(" ")[2] for name in presented(grant))
    left = min((lifetime_of(None, jwt, epoch=facts.epoch, when_missing=LONGEST) for jwt in shown), default=LONGEST)
    if left >= token.lifetime:
        return token
    return replace(token, **times(facts.now, left, grant.lifetime, facts.jitter)._asdict())


def _renewed(
    grant: Refreshable, refresh_token: str, facts: Facts, *, in_full: Callable[[Facts], Generator[TokenRequest, TokenResponse, Token]]
) -> Generator[TokenRequest, TokenResponse, Token]:
    try:
        return (yield from refreshed(grant, facts, refresh_token))
    except TokenError as refused:
        if not grant.falls_back(refused, facts):
            raise
        return (yield from in_full(facts))


def refreshed(grant: Refreshable, facts: Facts, refresh_token: str) -> Generator[TokenRequest, TokenResponse, Token]:
    """A token for a refresh token; one that the server did not rotate stays.

    Raises:
        TokenError: the endpoint refused, or answered something unusable.
    """
    names = Names(grant, facts).knowing(refresh_token=refresh_token)
    said = grant.refresh or Refresh()
    options = said.token_request or grant.written_as()
    response = yield token_request(names, grant.refreshed_with(refresh_token), options=options, url=said.token_url)
    if (rotated := new_refresh_token(response, names)) is not None:
        facts.keep_refresh_token(rotated)
    token = parse_token(response, names, typed=grant.typed)
    return token if token.refresh_token else replace(token, refresh_token=refresh_token)
