"""What may not stand in a log line: values under telling keys, credentials inside of texts.

It masks too much rather than too little; a text that looks like a credential is one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

REDACTED = "[redacted]"
SECRET_KEYS = frozenset(
    {
        "api_key",
        "apikey",
        "assertion",
        "authorization",
        "client_assertion",
        "code_verifier",
        "cookie",
        "jwt",
        "passwd",
        "password",
        "private_key",
        "secret",
        "set_cookie",
        "token",
    }
)
SECRET_ENDS = ("_api_key", "_assertion", "_authorization", "_cookie", "_password", "_private_key", "_secret", "_token")
DEEPEST = 6  # levels of nesting; what is deeper is masked whole

_SCHEMES = re.compile(r"\b(bearer|basic|dpop|negotiate)((?:\s|%20|\+)+)\S+", re.IGNORECASE)
_NAME = r"\w*(?:token|secret|password|assertion|code_verifier|api_key)"
_QUOTE = r"\\?[\"']"
_VALUE = r"[^\s\"'&,;}]+"
_PAIRS = (
    re.compile(rf"\b({_NAME}(?:{_QUOTE}\s*:\s*(?:{_QUOTE})?|(?:{_QUOTE})?\s*=\s*(?:{_QUOTE})?)){_VALUE}", re.IGNORECASE),
    re.compile(rf"(?<![\w./])({_NAME}\s*:\s*(?:{_QUOTE})?){_VALUE}", re.IGNORECASE),  # not a key path's or a URL's last word
)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*")


def well_formed(text: str) -> str:
    """`text` with lone surrogates replaced: strict readers of JSON refuse them."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def redact_text(text: str) -> str:
    """`text` without what follows Bearer, Basic, DPoP or Negotiate, without values of `access_token=` and its like, without JWTs."""
    text = _SCHEMES.sub(rf"\1\2{REDACTED}", well_formed(text))
    for pair in _PAIRS:
        text = pair.sub(rf"\1{REDACTED}", text)
    return _JWT.sub(REDACTED, text)


def redact(facts: Mapping[str, object], *, depth: int = 0) -> dict[str, object]:
    """A copy that can be shown: mappings and lists inside of it too, other objects by their text."""
    return {
        redact_text(key): REDACTED if is_secret_key(key) and value is not None else _shown(value, depth + 1) for key, value in facts.items()
    }


def is_secret_key(key: str) -> bool:
    """Whether what stands under `key` is never shown; headers count with `-` as `_`."""
    name = key.lower().replace("-", "_")
    return name in SECRET_KEYS or name.endswith(SECRET_ENDS)


def _shown(value: object, depth: int) -> object:
    match value:
        case None | bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case str():
            return redact_text(value)
        case bytes():
            return redact_text(value.decode("utf-8", "replace"))
        case Mapping() | list() | tuple() | set() | frozenset() if depth >= DEEPEST:
            return REDACTED
        case Mapping():
            return redact({str(key): inner for key, inner in value.items()}, depth=depth)
        case list() | tuple() | set() | frozenset():
            return [_shown(inner, depth + 1) for inner in value]
        case _:
            return redact_text(str(value))
