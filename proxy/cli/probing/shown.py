"""What a token says of itself, made fit to be shown: header and claims of a JWT, without a secret.

Nothing else is masked; a text that holds the token, a part of it or the client's secret is.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from proxy.oauth.jwt import jwt_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REDACTED = "[redacted]"
DEEPEST = 16  # levels of nesting that are shown
SHORT = 8  # characters; a shorter secret is masked only where it is a whole text
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*")


def header_and_claims(token: str, secrets: Sequence[str]) -> tuple[object, object]:
    """Header and claims of a JWT, not verified; None for each that cannot be read."""
    return masked(jwt_part(token, "header"), secrets), masked(jwt_part(token, "claims"), secrets)


def masked(value: object, secrets: Sequence[str], depth: int = 0) -> object:
    """A JSON value with what is secret masked."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return masked_text(value, secrets)
        case dict() | list() if depth >= DEEPEST:
            return "..."
        case dict():
            return {masked_text(str(key), secrets): masked(inner, secrets, depth + 1) for key, inner in value.items()}
        case list() | tuple():
            return [masked(inner, secrets, depth + 1) for inner in value]
        case _:
            return REDACTED


def masked_text(text: str, secrets: Sequence[str]) -> str:
    """`text` without the secrets, and without any JWT."""
    whole = [secret for secret in secrets if not any(secret != other and secret in other for other in secrets)]
    return _without(_JWT.sub(REDACTED, _without(text, whole)), secrets)


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if text == secret or len(secret) >= SHORT:
            text = text.replace(secret, REDACTED)
    return text


def audience_of(claims: object) -> Sequence[str]:
    """The audience (RFC 7519 §4.1.3): one text or several."""
    said = _get(claims, "aud")
    match said:
        case str():
            return [said]
        case list():
            return [str(item) for item in said]
        case _:
            return []


def _get(claims: object, name: str) -> object:
    found: Mapping[str, object] = claims if isinstance(claims, dict) else {}
    return found.get(name)
