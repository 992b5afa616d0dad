"""Access tokens of this process, each until it expires.

All that `peek` reads; what must outlive a token (states, causes) is kept by the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import TLRUCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.oauth.token import Token, TokenKey


class TokenStore:
    """At most `max_tokens` tokens; the least recently used one makes room.

    Args:
        clock: monotonic seconds, the same that the tokens' times were made of.
    """

    def __init__(self, *, max_tokens: int, clock: Callable[[], float]) -> None:
        self._tokens: TLRUCache[TokenKey, Token] = TLRUCache(max_tokens, ttu=_expires_at, timer=clock)

    def get(self, key: TokenKey) -> Token | None:
        """The key's token, if it has not expired."""
        return self._tokens.get(key)

    def put(self, key: TokenKey, token: Token) -> None:
        """Keep `token` in place of the key's earlier one; an expired token is not kept."""
        self._tokens[key] = token

    def discard(self, key: TokenKey, refused: Token) -> bool:
        """Drop the key's token if it is `refused` itself; whether it was."""
        if self._tokens.get(key) is not refused:
            return False
        self._tokens.pop(key, None)
        return True


def _expires_at(_key: TokenKey, token: Token, _now: float) -> float:
    return token.expires_at
