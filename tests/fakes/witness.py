"""What must never come out of bearerd, noted by whoever issues or hears it, and what came out of bearerd, searched for it.

A secret counts in every spelling that it takes on its way; one of a few characters is no secret.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SHORT = 6  # characters; anything shorter is found in any text
AROUND = 60  # characters on either side of a find
LONGEST = 64 << 10  # bytes of a token request
SHOWN = ("client_secret", "client_assertion", "assertion", "refresh_token", "subject_token", "actor_token", "password", "code")


@dataclass(frozen=True, slots=True)
class Mark:
    """How much was known when a bearerd began."""

    secrets: int
    answers: int


@dataclass(slots=True)
class Witness:
    """Secrets and answers in the order in which they were noted; `sources` are asked for theirs when it is time to search."""

    sources: list[Callable[[], Iterable[str]]] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    searched: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _secrets: list[str] = field(default_factory=list)
    _answers: list[str] = field(default_factory=list)

    def secret(self, *values: str) -> None:
        """Note what must not come out."""
        self._secrets += values

    def header(self, *values: str) -> None:
        """Note headers that carry a token or a proof, without the scheme before it."""
        self._secrets += [value.rpartition(" ")[2] for value in values]

    def form(self, body: bytes) -> None:
        """Note the secrets and assertions of a token request's body, if it is one."""
        if len(body) <= LONGEST and any(name.encode() in body for name in SHOWN):
            said = parse_qs(body.decode("latin-1"))
            self.secret(*(value for name in SHOWN for value in said.get(name, ())))

    def answer(self, text: str) -> None:
        """Note what bearerd answered by itself."""
        self._answers.append(text)

    def begin(self) -> Mark:
        """From here on."""
        return Mark(len(self._secrets), len(self._answers))

    def search(self, mark: Mark, said: Iterable[str], secrets: Iterable[str], *, name: str, kind: str = "") -> None:
        """Look through what `name` said and what was answered since `mark`; what is found is one more of `leaks`.

        `searched` counts those of each `kind`, and how many secrets each of them was searched for.
        """
        for source in self.sources:
            self._secrets += source()
        text = "\n".join([*said, *self._answers[mark.answers :]])
        known = {secret for secret in (*secrets, *self._secrets[mark.secrets :]) if len(secret) >= SHORT}
        self.searched[kind].append(len(known))
        for secret in known:
            self.leaks += [f"{name}: {around(text, spelling)}" for spelling in spellings(secret) if spelling in text]

    def take(self) -> list[str]:
        """What was found since the last time."""
        found, self.leaks = self.leaks, []
        return found


def spellings(secret: str) -> set[str]:
    """A secret in every form that it takes on its way."""
    encoded = {secret, quote(secret, safe=""), quote_plus(secret)}
    raw = [text.encode(errors="surrogatepass") for text in encoded]
    blobs = {encode(text).decode().rstrip("=") for text in raw for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    escaped = {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for text in encoded for ascii_only in (True, False)}
    return encoded | blobs | escaped


def around(text: str, found: str) -> str:
    """Where it stands, for whoever has to find out why."""
    at = text.index(found)
    return text[max(0, at - AROUND) : at + len(found) + AROUND]


WITNESS = Witness()  # one for the process: fakes, applications and every bearerd meet here
