"""The options that credentials share: what a user may say about a token request, its answer and where the token goes.

Fields are the YAML keys; a secret is a place, never a value.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from proxy.egress import EgressProxy
from proxy.oauth.answer import Path
from proxy.oauth.client_auth import ClientAuthName, Encoding
from proxy.oauth.exchange import Resource, SAMLEncoding, Scope
from proxy.oauth.lifetime import Lifetime
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.secrets import Secret
from proxy.units import FilePath, Seconds


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the YAML file, with its keys as fields."""


class Param(Options, frozen=True, kw_only=True):
    """One more parameter; its value keeps its type."""

    key: str
    value: Tree
    in_: Literal["body", "query", "header"] = msgspec.field(name="in", default="body")


class TokenTLS(Options, frozen=True, kw_only=True):
    """TLS towards the token endpoint; paths are relative to the file that names them."""

    ca: FilePath | None = None
    cert: FilePath | None = None
    key: FilePath | None = None
    server_name: str | None = None


class RequestOptions(Options, frozen=True, kw_only=True):
    """How a request is written; `body` stands in place of every parameter."""

    method: Literal["POST", "GET", "PUT"] = "POST"
    grant_type_in: Literal["body", "query"] = "body"
    content_type: Literal["form", "json", "xml"] = "form"
    params: tuple[Param, ...] = ()
    body: Tree | None = None


class TokenRequestOptions(RequestOptions, frozen=True, kw_only=True):
    """How the token endpoint is called; time, proxy and TLS hold for every call of the exchange."""

    timeout: Seconds = Seconds(10)
    proxy: EgressProxy | None = None
    tls: TokenTLS = TokenTLS()


class TokenResponseOptions(Options, frozen=True, kw_only=True):
    """Where in the answer things are."""

    access_token: Path = Path.parse("access_token")
    expires_in: Path | None = Path.parse("expires_in")
    expires_in_unit: Literal["s", "ms", "min"] = "s"
    expires_at: Path | None = None
    refresh_token: Path | None = Path.parse("refresh_token")
    scope: Path | None = Path.parse("scope")
    upstream: Path | None = None


class Step(Options, frozen=True, kw_only=True):
    """A call before the token request; `values` name parts of its answer: `${step1.session}`."""

    token_url: Template
    token_request: RequestOptions = RequestOptions()
    values: dict[str, Path] = {}


class Refresh(Options, frozen=True, kw_only=True):
    """Where a refresh differs from the first request."""

    token_url: Template | None = None
    token_request: RequestOptions | None = None


class TokenPlacement(Options, frozen=True, kw_only=True):
    """Where the token goes: a header with a prefix, a header made of a template, or a query parameter."""

    header: str = "Authorization"
    prefix: str | None = None  # "Bearer " in Authorization, nothing elsewhere
    value: Template | None = None
    query: str | None = None


class Assertion(Options, frozen=True, kw_only=True):
    """What a signed assertion says (RFC 7523 §3, RFC 7522 §3); what is left out comes from client_id and token_url."""

    alg: str | None = None
    kid: str | None = None
    x5t: bool = False
    x5t_s256: bool = msgspec.field(name="x5t#S256", default=False)
    issuer: Template | None = None
    subject: Template | None = None
    audience: Template | None = None
    lifetime: Seconds = Seconds(300)
    claims: Tree | None = None
    recipient: Template | None = None  # this and the next three are SAML's
    name_id_format: str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    attributes: dict[str, Template] = {}
    encoding: SAMLEncoding = "base64url"  # base64 is what much of SAP takes, beside RFC 7522 §2.1
    from_: str | None = msgspec.field(name="from", default=None)  # another alias, whose token is the assertion
    header: str | None = None  # or a header of the incoming request, whose token it is

    @property
    def header_alone(self) -> Assertion:
        """What of it holds for every assertion that the same key signs."""
        return Assertion(alg=self.alg, kid=self.kid, x5t=self.x5t, x5t_s256=self.x5t_s256)


class CredentialOptions(Options, frozen=True, kw_only=True):
    """The keys that every type of credential has, beside `type`."""

    description: str = ""
    provider: str | None = None
    values: dict[str, Secret] = {}
    lifetime: Lifetime = Lifetime()
    token_placement: TokenPlacement = TokenPlacement()
    allowed_hosts: tuple[str, ...] = ()
    allow_plaintext: bool = False
    allow_link_local: bool = False  # a token service on a link-local address, such as a cloud's metadata


class EndpointOptions(CredentialOptions, frozen=True, kw_only=True):
    """The keys of a credential whose token comes from an endpoint."""

    grants_by_assertion: ClassVar[bool] = False  # then `assertion` speaks of the user, and the client's own says nothing but who it is
    token_url: Template | None = None  # or issuer
    issuer: str | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    client_auth: ClientAuthName = "client_secret_basic"
    basic_encoding: Encoding = "form"  # form: RFC 6749 §2.3.1; raw: for servers that do not decode
    private_key: Secret | None = None
    certificate: Secret | None = None
    client_assertion: Secret | None = None  # one that somebody else signs, such as a platform's federated token
    assertion: Assertion = Assertion()
    dpop: bool = False
    dpop_key: Secret | None = None
    grant_type: str | None = None
    scope: Scope = Scope()
    scope_separator: str = " "
    scope_narrowing: Literal["refuse", "accept"] = "refuse"
    audience: str | None = None
    resource: Resource = Resource()
    token_request: TokenRequestOptions = TokenRequestOptions()
    token_response: TokenResponseOptions = TokenResponseOptions()
