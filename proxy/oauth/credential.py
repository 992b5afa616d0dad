"""A credential: what one alias of the security material says.

The grant's fields shape the fingerprint; secrets and client authentication never do.
"""

from __future__ import annotations

import msgspec

from proxy.oauth.client_auth import ClientAuthName, Encoding
from proxy.oauth.exchange import ContentType, ScopeNarrowing
from proxy.oauth.grants import Grant
from proxy.oauth.lifetime import Lifetime
from proxy.secrets import Secret
from proxy.units import Seconds


class TokenRequestOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the token endpoint is called."""

    timeout: Seconds = Seconds(10)
    content_type: ContentType = "form"


class CredentialOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that every type of credential has, beside `type` and the grant's own."""

    description: str = ""
    client_secret: Secret | None = None
    client_auth: ClientAuthName = "client_secret_basic"
    basic_encoding: Encoding = "form"  # form: RFC 6749 §2.3.1; raw: for servers that do not decode
    token_request: TokenRequestOptions = TokenRequestOptions()
    lifetime: Lifetime = Lifetime()
    scope_narrowing: ScopeNarrowing = "refuse"
    allow_plaintext: bool = False
    allow_link_local: bool = False  # a token service on a link-local address, such as a cloud's metadata


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One alias: its name, its grant, and the options that all grants share."""

    alias: str
    grant: Grant
    options: CredentialOptions
