"""What an assertion says: the claims and the header of a JWT that a client signs for a token endpoint (RFC 7523).

Pure: the moment and the unique id are arguments; `proxy.oauth.signing.jose` signs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KeyAlg = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"]

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
LIFETIME = 300.0  # seconds; GitHub refuses over 600, Okta over 3600


def client_assertion_claims(
    *,
    client_id: str,
    audience: str | Sequence[str] | None,
    epoch: float,
    unique: str,
    lifetime: float = LIFETIME,
    issuer: str | None = None,
    subject: str | None = None,
    extra: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Claims by which a client proves who it is (RFC 7523 §3, OpenID Connect Core §9).

    Args:
        client_id: stands as issuer and as subject.
        issuer: in place of `client_id`.
        subject: in place of `client_id`.
        audience: the token endpoint's URL or the issuer, whichever the server takes.
        epoch: seconds since 1970.
        unique: the `jti`, never used before.
        lifetime: seconds.
        extra: claims that stand beside and above these; None takes one away.
    """
    return _claims(
        {
            "iss": client_id if issuer is None else issuer,
            "sub": client_id if subject is None else subject,
            "aud": _audience(audience),
            "jti": unique,
            "iat": int(epoch),
            "exp": int(epoch + lifetime),
        },
        extra,
    )


def bearer_assertion_claims(
    *,
    issuer: str,
    audience: str | Sequence[str] | None,
    epoch: float,
    subject: str | None = None,
    unique: str | None = None,
    lifetime: float = LIFETIME,
    backdate: float = 0.0,
    extra: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Claims of an assertion that is itself the grant (RFC 7523 §2.1), or of a JWT that is sent as the token.

    Args:
        issuer: who signs: a client, a service account, a GitHub App's id.
        audience: the token endpoint's URL, or what the vendor names; None where it wants no `aud` (a GitHub App).
        subject: whom the token is for; None where the vendor wants no `sub` (Google without delegation, a GitHub App).
        epoch: seconds since 1970.
        unique: the `jti`; None where the vendor wants none.
        lifetime: seconds from `epoch`.
        backdate: seconds by which `iat` lies before `epoch`, for a server whose clock is behind (GitHub advises 60).
        extra: claims that stand beside and above these, such as Google's `scope`; None takes one away.
    """
    return _claims(
        {
            "iss": issuer,
            "sub": subject,
            "aud": _audience(audience),
            "jti": unique,
            "iat": int(epoch - backdate),
            "exp": int(epoch + lifetime),
        },
        extra,
    )


def _audience(audience: str | Sequence[str] | None) -> str | list[str] | None:
    return audience if audience is None or isinstance(audience, str) else list(audience)


def _claims(ours: Mapping[str, object], extra: Mapping[str, object] | None) -> dict[str, object]:
    return {name: value for name, value in {**ours, **(extra or {})}.items() if value is not None}
