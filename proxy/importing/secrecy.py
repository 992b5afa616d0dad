"""What of an export a comment may show.

When in doubt a value is kept out: the export still has it.
"""

from __future__ import annotations

import json
import re

KEPT_OUT = "(value kept out)"
_SECRET_WORD = re.compile(
    r"secret|passw|passphrase|pwd|token|api[ _.-]?key|private|credential|assertion|auth|cookie|signature|session|jwt|bearer|key"
    r"|pin\b|\bsig\b",
    re.IGNORECASE,
)
_CERTAIN_WORD = re.compile(r"secret|passw|passphrase|api[ _.-]?key|private", re.IGNORECASE)
_PLACE_NAME = re.compile(r"(?:url|uri|endpoint|location|type|format|method|expiry\w*|time)$", re.IGNORECASE)  # of a token, but none itself
_SECRET_FORM = re.compile(r"-----BEGIN|eyJ[\w-]{6,}|\b(?:bearer|basic)\s+\S|://[^/?#\s]*@", re.IGNORECASE)
_PUBLIC_FORM = re.compile(r"urn:[\w:.-]+|https?://[^?#\s@]+", re.IGNORECASE)
_LONG = 16  # characters; a longer word that is no address may be a key


def secret_name(name: str) -> bool:
    """Whether what goes by this name is likely a secret."""
    return bool(_SECRET_WORD.search(name)) and not _PLACE_NAME.search(name)


def secret_form(value: str) -> bool:
    """Whether this is written like a secret: a private key, a JWT, an Authorization header, a URL with a password."""
    return bool(_SECRET_FORM.search(value))


def shown(key: str, value: object, *, documented: bool) -> str:
    """The value as one line of ASCII, or that it is kept out; an empty one is nothing to show.

    Of keys whose meaning is known only what is named or written like a secret is kept out, of all others what could be one.
    """
    if value == "":
        return ""
    if not isinstance(value, str):
        return KEPT_OUT
    if secret_form(value) or _CERTAIN_WORD.search(key):
        return KEPT_OUT
    if not documented and (secret_name(key) or _could_be_one(value)):
        return KEPT_OUT
    return json.dumps(value)


def quoted(name: str) -> str:
    """A name of the export as one line of ASCII."""
    return json.dumps(name)


def _could_be_one(value: str) -> bool:
    if _PUBLIC_FORM.fullmatch(value):
        return False
    return any(len(word) >= _LONG for word in value.split()) or not value.isprintable()
