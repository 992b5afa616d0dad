"""What may be quoted of a token endpoint's words: short, printable, without a secret.

Redaction comes before the cut, so that no half of a secret stays at the end.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from proxy.oauth.client_auth import basic_blob
from proxy.oauth.walk import told_openly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.oauth.names import Names

MAX_QUOTED = 200  # bytes
MAX_READ = 16 << 10  # characters of which a quotation is made; what is behind them is never seen
TELLING = 8  # characters; a shorter text of an answer is a word that may stand anywhere
REDACTED = "[redacted]"
# A token, a hash or a key: long, without a space, and no word (a digit, or both cases).
_OPAQUE = re.compile(r"(?=[\w.~+/=%!|-]*(?:[0-9]|[a-z][A-Z]|[A-Z][a-z]*[A-Z]))[\w.~+/=%!|-]{24,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.?", re.IGNORECASE)  # a trace's name, which support asks for


def sent_secrets(names: Names) -> tuple[str, ...]:
    """Every form in which what is secret in an exchange may have travelled, and come back."""
    facts, owner = names.facts, getattr(names.grant, "username", "")
    heard = (value for value in names.known.values() if len(value) >= TELLING)
    plain = told_openly(names.grant)
    secrets = (value for secret, value in facts.secrets.items() if secret not in plain)
    values = {*secrets, *facts.variables.values(), *facts.tokens.values(), *heard, facts.refresh_token or ""}
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
    shown = text[:MAX_READ]
    written = sorted(filter(None, secrets), key=len, reverse=True)
    if written:
        shown = re.sub("|".join(map(re.escape, written)), REDACTED, shown, flags=re.IGNORECASE)
    shown = _OPAQUE.sub(lambda run: run[0] if _UUID.fullmatch(run[0]) else REDACTED, shown)
    shown = "".join(character if " " <= character <= "~" else "?" for character in shown)
    return shown if len(shown) <= MAX_QUOTED else shown[: MAX_QUOTED - 3] + "..."
