"""Attempts until there is an answer to relay: send, judge, and perhaps wait, replace the token, send again.

The policy decides; here is who waits, discards and sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from proxy.errors import ProxyError
from proxy.http import told
from proxy.http.attempt import Answer, AttemptFailedError, Sent, attempt, resumed
from proxy.http.retry import PROVE_AGAIN, Attempt, Challenge, Relay, Retry, parse_retry_after, read_challenge
from proxy.oauth.token import TokenKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxy.errors import Details
    from proxy.http.active import ActiveRoute
    from proxy.http.call import Call
    from proxy.http.retry import Failure
    from proxy.http.routing import ExpiredWhen
    from proxy.logs import Logs
    from proxy.oauth.token import Token

NOBODY = TokenKey("")  # of a route without a credential
BAD_REQUEST, UNAUTHORIZED = 400, 401
EVENT_STREAM = b"text/event-stream"  # an answer that stays open, and says its events when they happen


@dataclass(frozen=True, slots=True)
class World:
    """What the walk takes from outside itself: clocks, chance, sleep, names for requests."""

    clock: Callable[[], float]  # monotonic seconds
    epoch: Callable[[], float]
    chance: Callable[[], float]  # 0 to 1
    sleep: Callable[[float], Awaitable[None]]
    new_id: Callable[[], str]


class Obtain:
    """The 401 engine and the retries of one call; `sent` is its first attempt, where that is on its way already.

    Raises:
        SubjectTokenMissingError: the route's token is made of the caller's own, and the request brings none.
    """

    def __init__(self, call: Call, active: ActiveRoute, world: World, logs: Logs, sent: Sent | None = None) -> None:
        self._call = call
        self._active = active
        self._world = world
        self._logs = logs
        self._key = active.token.key_of(call.head.headers) if active.token else NOBODY
        self._sent = sent
        self._proves = True  # whether a proof may still be made anew for the same token
        self._counted = 0  # sends that count as attempts
        self._replaced_ms: float | None = None
        self._held: Answer | None = None  # an answer that nobody else will close

    async def answer(self) -> Answer:
        """The answer to relay; `call.details` says what was done for it, or why nothing was.

        Raises:
            ProxyError: no token, or no answer.
            ConnectionError: the caller left.
        """
        try:
            return await self._attempts()
        except BaseException:
            if self._held is not None:
                await self._held.abort()
            raise

    async def _attempts(self) -> Answer:
        fresh, free = False, False
        same = self._sent.token if self._sent else None  # what is sent once more with another proof, or was sent already
        while True:
            token = self._call.token = same or await self._token()
            same = None
            self._call.sends += 1
            self._counted += not free
            outcome = await self._send(token, fresh=fresh)
            if isinstance(outcome, Answer) and outcome.again and self._proves and self._call.body.replayable:
                await self._before_retry(PROVE_AGAIN, outcome)
                self._proves, same, fresh, free = False, token, False, True
                continue
            expired = isinstance(outcome, Answer) and not outcome.again and await says_expired(outcome, self._active.route.expired_when)
            if isinstance(outcome, Answer) and not expired and outcome.head.status < BAD_REQUEST:
                self._healed()
                return outcome
            decision = self._active.policy.decide(self._facts(outcome, token, expired=expired))
            if isinstance(decision, Relay):
                return await self._pass_on(decision, outcome, token)
            if decision.new_token and token is not None and isinstance(outcome, Answer) and not await self._replace(token):
                return outcome
            await self._before_retry(decision, outcome)
            fresh, free = decision.reason == "stale_connection", decision.free

    async def _token(self) -> Token | None:
        source = self._active.token
        if source is None:
            return None
        token = source.source.peek(self._key, self._world.clock()) if self._call.body.replayable else None
        if token is not None:
            self._call.token_word = self._call.token_word or "cached"
            return token
        token = await source.source.token(self._key, replayable=self._call.body.replayable)
        self._call.token_word = self._call.token_word or "fetched"
        return token

    async def _send(self, token: Token | None, *, fresh: bool) -> Answer | AttemptFailedError:
        sent, self._sent = self._sent, None
        began = sent.at if sent else self._world.clock()
        try:
            if sent is not None:
                limit = self._active.route.timeout.response - (self._world.clock() - began)
                answer = await resumed(self._call, self._active, sent, limit=limit)
            else:
                answer = await attempt(self._call, self._active, token, fresh=fresh)
        except AttemptFailedError as exc:
            return exc
        self._active.metrics.upstream(self._world.clock() - began)
        self._call.upstream_status = answer.head.status
        self._held = answer
        return answer

    def _facts(self, outcome: Answer | AttemptFailedError, token: Token | None, *, expired: bool) -> Attempt:
        call, active, now = self._call, self._active, self._world.clock()
        failure: Failure | None = None
        status, challenge, waited = 0, Challenge("none"), None
        if isinstance(outcome, AttemptFailedError):
            failure = outcome.failure
        else:
            status = outcome.head.status
            challenge = read_challenge(outcome.head)
            waited = parse_retry_after(outcome.head.values(b"retry-after"), self._world.epoch())
        source = active.token
        newer = source.source.peek(self._key, now) if source and expired else None
        return Attempt(
            method=call.method,
            status=status,
            failure=failure,
            expired=expired,
            challenge=challenge,
            has_token=token is not None,
            fresh_token=token is not None and token.obtained_at >= call.started,
            newer_token=newer is not None and newer is not token,
            in_cooldown=now < active.refused_until(self._key),
            token_replayed=call.refused_token is not None,
            idempotency_key=call.idempotency_key,
            replayable=call.body.replayable,
            sends=self._counted,
            waited=waited,
            left=call.started + active.route.timeout.total - now,
            budget=active.budget.covers_one(),
            fraction=self._world.chance(),
        )

    async def _before_retry(self, decision: Retry, outcome: Answer | AttemptFailedError) -> None:
        self._active.metrics.retried(decision.reason)
        if isinstance(outcome, Answer):
            self._held = None
            await outcome.dispose()
        if decision.free:
            return
        self._active.budget.take()
        self._call.retry_reason = decision.reason
        self._logs.event(
            "info",
            "retrying",
            route=self._active.route.name,
            alias=self._alias,
            request_id=self._call.request_id,
            reason=decision.reason,
            wait_ms=round(decision.wait * 1000),
        )
        await self._world.sleep(decision.wait)

    async def _replace(self, refused: Token) -> bool:
        """Discard the refused token and have a new one; where that fails, the answer goes back with the reason."""
        error = await self._renew(refused)
        if error is None:
            self._call.refused_token, self._call.token_word = refused, "replaced"
            return True
        self._tell(told.refetch_failed(error))
        return False

    async def _renew(self, refused: Token) -> ProxyError | None:
        source = self._active.token
        if source is None:
            return None
        began = self._world.clock()
        source.source.discard(self._key, refused, "refused")
        try:
            await source.source.token(self._key)
        except ProxyError as exc:
            return exc
        self._replaced_ms = (self._world.clock() - began) * 1000
        return None

    def _healed(self) -> None:
        """Say what was done for an answer that is nobody's failure now."""
        call = self._call
        if call.refused_token is not None:
            age = call.token.obtained_at - call.refused_token.obtained_at if call.token else 0.0
            self._active.metrics.unauthorized("healed")
            self._log("info", "token_replaced", told.healed(age=max(0.0, age), fetch_ms=self._replaced_ms or 0.0))
        elif call.retry_reason is not None:
            self._say(told.retried(reason=call.retry_reason, sends=call.sends))

    async def _pass_on(self, decision: Relay, outcome: Answer | AttemptFailedError, token: Token | None) -> Answer:
        """The end of the attempts: the answer as it is, or the failure."""
        reason = decision.reason
        source = self._active.token
        if decision.remember:
            self._active.refuse(self._key, self._world.clock() + self._active.route.refused_cooldown)
        renewed = False
        if decision.renew and token is not None:
            error = await self._renew(token)
            renewed = error is None
            if error is not None and isinstance(outcome, Answer):
                self._tell(told.refetch_failed(error))
                return outcome
        if isinstance(outcome, AttemptFailedError):
            if reason is not None:
                self._active.metrics.replay_skipped(reason)
            raise outcome.error
        if reason == "insufficient_scope" and source is not None:
            granted = token.scope if token else None
            needed = read_challenge(outcome.head).scope
            self._tell(told.insufficient_scope(asked=source.asked, granted=granted, needed=needed, alias=source.alias))
        elif reason is not None:
            status, route = outcome.head.status, self._active.route.name
            self._tell(told.not_replayed(reason, status=status, route=route, alias=self._alias, renewed=renewed))
        else:
            self._healed()
        return outcome

    def _tell(self, details: Details) -> None:
        """Say why an answer that failed is passed on: caller, metrics, log."""
        if self._call.upstream_status in self._active.route.expired_when.status:
            self._active.metrics.unauthorized(details.code)
        if details.code != "refetch_failed":
            self._active.metrics.replay_skipped(details.code)
        self._log("warning", "answer_passed_on", details)

    def _say(self, details: Details) -> None:
        """Put it into Proxy-Status and the access line."""
        self._call.details, self._call.code = str(details), details.code

    def _log(self, level: Literal["info", "warning"], event: str, details: Details) -> None:
        """Say it, in the log too."""
        self._say(details)
        call = self._call
        ms = round((self._world.clock() - call.started) * 1000)
        self._logs.event(
            level,
            event,
            route=self._active.route.name,
            alias=self._alias,
            code=details.code,
            key=details.key,
            request_id=call.request_id,
            status=call.upstream_status,
            detail=str(details),
            ms=ms,
        )

    @property
    def _alias(self) -> str | None:
        return self._active.token.alias if self._active.token else None


async def says_expired(answer: Answer, expired_when: ExpiredWhen) -> bool:
    """Whether the answer says that the token is no longer valid: a listed 401, or another listed status and every matcher."""
    if answer.head.status not in expired_when.status:
        return False
    if answer.head.status == UNAUTHORIZED:  # RFC 9110 §15.5.2: it says so without more words
        return True
    for name, wanted in expired_when.header.items():
        values = answer.head.values(name.lower().encode("latin-1"))
        if not any(wanted.lower().encode("latin-1") in value.lower() for value in values):
            return False
    if expired_when.body is None:
        return True
    if any(value.lower().startswith(EVENT_STREAM) for value in answer.head.values(b"content-type")):
        return False
    start = await answer.connection.peek(expired_when.body.max)
    return expired_when.body.contains.encode() in start
