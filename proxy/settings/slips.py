"""Slips that would load and fail at the first token: a value as another tool writes it, an address too long, a proof said twice.

What is told of a text is the name of a variable that is set or of a file that is there; anything else of it may be a secret.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from proxy.oauth.grants import ExchangedToken
from proxy.oauth.walk import names_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxy.settings.checks import Fault
    from proxy.settings.said import Said

_VARIABLE = re.compile(r"\$(?:\{([A-Z][A-Z0-9_]{1,63})\}|([A-Z][A-Z0-9_]{1,63}))|%([A-Z][A-Z0-9_]{1,63})%")
_SCHEME = re.compile(r"(file|env):(?://)?\S+")
_LONGEST_PATH = 255
_URN = "urn:ietf:params:oauth:token-type:"
_TOKEN_TYPES = frozenset({"access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt"})  # RFC 8693 §3
_WELL_KNOWN = "/.well-known/"


def variable_meant(text: str) -> str | None:
    """What to write for a whole text that is a variable in a shell's spelling; None: it is none.

    A secret may be spelled so by chance: only the name of a variable that is set is told.
    """
    if (found := _VARIABLE.fullmatch(text)) is None:
        return None
    name = found[1] or found[2] or found[3]
    if name in os.environ:
        return f"a variable is read by {{env: {name}}}; write that"
    return "it looks like a variable of a shell, and none of that name is set; a variable is read by {env: NAME}"


def place_meant(text: str, folder: Path) -> str | None:
    """What to write for the text of a secret that names the secret's place; None: it names none."""
    if told := variable_meant(text):
        return told
    if found := _SCHEME.fullmatch(text):
        return f"it names a place; write {'{file: PATH}' if found[1] == 'file' else '{env: NAME}'}"
    return f"it is the name of a file; write {{file: {text}}}" if _is_file(text, folder) else None


def _is_file(text: str, folder: Path) -> bool:
    if len(text) > _LONGEST_PATH or not text.isprintable() or not {"/", "."} & set(text):
        return False
    try:
        return (folder / text).is_file()
    except (OSError, ValueError):
        return False


def faults(said: Said) -> Iterator[Fault]:
    """What a credential says in another way than it is meant."""
    for name in ("subject_token", "actor_token"):
        if isinstance(token := said.values.get(name), ExchangedToken) and (text := _type_fault(token.type)):
            yield said.at(f"{name}.type", text)
    if text := _type_fault(said.text("requested_token_type")):
        yield said.at("requested_token_type", text)
    if _WELL_KNOWN in said.text("issuer"):
        yield said.at("issuer", f"an issuer has no {_WELL_KNOWN} in it; write the part before that")
    if said.has("client_assertion") and said.has("private_key") and not _signs_the_grant(said):
        yield said.at("client_assertion", "said together with private_key, which makes one; say one of them")
    yield from _unsigned(said)


def _type_fault(kind: str) -> str | None:
    word = kind.lower().replace("-", "_")
    return f"expected a URI; write {_URN}{word}" if word in _TOKEN_TYPES else None


def _signs_the_grant(said: Said) -> bool:
    return said.kind in {"oauth2_saml_bearer", "oauth2_jwt_bearer", "login_token"}


def _unsigned(said: Said) -> Iterator[Fault]:
    """A login's assertion of which something is said, and that nothing signs."""
    taken = said.has("assertion.from") or said.has("assertion.header")
    if said.kind != "login_token" or taken or said.has("private_key") or not said.has("assertion"):
        return
    if any("assertion" in names_of(value) for value in said.values.values()):
        yield said.at("private_key", "this key is missing; ${assertion} is signed with it, unless assertion.from takes another token")
