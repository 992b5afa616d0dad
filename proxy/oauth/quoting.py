"""What may be quoted of a token endpoint's words: short, printable, without a secret.

Redaction comes before the cut, so that no half of a secret stays at the end; what is read is cut before any pattern sees it.
"""

from __future__ import annotations

import base64
import json
import re
from string import ascii_letters, digits
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from proxy.oauth.client_auth import basic_blob
from proxy.oauth.walk import told_openly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.oauth.names import Names

MAX_QUOTED = 200  # bytes
MAX_READ = 1 << 10  # characters of which a quotation is made; what is behind them is never seen
TELLING = 8  # characters; a shorter text of an answer is a word that may stand anywhere
REDACTED = "[redacted]"
_MAX_CODE = 80  # characters
_RUN = re.compile(r"[\w.~+/=%!|-]{24,}")  # without a space
_NO_WORD = re.compile(r"[0-9]|[a-z][A-Z]|[A-Z][a-z]*[A-Z]")  # in such a run: a token, a hash or a key
_WORD = "(?:[A-Z]?[a-z]{1,20}|[A-Z]{1,20}|[0-9]{1,8})"
_CODE = re.compile(rf"{_WORD}(?:[._-]{_WORD})+")  # INVALID_REQUEST_HEADER.GMP_GATEWAY_API
_OF_RUNS = ascii_letters + digits + "_.~+/=%!|-"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.?", re.IGNORECASE)  # a trace's name, which support asks for


def sent_secrets(names: Names) -> tuple[str, ...]:
    """Every form in which what is secret in an exchange may have travelled, and come back."""
    facts, owner = names.facts, getattr(names.grant, "username", "")
    presented = (value.rpartition(" ")[2] for value in facts.key.presented.values())  # without the scheme before it
    heard = (value for value in names.known.values() if len(value) >= TELLING)
    plain = told_openly(names.grant)
    secrets = (value for secret, value in facts.secrets.items() if secret not in plain)
    values = {*secrets, *facts.variables.values(), *facts.tokens.values(), *presented, *heard, facts.refresh_token or ""}
    return tuple(form for value in values for name in {names.grant.client_id, owner} for form in forms(name, value) if value)


def forms(client_id: str, client_secret: str) -> tuple[str, ...]:
    """Every form in which this client's secret may have travelled, and come back."""
    spelled = {
        client_secret,
        quote_plus(client_secret),
        quote(client_secret, safe=""),
        quote(client_secret),
        json.dumps(client_secret)[1:-1],
    }
    blobs = {basic_blob(client_id, client_secret, encoding="form"), basic_blob(client_id, client_secret, encoding="raw")}
    for text in (client_secret, f"{client_id}:{client_secret}"):
        blobs.add(base64.b64encode(text.encode()).decode())
        blobs.add(base64.urlsafe_b64encode(text.encode()).decode())
    return tuple(spelled | blobs | {blob.rstrip("=") for blob in blobs})


def quoted(text: str, secrets: Iterable[str]) -> str:
    """`text` in at most 200 bytes of printable ASCII, without `secrets` (in any case, for %2f) and without long opaque runs.

    A UUID is told where it is none of `secrets`.
    """
    return _shown(_RUN.sub(_judged, _without(text, secrets)))


def quoted_code(code: str, secrets: Iterable[str]) -> str:
    """An error's code, as `quoted`; one of several words is told whole, for it is what a vendor's support asks for."""
    return _shown(_without(code, secrets)) if len(code) <= _MAX_CODE and _CODE.fullmatch(code) else quoted(code, secrets)


def _without(text: str, secrets: Iterable[str]) -> str:
    """What is read of `text`, without `secrets`; of a secret that the cut has halved no part is left."""
    read = text[:MAX_READ]
    written = sorted(filter(None, secrets), key=len, reverse=True)
    found = "|".join(re.escape(secret) for secret in written if len(secret) <= len(read))
    shown = _masked(read, found) if found else read
    if len(text) < MAX_READ:  # one of just this length may have been cut before
        return shown
    halved = max((_halved(shown.lower(), secret.lower()) for secret in written if secret.strip(_OF_RUNS)), default=0)
    return shown[: len(shown) - halved].rstrip(_OF_RUNS) + "..."


def _masked(text: str, pattern: str) -> str:
    """`text` without what `pattern` finds in any case, also where two finds overlap: the second would show the end of its secret."""
    parts, end = [], 0
    for found in re.finditer(f"(?=({pattern}))", text, re.IGNORECASE):
        start, stop = found.span(1)
        if start >= end:
            parts += [text[end:start], REDACTED]
        end = max(end, stop)
    return "".join([*parts, text[end:]])


def _halved(text: str, secret: str) -> int:
    """How many characters at the end of `text` are a beginning of `secret`."""
    lengths = range(min(len(secret), len(text)), 0, -1)
    return next((length for length in lengths if text[-length] == secret[0] and text.endswith(secret[:length])), 0)


def _judged(run: re.Match[str]) -> str:
    return REDACTED if _NO_WORD.search(run[0]) and not _UUID.fullmatch(run[0]) else run[0]


def _shown(text: str) -> str:
    shown = "".join(character if " " <= character <= "~" else "?" for character in text)
    return shown if len(shown) <= MAX_QUOTED else shown[: MAX_QUOTED - 3] + "..."
