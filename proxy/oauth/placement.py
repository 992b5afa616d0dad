"""Where a token goes on a call: a header with a prefix, a header made of a template, a query parameter, with a proof beside it.

What a template makes of the request itself is made at every send; everything else once, when the token is obtained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.errors import TokenResponseInvalidError
from proxy.oauth.lifetime import times
from proxy.oauth.token import Send, Token
from proxy.oauth.vocabulary import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.oauth.exchange import Prover
    from proxy.oauth.names import OwnNames
    from proxy.oauth.options import TokenPlacement
    from proxy.oauth.template import Template
    from proxy.oauth.token import Header, PerSend

_ANY_SEND = Send("GET", "https://api.invalid/")
_AT_SEND = ("request.", "now", "random")  # how the names begin that stand for something else at every send


@dataclass(frozen=True, slots=True)
class Placed:
    """What a token puts on a call."""

    headers: tuple[Header, ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    per_send: PerSend | None = field(default=None, repr=False)

    def token(self, names: OwnNames, value: str, *, lifetime: float) -> Token:
        """The token that puts this on calls and lives `lifetime` seconds; `names` is what stays with it for templates."""
        facts = names.facts
        due, usable, expires = times(facts.now, lifetime, names.grant.lifetime, facts.jitter)
        return Token(
            value=value,
            obtained_at=facts.now,
            expires_at=expires,
            due_at=due,
            usable_until=usable,
            headers=self.headers,
            query=self.query,
            per_send=self.per_send,
            look_up=names,
        )


@dataclass(frozen=True, slots=True)
class Templated:
    """A header that is made of the request (PerSend)."""

    name: bytes
    template: Template
    names: OwnNames = field(repr=False)

    def headers(self, send: Send) -> tuple[Header, ...]:
        return ((self.name, self.text(send).encode("latin-1", "replace")),)

    def text(self, send: Send) -> str:
        """The header's value at this send."""
        return self.template.render(lambda name: at_send(name, send, self.names, self.names.facts.wall))

    def heard(self, _send: Send, _status: int, _headers: Sequence[Header]) -> bool:
        return False


def at_send(name: str, send: Send, others: Callable[[str], str], wall: Callable[[], float]) -> str:
    """What a name stands for at this send; `others` says it of what is no matter of the request or the moment, `wall` is epoch seconds.

    Raises:
        LookupError: it stands for nothing.
    """
    match name:
        case "request.method":
            return send.method
        case "request.path":
            return send.path
        case _:
            return moment(name, wall()) if name.startswith("now") else others(name)


def placed(names: OwnNames, token: str, *, said: TokenPlacement, prover: Prover | None = None) -> Placed:
    """What `token` puts on a call; with a prover it is bound to its key, and a proof goes beside it (RFC 9449 §7.1).

    Raises:
        TokenResponseInvalidError: what a header would hold is no header value.
    """
    if said.query is not None:
        return Placed(query=((said.query, token),))
    name = said.header.encode("ascii")
    if said.value is not None:
        if any(used.startswith(_AT_SEND) for used in said.value.names):
            made = Templated(name, said.value, names)
            _value(made.text(_ANY_SEND), names)  # what an answer put into it is told now, and goes into no request
            return Placed(per_send=made)
        return Placed(headers=((name, _value(said.value.render(names), names)),))
    usual = ("DPoP " if prover else "Bearer ") if said.header.lower() == "authorization" else ""
    header = _value((usual if said.prefix is None else said.prefix) + token, names)
    return Placed(headers=((name, header),), per_send=prover.for_token(token) if prover else None)


def _value(text: str, names: OwnNames) -> bytes:
    """A header value (RFC 9110 §5.5)."""
    if not text.isprintable() or not text.isascii() or text.strip() != text:
        raise TokenResponseInvalidError("what token_placement makes is no header value", alias=names.facts.alias, field="token_placement")
    return text.encode("ascii")
