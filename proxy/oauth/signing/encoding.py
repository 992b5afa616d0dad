"""How JOSE and the assertion grants write bytes as text.

Nothing here knows what the bytes are.
"""

from __future__ import annotations

import base64


def base64url(value: bytes) -> str:
    """`value` without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
