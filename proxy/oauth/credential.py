"""A credential: what one alias of the security material says.

The grant's fields shape the fingerprint; secrets and client authentication never do.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from proxy.oauth.client_auth import ClientAuthName
from proxy.oauth.grants import Grant
from proxy.secrets import Secret
from proxy.units import Seconds

Ratio = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Lifetime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a token is due and until when it is usable; the margin is the smaller of refresh_before and ratio x lifetime."""

    refresh_before: Seconds = Seconds(60)
    refresh_before_ratio: Ratio = 0.2
    min_remaining: Seconds = Seconds(2)  # or 5 % of the lifetime, whichever is smaller
    min_refresh_interval: Seconds = Seconds(1)
    when_missing: Seconds = Seconds(300)


class TokenRequestOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the token endpoint is called."""

    timeout: Seconds = Seconds(10)
    content_type: Literal["form", "json"] = "form"


class CredentialOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that every type of credential has, beside `type` and the grant's own."""

    description: str = ""
    client_secret: Secret | None = None
    client_auth: ClientAuthName = "client_secret_basic"
    basic_encoding: Literal["form", "raw"] = "form"  # form: RFC 6749 §2.3.1; raw: for servers that do not decode
    token_request: TokenRequestOptions = TokenRequestOptions()
    lifetime: Lifetime = Lifetime()
    scope_narrowing: Literal["refuse", "accept"] = "refuse"
    allow_plaintext: bool = False


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One alias: its name, its grant, and the options that all grants share."""

    alias: str
    grant: Grant
    options: CredentialOptions
