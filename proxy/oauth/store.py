"""Access tokens of this process, each until it expires, and the refresh tokens that outlive them.

All that `peek` reads; states and causes are kept by the source. However many subjects come, a client's own refresh token stays.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from cachetools import LRUCache, TLRUCache

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, MutableMapping

    from proxy.oauth.token import Token, TokenKey


class TokenStore:
    """At most `max_tokens` tokens, and as many refresh tokens of subjects; the least recently used one makes room.

    Args:
        clock: monotonic seconds, the same that the tokens' times were made of.
    """

    def __init__(self, *, max_tokens: int, clock: Callable[[], float]) -> None:
        self._tokens: TLRUCache[TokenKey, Token] = TLRUCache(max_tokens, ttu=_expires_at, timer=clock)
        self.changes = 0  # grows whenever a token comes or goes before its end
        self._own: dict[tuple[str, str], str] = {}  # refresh tokens of clients themselves: one for each credential
        self._subjects: LRUCache[tuple[str, str], str] = LRUCache(max_tokens)  # those of subjects
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def refresh_token(self, key: TokenKey) -> str | None:
        """What the next exchange of this key may use."""
        return self._kept(key).get(key.chain)

    def keep_refresh_token(self, key: TokenKey, refresh_token: str | None) -> None:
        """Keep it in place of the key's earlier one; None: the key has none any more."""
        if refresh_token is None:
            self._kept(key).pop(key.chain, None)
        else:
            self._kept(key)[key.chain] = refresh_token

    @asynccontextmanager
    async def turn(self, key: TokenKey) -> AsyncGenerator[Token | None, None]:
        """A time in which nobody else uses the key's refresh token; the access token that came while it was waited for, or None.

        A server that sees a refresh token twice may end all that came of it (RFC 9700 §4.14.2).
        """
        before = self.get(key)
        async with self._turns.setdefault(key.chain, asyncio.Lock()):
            now = self.get(key)
            yield now if now is not before else None

    def get(self, key: TokenKey) -> Token | None:
        """The key's token, if it has not expired."""
        return self._tokens.get(key)

    def put(self, key: TokenKey, token: Token) -> None:
        """Keep `token` in place of the key's earlier one; an expired token is not kept."""
        self._tokens[key] = token
        self.changes += 1

    def discard(self, key: TokenKey, refused: Token) -> bool:
        """Drop the key's token if it is `refused` itself; whether it was."""
        if self._tokens.get(key) is not refused:
            return False
        self._tokens.pop(key, None)
        self.changes += 1
        return True

    def _kept(self, key: TokenKey) -> MutableMapping[tuple[str, str], str]:
        return self._subjects if key.subject else self._own


def _expires_at(_key: TokenKey, token: Token, _now: float) -> float:
    return token.expires_at
