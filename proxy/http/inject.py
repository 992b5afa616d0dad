"""What a route's `inject` puts on a call: what is fixed stands ready, what holds a template is made for each send.

Pure: the clock and the draw of chance are given. What is made of an answer is checked before it stands in a head.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.errors import InternalError, TokenResponseInvalidError
from proxy.oauth.placement import at_send

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.http.routing import Inject, Route
    from proxy.http.wire import Header, Headers
    from proxy.oauth.template import Template
    from proxy.oauth.token import Send, Token

Pairs = tuple[tuple[str, str], ...]
_FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5


@dataclass(frozen=True, slots=True)
class Injected:
    """A route's `inject`, prepared once.

    Args:
        headers: those that are the same at every send; query: such parameters.
        made_headers: those that are made for each send; made_query: such parameters.
        name: the route's, for errors; alias: its credential's, "" where it has none.
        epoch: epoch seconds now.
        unique: an unguessable text, new at every call.
    """

    headers: Headers = field(repr=False)
    query: Pairs = field(repr=False)
    made_headers: tuple[tuple[str, Template], ...]
    made_query: tuple[tuple[str, Template], ...]
    name: str
    alias: str
    epoch: Callable[[], float] = field(compare=False)
    unique: Callable[[], str] = field(compare=False)

    @classmethod
    def of(cls, route: Route, *, epoch: Callable[[], float], unique: Callable[[], str]) -> Injected:
        """What `route` says."""
        said = route.inject
        return cls(
            headers=fixed_headers(said),
            query=tuple((name, value.render(_nothing)) for name, value in said.query.items() if value.constant),
            made_headers=tuple((name, value) for name, value in said.headers.items() if not value.constant),
            made_query=tuple((name, value) for name, value in said.query.items() if not value.constant),
            name=route.name,
            alias="" if route.credential == "none" else route.credential,
            epoch=epoch,
            unique=unique,
        )

    @property
    def fixed(self) -> bool:
        """Whether nothing of it is made for each send."""
        return not self.made_headers and not self.made_query

    def parameters(self, send: Send, token: Token | None) -> Pairs:
        """The query parameters of this send.

        Raises:
            TokenError: the token's answer has not what a template names.
            InternalError: a template names what is nowhere.
        """
        made = [(name, self._made(f"query.{name}", template, send, token)) for name, template in self.made_query]
        return (*self.query, *made)

    def fields(self, send: Send, token: Token | None) -> list[Header]:
        """The headers that are made for this send.

        Raises:
            TokenError: the token's answer has not what a template names, or it is no header value.
            InternalError: a template names what is nowhere.
        """
        return [
            (name.encode("ascii"), self._value(name, self._made(f"headers.{name}", template, send, token)))
            for name, template in self.made_headers
        ]

    def _made(self, key: str, template: Template, send: Send, token: Token | None) -> str:
        def others(name: str) -> str:
            if name == "random":
                return self.unique()
            return (token.look_up if token is not None and token.look_up is not None else _nothing)(name)

        try:
            return template.render(lambda name: at_send(name, send, others, self.epoch))
        except LookupError as exc:
            raise InternalError("a template names what the credential does not have", key=self._key(key)) from exc

    def _value(self, name: str, text: str) -> bytes:
        value = text.encode("latin-1", "replace")
        if value.decode("latin-1") != text or not _FIELD_VALUE.fullmatch(value) or value.strip() != value:
            facts = "what a template makes of the answer is no header value"
            raise TokenResponseInvalidError(facts, alias=self.alias, key=self._key(f"headers.{name}"))
        return value

    def _key(self, key: str) -> str:
        return f"routes.{self.name}.inject.{key}"


def fixed_headers(inject: Inject) -> Headers:
    """The injected headers that are the same at every send."""
    return tuple(
        (name.encode("ascii"), value.render(_nothing).encode("latin-1")) for name, value in inject.headers.items() if value.constant
    )


def _nothing(name: str) -> str:
    raise LookupError(name)
