"""What a JWT says of itself: header and claims, decoded and not verified.

Nothing here decides whether a token is good; that is the API's part.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_JWS = re.compile(r"([\w-]+)\.([\w-]+)\.[\w-]*", re.ASCII)  # RFC 7515 §3.1


def jwt_part(token: str, part: Literal["header", "claims"]) -> Mapping[str, object] | None:
    """The JOSE header (RFC 7515 §4) or the claims (RFC 7519 §4) of `token`; None where it is no JWT."""
    jws = _JWS.fullmatch(token)
    if jws is None:
        return None
    encoded = jws[1] if part == "header" else jws[2]
    try:
        said = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
