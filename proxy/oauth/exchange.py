"""The values that pass between a grant and the token endpoint: requests, responses, facts.

Pure: a grant sees nothing else, so that it needs no I/O, no clock and no randomness of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.oauth.token import PerSend, TokenKey
    from proxy.secrets import Secret

SAMLEncoding = Literal["base64url", "base64"]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One HTTP request to a token endpoint."""

    url: str = field(repr=False)  # its query may hold a secret
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    method: str = "POST"
    path: str = ""  # the URL's path as it may be shown
    hosts: tuple[str, ...] | None = None  # where it may go alone; None: wherever the credential says
    within: str = ""  # the option that says it, such as `steps[0]`; "": the credential itself


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """One HTTP response of a token endpoint; header names are lower case, `cookies` are the values of its Set-Cookie lines."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
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
    """What a grant may know: secrets are read, other aliases' tokens are at hand, times and chance are given.

    Args:
        alias: the credential's name.
        key: whose token is asked for, with what a caller presented of the subject.
        token_url: where the token request goes: rendered, or found by discovery.
        now: monotonic seconds, at which this exchange began.
        epoch: the same moment in epoch seconds.
        jitter: a number in [0, 1), which spreads the refreshes of many processes.
        secrets: the value of every secret that the credential names; variables: those of its `${env:NAME}`, by name.
        tokens: the tokens of the other aliases that the grant needs.
        refresh_token: what an earlier exchange for this key brought, or None.
        metadata: what the authorization server says of itself, where it was asked.
        unique: a new unguessable text at every call, for a `jti`, an id, `${random}`.
        wall: epoch seconds now, for what is made at a later send.
        signer: signs with keys; draws what a signature needs of randomness.
        keep_refresh_token: told of a new one as soon as it is heard, before anything else is made of the answer.
        prover: proves possession of the credential's DPoP key, where it has one.
        kept: the names of the answer's parts that stay with the token, for the calls: `response.instance_url`.
    """

    alias: str
    key: TokenKey
    token_url: str = field(repr=False)
    now: float
    epoch: float
    jitter: float
    unique: Callable[[], str]
    wall: Callable[[], float]
    signer: Signer
    secrets: Mapping[Secret, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    metadata: Metadata | None = None
    prover: Prover | None = field(default=None, repr=False)
    keep_refresh_token: Callable[[str], None] = field(default=lambda _: None, repr=False)
    kept: frozenset[str] = frozenset()

    def read(self, secret: Secret | None) -> str:
        """The value of a secret of this credential; "" where it names none."""
        return self.secrets[secret] if secret is not None else ""


class Signer(Protocol):
    """Signs with keys that come as text (`proxy.oauth.signing`).

    Every method raises ValueError, with nothing of a key in it, where a key or certificate cannot be used.
    """

    def jwt(self, key: str, *, claims: Mapping[str, object], alg: str | None = None, header: Mapping[str, object] | None = None) -> str:
        """A JWT signed with a private key; None: the algorithm that fits it."""

    def hmac(self, secret: str, *, claims: Mapping[str, object], alg: str | None = None, header: Mapping[str, object] | None = None) -> str:
        """A JWT whose MAC is made with a client's secret."""

    def thumbprint(self, certificate: str, hash_name: Literal["sha1", "sha256"]) -> str:
        """The certificate's hash, as `x5t` and `x5t#S256` say it (RFC 7515 §4.1.7)."""

    def saml(self, assertion: SAMLAssertion, *, key: str, certificate: str, alg: str | None = None) -> str:
        """A signed SAML assertion, in base64url (RFC 7522 §2.1)."""

    def prover(self, key: str | None, *, of: str) -> Prover:
        """Proves possession of a key (RFC 9449); None: of one of this process's own. The same one for one `of` while its key stays."""


class Prover(Protocol):
    """A DPoP key at work, with the nonces that servers gave for its proofs."""

    def nonce(self, url: str) -> str | None:
        """What the server of `url` wants in the next proof, or None."""

    def learn(self, url: str, nonce: str | None) -> bool:
        """Keep a `DPoP-Nonce` header of the server of `url`; False where it is none."""

    def proof(self, method: str, url: str, *, nonce: str | None) -> str:
        """A proof for a token endpoint (RFC 9449 §4.2)."""

    def for_token(self, token: str) -> PerSend:
        """What a bound token puts on each send to an API (RFC 9449 §7)."""


@dataclass(frozen=True, slots=True)
class SAMLAssertion:
    """What a SAML 2.0 bearer assertion says (RFC 7522 §3); `epoch` and `lifetime` in seconds, `unique` its ID."""

    issuer: str
    subject: str
    audience: str
    recipient: str
    name_id_format: str
    attributes: Mapping[str, str]
    epoch: float
    lifetime: float
    unique: str
    encoding: SAMLEncoding = "base64url"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an authorization server says of itself (RFC 8414 §2); None: it does not say."""

    issuer: str
    token_endpoint: str
    auth_methods: tuple[str, ...] | None = None
    mtls_token_endpoint: str | None = None  # RFC 8705 §5
