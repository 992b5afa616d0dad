"""Where a request of an exchange goes, what of its path may be shown, and which hosts an answer may lead it to.

Pure; what a template filled into a path is shown by its name, since it may be a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.oauth.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.oauth.names import Names

_ORIGIN = re.compile(r"[^:/?#]*://[^/?#]*")  # RFC 3986 §3: scheme and authority
_BEHIND_PATH = re.compile(r"[?#]")


@dataclass(frozen=True, slots=True)
class Destination:
    """A request's URL; `path` is its path as it may be shown, `hosts` where it may go alone (None: wherever the credential says)."""

    url: str = field(repr=False)
    path: str
    hosts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a rendered template; `name` stands for it where it is shown, "" for literal text."""

    text: str
    start: int
    name: str
    answered: bool  # whether an earlier step's answer is in it


def destination(template: Template | None, names: Names) -> Destination:
    """Where `template` leads; None: to the token endpoint, as the credential says it or as its issuer named it.

    Raises:
        LookupError: it names what is not known here.
    """
    template = template or names.grant.token_url
    pieces = _pieces(template, names) if template is not None else (_Piece(names.facts.token_url, 0, "", answered=False),)
    url = "".join(piece.text for piece in pieces)
    return Destination(url, _path(pieces, url), names.grant.allowed_hosts if _led(pieces, url) else None)


def led_by_answer(template: Template, look_up: Callable[[str], str]) -> bool:
    """Whether an earlier step's answer may say which host this leads to, as far as `look_up` knows the rest."""
    pieces = _pieces(template, look_up)
    return _led(pieces, "".join(piece.text for piece in pieces))


def _pieces(template: Template, look_up: Callable[[str], str]) -> tuple[_Piece, ...]:
    found, start = [], 0
    for part in template.parts:
        names = Template((part,)).names
        text = Template((part,)).render(look_up)
        name = "" if isinstance(part, str) else f"${{{', '.join(sorted(names))}}}"
        found.append(_Piece(text, start, name, answered=any(used.startswith("step") for used in names)))
        start += len(text)
    return tuple(found)


def _origin_end(url: str) -> int:
    """Where scheme and host end; what has none may be all host."""
    origin = _ORIGIN.match(url)
    return origin.end() if origin else len(url)


def _led(pieces: tuple[_Piece, ...], url: str) -> bool:
    """Also by what begins where the host ends: another answer would be a part of it."""
    end = _origin_end(url)
    return any(piece.answered and piece.start <= end for piece in pieces)


def _path(pieces: tuple[_Piece, ...], url: str) -> str:
    end = _origin_end(url)
    shown = (piece.name or piece.text[max(end - piece.start, 0) :] for piece in pieces if piece.start + len(piece.text) > end)
    return _BEHIND_PATH.split("".join(shown), maxsplit=1)[0]
