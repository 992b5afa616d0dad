"""Grants: what is said to a token endpoint and what comes of the answer, without I/O.

A grant's fields are its YAML options and shape the fingerprint; a secret is a place, and no part of it.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec

from proxy.errors import TokenError, TokenInvalidGrantError
from proxy.oauth.asserting import bearer_assertion, saml_assertion
from proxy.oauth.client_auth import ClientAuthName, Proof
from proxy.oauth.destination import destination
from proxy.oauth.names import Names, OwnNames
from proxy.oauth.options import CredentialOptions, EndpointOptions, Options, RequestOptions, Step
from proxy.oauth.placement import placed
from proxy.oauth.refreshing import Refreshable, refreshed
from proxy.oauth.request import standard, token_request, written
from proxy.oauth.response import heard, parse_token
from proxy.oauth.walk import names_of, presented
from proxy.secrets import Secret  # msgspec reads the fields' types

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from proxy.oauth.exchange import Facts, TokenRequest, TokenResponse
    from proxy.oauth.lifetime import Lifetime
    from proxy.oauth.token import Token

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # a name of RFC 8693 §3
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 §2.1
SAML2_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"  # RFC 7522 §2.1
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  # RFC 8693 §2.1


class Grant(Protocol):
    """A family member: a frozen struct of YAML options, those of CredentialOptions among them, with one verb."""

    @property
    def description(self) -> str: ...
    @property
    def lifetime(self) -> Lifetime: ...
    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...
    @property
    def allow_link_local(self) -> bool: ...
    @property
    def allow_plaintext(self) -> bool: ...

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        """Yield requests, receive responses, return a Token.

        Raises:
            TokenError: the endpoint refused, or answered something unusable.
        """


def _said(grant: EndpointOptions, grant_type: str, more: Mapping[str, object] | None = None) -> dict[str, object]:
    """The parameters of a grant; `grant_type` is the one to send where the credential says no other."""
    return {"grant_type": grant.grant_type or grant_type, **(more or {}), **standard(grant)}


class ClientCredentials(EndpointOptions, frozen=True, kw_only=True):
    """The client's own token (RFC 6749 §4.4); a refresh token in the answer is not used (§4.4.3)."""

    client_id: str

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        names = Names(self, facts)
        response = yield token_request(names, _said(self, "client_credentials"))
        return parse_token(response, names)


class Password(Refreshable, frozen=True, kw_only=True):
    """A resource owner's token for name and password (RFC 6749 §4.3), for servers that have nothing better."""

    username: str
    password: Secret

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        names = Names(self, facts)
        owner = {"username": self.username, "password": facts.read(self.password)}
        response = yield token_request(names, _said(self, "password", owner))
        return parse_token(response, names)


class RefreshToken(Refreshable, frozen=True, kw_only=True):
    """A token for a refresh token that was obtained elsewhere (RFC 6749 §6)."""

    refresh_token: Secret

    def refreshes(self, _kept: str | None) -> bool:
        return True

    def refreshed_with(self, refresh_token: str) -> dict[str, object]:
        """As the credential says it: grant_type and scope are those of this very request."""
        return _said(self, "refresh_token", {"refresh_token": refresh_token})

    def written_as(self) -> RequestOptions:
        return self.token_request

    def falls_back(self, refused: TokenError, facts: Facts) -> bool:
        """Only where the newest one has ended and another is said: a server that sees a used one again may end all (RFC 9700 §4.14.2)."""
        return isinstance(refused, TokenInvalidGrantError) and facts.read(self.refresh_token) != facts.refresh_token

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        return (yield from refreshed(self, facts, facts.read(self.refresh_token)))


class JWTBearer(Refreshable, frozen=True, kw_only=True):
    """A token for a signed assertion (RFC 7523 §2.1): our own, another alias's token, or the caller's."""

    grants_by_assertion: ClassVar[bool] = True

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        return (yield from _asserted(self, facts, JWT_BEARER, _jwt(self, facts)))


class SAMLBearer(Refreshable, frozen=True, kw_only=True):
    """A token for a signed SAML 2.0 assertion (RFC 7522 §2.1)."""

    grants_by_assertion: ClassVar[bool] = True

    private_key: Secret
    certificate: Secret

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        return (yield from _asserted(self, facts, SAML2_BEARER, saml_assertion(Names(self, facts))))


class ExchangedToken(Options, frozen=True, kw_only=True):
    """Where a token that is exchanged comes from: another alias, or a header of the incoming request."""

    from_: str | None = msgspec.field(name="from", default=None)
    header: str | None = None
    type: str = ACCESS_TOKEN

    def value(self, facts: Facts) -> str:
        """The token itself; of a header, without the scheme before it."""
        return facts.tokens[self.from_] if self.from_ else facts.key.presented[(self.header or "").lower()].rpartition(" ")[2]


class TokenExchange(Refreshable, frozen=True, kw_only=True):
    """A token for another token (RFC 8693 §2.1)."""

    subject_token: ExchangedToken
    actor_token: ExchangedToken | None = None
    requested_token_type: str | None = None

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        names = Names(self, facts)
        said = _said(self, TOKEN_EXCHANGE)
        said |= {"subject_token": self.subject_token.value(facts), "subject_token_type": self.subject_token.type}
        if self.actor_token is not None:
            said |= {"actor_token": self.actor_token.value(facts), "actor_token_type": self.actor_token.type}
        if self.requested_token_type is not None:
            said["requested_token_type"] = self.requested_token_type
        response = yield token_request(names, said)
        return parse_token(response, names)


class LoginToken(Refreshable, frozen=True, kw_only=True):
    """A vendor's own login: calls in order, each with what the earlier ones answered."""

    typed: ClassVar[bool] = False

    username: str = ""
    password: Secret | None = None
    client_auth: ClientAuthName = "none"
    steps: tuple[Step, ...] = ()

    @property
    def renews(self) -> bool:
        """Otherwise than by logging in only where the credential says how."""
        return self.refresh is not None and not presented(self)

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        names = Names(self, facts)
        if names_of(self) & {"assertion"}:
            names = names.knowing(assertion=_jwt(self, facts))
        for number, step in enumerate(self.steps):
            plain = written(step.token_request, destination(step.token_url, names), names, said={}, proof=Proof())
            request = replace(plain, within=f"steps[{number}]")
            response = yield request
            try:
                heard(response, names)
            except TokenError as error:
                raise error.said_under(request.within) from None
            names = names.hearing(f"step{number + 1}", response, step.values, within=request.within)
        said = {"grant_type": self.grant_type} if self.grant_type else {}
        response = yield token_request(names, {**said, **standard(self)})
        return parse_token(response, names, typed=self.typed)


class UserCredentials(CredentialOptions, frozen=True, kw_only=True):
    """A user's name and password, as HTTP Basic (RFC 7617)."""

    username: str
    password: Secret

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        yield from ()
        blob = base64.b64encode(f"{self.username}:{facts.read(self.password)}".encode()).decode("ascii")
        return _static(self, facts, blob, prefix="Basic ")


class SecureParameter(CredentialOptions, frozen=True, kw_only=True):
    """A key or token that does not change by itself, in any header or in the query."""

    value: Secret

    def exchange(self, facts: Facts) -> Generator[TokenRequest, TokenResponse, Token]:
        yield from ()
        return _static(self, facts, facts.read(self.value))


def _jwt(grant: EndpointOptions, facts: Facts) -> str:
    """What a credential asserts: another alias's token, the caller's, or a JWT of its own."""
    said = grant.assertion
    taken = ExchangedToken(from_=said.from_, header=said.header)
    return taken.value(facts) if said.from_ or said.header else bearer_assertion(Names(grant, facts))


def _asserted(grant: Refreshable, facts: Facts, grant_type: str, assertion: str) -> Generator[TokenRequest, TokenResponse, Token]:
    """A token for an assertion (RFC 7521 §4.1)."""
    names = Names(grant, facts).knowing(assertion=assertion)
    response = yield token_request(names, _said(grant, grant_type, {"assertion": assertion}))
    return parse_token(response, names)


def _static(grant: CredentialOptions, facts: Facts, value: str, *, prefix: str | None = None) -> Token:
    """A credential that does not expire; it is read again as often as `lifetime.when_missing` says."""
    names = OwnNames(grant, facts).knowing(token=value)
    said = grant.token_placement
    if prefix is not None and said.prefix is None:
        said = msgspec.structs.replace(said, prefix=prefix)
    return placed(names, value, said=said).token(names, value, lifetime=grant.lifetime.fixed or grant.lifetime.when_missing)


GRANTS: dict[str, type[Grant]] = {
    "oauth2_client_credentials": ClientCredentials,
    "oauth2_password": Password,
    "oauth2_refresh_token": RefreshToken,
    "oauth2_jwt_bearer": JWTBearer,
    "oauth2_saml_bearer": SAMLBearer,
    "oauth2_token_exchange": TokenExchange,
    "login_token": LoginToken,
    "user_credentials": UserCredentials,
    "secure_parameter": SecureParameter,
}
