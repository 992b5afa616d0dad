"""A token endpoint that misbehaves as it is told; the well-behaved one is oidc-provider.

Without a script it issues tokens named by their number, so that a test sees which one was used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from tests.fakes.raw import Exchange, RawUpstream, Reply, say
from tests.fakes.witness import WITNESS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping


def answer(
    status: int = 200,
    body: object = "",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A whole answer; a `body` that is neither text nor bytes is written as JSON."""
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    fields = {"Content-Type": content_type, "Content-Length": str(len(data)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return say(f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode() + data)


async def hang(exchange: Exchange) -> None:
    """Never answer; end when the client leaves."""
    await exchange.gone()


async def drop(exchange: Exchange) -> None:
    """Reset the connection instead of an answer."""
    exchange.reset()


def after(event: asyncio.Event, reply: Reply) -> Reply:
    """`reply`, once `event` is set."""

    async def late(exchange: Exchange) -> None:
        await event.wait()
        await reply(exchange)

    return late


@dataclass(slots=True)
class TokenServer(RawUpstream):
    """`requests` holds every token request; `issued` the tokens given out when nothing is scripted."""

    members: dict[str, object] = field(default_factory=dict)  # of the unscripted answer, beside access_token
    issued: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reply = self._issue

    @property
    def token_url(self) -> str:
        """Where a credential's `token_url` points."""
        return f"{self.url}/token"

    def forms(self) -> list[dict[str, list[str]]]:
        """The form of every token request."""
        return [parse_qs(request.body.data.decode()) for request in self.requests]

    async def _issue(self, exchange: Exchange) -> None:
        token = f"fake-token-{self.port}-{len(self.issued) + 1}"
        self.issued.append(token)
        WITNESS.secret(token)
        members = {"access_token": token, "token_type": "Bearer", "expires_in": 3600} | self.members
        await answer(body={name: value for name, value in members.items() if value is not ...})(exchange)
