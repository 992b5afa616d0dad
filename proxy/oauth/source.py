"""Where the walk gets its tokens: one source per alias, which caches, refreshes ahead and cools down.

One fetch per key at a time, owned by the source: callers come and go, the fetch and its result stay.
"""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

from proxy.errors import DrainingError, TokenError, TokenResponseInvalidError
from proxy.oauth.events import Snapshot
from proxy.oauth.lifetime import short_lived
from proxy.oauth.progress import Known
from proxy.oauth.recovery import pause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxy.oauth.events import DiscardReason, Events
    from proxy.oauth.lifetime import Lifetime
    from proxy.oauth.progress import Progress
    from proxy.oauth.store import TokenStore
    from proxy.oauth.token import Token, TokenKey, TokenState

SECRET_INTERVAL = 1.0  # seconds between two looks at the secret of a client that cools down


class TokenSource(Protocol):
    """What the walk asks of an alias."""

    async def token(self, key: TokenKey, *, replayable: bool = True) -> Token:
        """A usable token; a body that cannot be replayed asks for one that is not due.

        Raises:
            TokenError: there is none, with the cause and retry_after.
            DrainingError: the source is closed.
        """

    def discard(self, key: TokenKey, refused: Token, reason: DiscardReason) -> bool:
        """Drop `refused` if it is still the key's token; a newer one stays. Whether it was dropped."""

    def peek(self, key: TokenKey, now: float) -> Token | None:
        """The usable token at hand, at `now` monotonic seconds; a due one starts its refresh and is returned at once."""


class CachedTokenSource:
    """The TokenSource of one alias.

    Args:
        alias: its name, for events and errors.
        key: the client's own key, which `snapshot` tells of.
        fetch: runs the grant; raises TokenError.
        clock: monotonic seconds, the same that the tokens' times are made of.
        wall: epoch seconds, for what is shown.
        chance: a number in [0, 1), for the backoff.
        rules: what the token's lifetime is measured by; None: by nothing.
        in_turn: whether a fetch waits for one of an earlier source of the key, since both would use one refresh token.
        secret_version: changes when the secret does; a changed secret ends a cool-down.
    """

    def __init__(
        self,
        alias: str,
        key: TokenKey,
        fetch: Callable[[TokenKey], Awaitable[Token]],
        store: TokenStore,
        events: Events,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        chance: Callable[[], float],
        secret_version: Callable[[], object] = lambda: None,
        rules: Lifetime | None = None,
        in_turn: Callable[[TokenKey], bool] = lambda _: True,
    ) -> None:
        self.alias = alias
        self.key = key
        self._fetch = fetch
        self._store = store
        self._events = events
        self._clock = clock
        self._wall = wall
        self._chance = chance
        self._secret_version = secret_version
        self._rules = rules
        self._in_turn = in_turn
        self._known = Known(self._matters)
        self._closed = False
        self._seen: tuple[TokenKey | None, Token | None, int] = (None, None, 0)  # the last look into the store, and its changes then

    async def token(self, key: TokenKey, *, replayable: bool = True) -> Token:
        now = self._clock()
        if replayable:
            token = self.peek(key, now)
            return token if token is not None else await self._wait(key)
        token = self._usable(key, now)
        if token is None or now < token.due_at:
            return token if token is not None else await self._wait(key)
        try:
            return await self._wait(key)
        except TokenError:
            if self._usable(key, self._clock()) is not token:
                raise
            return token

    def peek(self, key: TokenKey, now: float) -> Token | None:
        token = self._usable(key, now)
        if token is not None and now >= token.due_at and not self._closed and self._blocked(key, now) is None:
            self._flight(key)
        return token

    def discard(self, key: TokenKey, refused: Token, reason: DiscardReason) -> bool:
        if not self._store.discard(key, refused):
            return False
        progress = self._known.of(key)
        progress.had_token = False
        if progress.flight is not None:
            progress.refused = refused.value
        self._events.token_discarded(self.alias, reason, age=self._clock() - refused.obtained_at)
        self._tell(key)
        return True

    def end_cool_down(self) -> None:
        """The next call asks the endpoint again, as after a reload."""
        for key, progress in self._known.items():
            progress.forget_failure()
            self._tell(key)

    async def finish(self) -> None:
        """Begin no more fetches, and let those land that use a refresh token, for which the server may have given a new one."""
        self._closed = True
        for key, progress in self._known.items():
            if progress.flight is not None and not self._in_turn(key):
                progress.flight.cancel()
        await asyncio.gather(*self._flights(), return_exceptions=True)

    async def aclose(self) -> None:
        """Cancel and await every fetch; later calls are refused."""
        for flight in self._flights():
            flight.cancel()
        await self.finish()

    def state(self, key: TokenKey, now: float) -> TokenState:
        """The key's state at `now` monotonic seconds."""
        token, progress = self._usable(key, now), self._known.of(key)
        if token is not None:
            return "fresh" if now < token.due_at else "due"
        if progress.flight is not None:
            return "fetching"
        if progress.cause is not None:  # the next call may ask again, but nothing says that it works
            return "cooling_down"
        return "expired" if progress.had_token else "empty"

    def snapshot(self, key: TokenKey | None = None) -> Snapshot:
        """What the client's own token (or another key's) is doing now."""
        key, now = key or self.key, self._clock()
        epoch = self._wall() - now
        token, progress = self._store.get(key), self._known.of(key)
        cooling = progress.cause is not None and now < progress.blocked_until
        return Snapshot(
            alias=self.alias,
            state=self.state(key, now),
            cause=progress.cause.code if progress.cause else None,
            key=progress.cause.key if progress.cause else None,
            cooling_until=epoch + progress.blocked_until if cooling else None,
            issued_at=epoch + token.obtained_at if token else None,
            expires_at=epoch + token.expires_at if token else None,
            scope=token.scope if token else None,
            lifetime=token.lifetime if token else None,
        )

    def _flights(self) -> list[asyncio.Task[Token]]:
        return [progress.flight for _, progress in self._known.items() if progress.flight is not None]

    def _usable(self, key: TokenKey, now: float) -> Token | None:
        seen, token, changes = self._seen
        if seen is not key or changes != self._store.changes:
            token = self._store.get(key)
            self._seen = key, token, self._store.changes
        return token if token is not None and now < token.usable_until else None

    def _matters(self, key: TokenKey, progress: Progress) -> bool:
        """Whether something has to be known of the key."""
        now = self._clock()
        return progress.flight is not None or now < progress.blocked_until or self._usable(key, now) is not None

    def _blocked(self, key: TokenKey, now: float) -> TokenError | None:
        """The cause for which the endpoint is not asked now."""
        progress = self._known.of(key)
        if progress.cause is None or now >= progress.blocked_until:
            return None
        if progress.cause.cool_down and now >= progress.look_at:
            progress.look_at = now + SECRET_INTERVAL
            if self._secret_version() != progress.secret:
                progress.forget_failure()
                return None
        return progress.cause

    async def _wait(self, key: TokenKey) -> Token:
        """The result of the key's flight; a waiter that is cancelled does not end it."""
        if self._closed:
            raise DrainingError
        now = self._clock()
        cause = self._blocked(key, now)
        if cause is not None:
            raise cause.again(self._known.of(key).blocked_until - now)
        flight = self._flight(key)
        self._events.token_waited(self.alias)
        try:
            return await asyncio.shield(flight)
        except asyncio.CancelledError:
            if flight.cancelled() and self._closed:
                raise DrainingError from None
            raise

    def _flight(self, key: TokenKey) -> asyncio.Task[Token]:
        """The key's running fetch, or a new one; outside the caller's context, since it serves others too."""
        progress = self._known.of(key)
        if progress.flight is None:
            progress.refused = None
            progress.flight = asyncio.get_running_loop().create_task(
                self._fly(key, progress), name=f"token of {self.alias}", context=contextvars.Context()
            )
            progress.flight.add_done_callback(_retrieve)
            self._tell(key)
        return progress.flight

    async def _fly(self, key: TokenKey, progress: Progress) -> Token:
        try:
            async with self._store.turn(key) if self._in_turn(key) else nullcontext() as brought:
                if brought is None or self._clock() >= brought.due_at or brought.value == progress.refused:
                    return await self._fetched(key, progress)
        except asyncio.CancelledError:
            progress.flight = None
            raise
        self._landed(key, progress, brought)
        return brought

    async def _fetched(self, key: TokenKey, progress: Progress) -> Token:
        began, secret = self._clock(), None
        try:
            secret = self._secret_version()
            token = await self._fetch(key)
            if token.value == progress.refused:  # begun before that refusal: what it brought is the refused token again
                token = await self._fetch(key)
        except Exception as exc:  # a fault of ours fails like an unusable answer, so that callers fail closed and no flight hangs
            error = self._as_token_error(exc)
            self._failed(key, progress, error, secret, began)
            self._events.token_fetched(self.alias, seconds=self._clock() - began, error=error, lifetime=None)
            if error is exc:
                raise
            raise error from exc
        self._landed(key, progress, token)
        self._events.token_fetched(self.alias, seconds=self._clock() - began, error=None, lifetime=token.lifetime)
        if self._rules is not None and (short := short_lived(token.lifetime, self._rules)) is not None:
            self._events.token_short_lived(self.alias, short)
        return token

    def _as_token_error(self, exc: Exception) -> TokenError:
        if isinstance(exc, TokenError):
            return exc
        return TokenResponseInvalidError("the token exchange failed", alias=self.alias, field="", log_detail=f"{type(exc).__name__}: {exc}")

    def _landed(self, key: TokenKey, progress: Progress, token: Token) -> None:
        progress.flight = None
        progress.forget_failure()
        if token.expires_at > self._clock():
            self._store.put(key, token.behind(self._store.get(key)))
            progress.had_token = True
        self._tell(key)

    def _failed(self, key: TokenKey, progress: Progress, error: TokenError, secret: object, began: float) -> None:
        progress.flight = None
        progress.failures += 1
        progress.secret, progress.look_at = secret, 0.0
        wait = pause(error, progress.failures, self._chance(), self._clock() - began)
        error.retry_after = wait
        progress.cause = error.again(wait)  # a copy, so that no traceback is kept alive
        progress.blocked_until = self._clock() + wait
        self._tell(key)

    def _tell(self, key: TokenKey) -> None:
        if key.subject:  # the alias's state is that of the client's own token
            return
        now, progress = self._clock(), self._known.of(key)
        cooling = progress.cause is not None and now < progress.blocked_until
        until = self._wall() - now + progress.blocked_until if cooling else None
        self._events.token_state(self.alias, self.state(key, now), cause=progress.cause, until=until)


def _retrieve(flight: asyncio.Task[Token]) -> None:
    """Look at the outcome, so that a failure for which nobody waited is not reported as forgotten."""
    if not flight.cancelled():
        flight.exception()
