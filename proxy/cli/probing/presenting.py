"""What `--present HEADER=@FILE` and `HEADER=env:NAME` say: callers' own tokens, for aliases whose token is made of one.

A token never stands on a command line, which other users can read; what is wrong is told without a word of what was typed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.oauth.walk import presented
from proxy.secrets import SecretUnreadableError
from proxy.secrets.sources import Env, File

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxy.http.wire import Headers
    from proxy.settings.model import Settings

_READABLE = re.compile(r"(?:bearer +)?[\x21-\x7e]+", re.IGNORECASE)
_FORMS = "write @FILE or env:NAME behind the =; other users can read a token on a command line"


class PresentingError(Exception):
    """An option gives no caller's token; `lines` say why, one for each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


def callers(settings: Settings, options: Iterable[str]) -> Headers:
    """The headers of a caller who presents what these options say.

    Raises:
        PresentingError: a header that no credential reads, a form that is none, a place without a token.
    """
    known = {lower: name for said in settings.credentials.values() for lower, (name, _) in presented(said.grant).items()}
    found: dict[str, str] = {}
    wrong: list[str] = []
    for option in options:
        header, mark, place = option.partition("=")
        name = known.get(header.strip().lower()) if mark else None
        try:
            written = _new(name, known, found)
            found[written] = _token(written, place)
        except ValueError as exc:
            wrong.append(f"--present: {exc}")
    if wrong:
        raise PresentingError(wrong)
    return tuple((name.encode("ascii"), token.encode("ascii")) for name, token in found.items())


def _new(name: str | None, known: Mapping[str, str], found: Mapping[str, str]) -> str:
    if name in found:
        raise ValueError(f"{name} is said twice")
    if name is not None:
        return name
    if not known:
        raise ValueError("no credential takes its caller's token")
    raise ValueError(f"expected HEADER=@FILE or HEADER=env:NAME; callers' tokens are read from {', '.join(sorted(known.values()))}")


def _token(name: str, place: str) -> str:
    match place[:1], place[:4]:
        case "@", _ if len(place) > 1:
            source: File | Env = File(place[1:])
        case _, "env:" if len(place) > len("env:"):
            source = Env(place.removeprefix("env:"))
        case _:
            raise ValueError(f"{name}: {_FORMS}")
    try:
        token = source.read().strip()
    except SecretUnreadableError:  # whose message names what was typed
        raise ValueError(f"{name}: {'the file cannot be read' if place[0] == '@' else 'the variable is not set'}") from None
    if not _READABLE.fullmatch(token):
        raise ValueError(f"{name}: what stands there is no token")
    bare = name.lower() == "authorization" and " " not in token
    return f"Bearer {token}" if bare else token
