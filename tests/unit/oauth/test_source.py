"""proxy/oauth/source.py: one fetch for all, refresh ahead, cool-down, discard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.errors import (
    DrainingError,
    TokenError,
    TokenInvalidClientError,
    TokenRateLimitedError,
    TokenResponseInvalidError,
    TokenServerError,
    TokenTimeoutError,
)
from proxy.oauth.lifetime import Lifetime, times
from proxy.oauth.progress import PRUNE_FROM
from proxy.oauth.source import CachedTokenSource
from proxy.oauth.store import TokenStore
from proxy.oauth.token import Token, TokenKey

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from proxy.oauth.events import DiscardReason
    from proxy.oauth.lifetime import Short
    from proxy.oauth.token import TokenState

KEY = TokenKey("fingerprint")
EPOCH = 1_800_000_000.0


class Clock:
    """Monotonic seconds that stand still until they are set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return EPOCH + self.now


class Endpoint:
    """A token endpoint that answers when its gate is open: with `error`, else with a new token of `lifetime` seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self.error: Exception | None = None
        self.lifetime = 3600.0
        self.value: str | None = None  # None: a new one each time

    async def fetch(self, _key: TokenKey) -> Token:
        self.calls += 1
        number, began = self.calls, self.clock.now
        self.started.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        due, usable, expires = times(began, self.lifetime, Lifetime(), 0.5)
        return Token(value=self.value or f"t{number}", obtained_at=began, expires_at=expires, due_at=due, usable_until=usable)


class Recorder:
    """Keeps what was reported."""

    def __init__(self) -> None:
        self.fetched: list[tuple[str, float, str, float | None]] = []
        self.waits: list[str] = []
        self.short: list[tuple[str, str]] = []
        self.discards: list[tuple[str, DiscardReason, float]] = []
        self.states: list[tuple[str, TokenState, str | None, float | None]] = []

    def token_fetched(self, alias: str, *, seconds: float, error: TokenError | None, lifetime: float | None) -> None:
        self.fetched.append((alias, seconds, error.code if error else "ok", lifetime))

    def token_waited(self, alias: str) -> None:
        self.waits.append(alias)

    def token_discarded(self, alias: str, reason: DiscardReason, *, age: float) -> None:
        self.discards.append((alias, reason, age))

    def token_state(self, alias: str, state: TokenState, *, cause: TokenError | None, until: float | None) -> None:
        self.states.append((alias, state, cause.code if cause else None, until))

    def token_short_lived(self, alias: str, short: Short) -> None:
        self.short.append((alias, short.key))

    def next_secret_used(self, alias: str) -> None:
        """Told by the endpoint, not here."""


class House:
    """A source with everything around it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.endpoint = Endpoint(self.clock)
        self.events = Recorder()
        self.secret = "first"
        self.looks = 0  # at the secret
        self.chance = 1.0
        self.store = TokenStore(max_tokens=10, clock=self.clock)
        self.source = self.source_on(self.endpoint)

    def source_on(self, endpoint: Endpoint, *, in_turn: bool = True) -> CachedTokenSource:
        """A source of the same key in the same store, as a reload makes one for a changed alias."""
        return CachedTokenSource(
            "crm",
            KEY,
            endpoint.fetch,
            self.store,
            self.events,
            clock=self.clock,
            wall=self.clock.wall,
            chance=lambda: self.chance,
            secret_version=self.secret_version,
            rules=Lifetime(),
            in_turn=lambda _: in_turn,
        )

    def secret_version(self) -> str:
        self.looks += 1
        return self.secret

    async def landed(self) -> None:
        """The running flight, if any, is over."""
        flight = self.source._known.of(KEY).flight
        if flight is not None:
            await asyncio.wait([flight])

    async def refused(self) -> TokenError:
        with pytest.raises(TokenError) as caught:
            await self.source.token(KEY)
        return caught.value

    @property
    def state(self) -> str:
        return self.source.state(KEY, self.clock.now)


@pytest.fixture
async def house() -> AsyncGenerator[House, None]:
    built = House()
    yield built
    await built.source.aclose()


async def test_500_first_calls_make_one_fetch(house: House) -> None:
    """However many callers find the cache empty, the endpoint is asked once."""
    tokens = await asyncio.gather(*(house.source.token(KEY) for _ in range(500)))
    assert house.endpoint.calls == 1
    assert set(map(id, tokens)) == {id(tokens[0])}
    assert house.events.waits == ["crm"] * 500
    assert house.events.fetched == [("crm", 0.0, "ok", 3600.0)]


async def test_keys_are_apart(house: House) -> None:
    """Two subjects have two tokens."""
    first, second = await asyncio.gather(house.source.token(KEY), house.source.token(TokenKey("fingerprint", "ada")))
    assert first is not second
    assert house.endpoint.calls == 2


async def test_fresh_token_serves_without_a_fetch(house: House) -> None:
    """A hundred calls on a fresh token ask nobody, and peek gives the same token."""
    token = await house.source.token(KEY)
    again = await asyncio.gather(*(house.source.token(KEY) for _ in range(100)))
    assert set(map(id, again)) == {id(token)}
    assert house.source.peek(KEY, house.clock.now) is token
    assert house.endpoint.calls == 1


async def test_500_refusals_of_one_token_make_one_more_fetch(house: House) -> None:
    """A burst of 401s for one token drops it once and makes one fetch."""
    refused = await house.source.token(KEY)

    async def renew() -> tuple[bool, Token]:
        dropped = house.source.discard(KEY, refused, "refused")
        return dropped, await house.source.token(KEY)

    outcomes = await asyncio.gather(*(renew() for _ in range(500)))
    assert [dropped for dropped, _ in outcomes].count(True) == 1
    assert {token.value for _, token in outcomes} == {"t2"}
    assert house.endpoint.calls == 2
    assert house.events.discards == [("crm", "refused", 0.0)]


async def test_late_refusal_of_an_old_token_changes_nothing(house: House) -> None:
    """A 401 that comes late, for a token already replaced, keeps the newer one and makes no fetch."""
    old = await house.source.token(KEY)
    house.source.discard(KEY, old, "refused")
    new = await house.source.token(KEY)
    assert not house.source.discard(KEY, old, "refused")
    assert await house.source.token(KEY) is new
    assert house.endpoint.calls == 2


async def test_leader_that_leaves_does_not_end_the_flight(house: House) -> None:
    """The caller that started a fetch is cancelled; the others get its token."""
    house.endpoint.gate.clear()
    leader = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    follower = asyncio.create_task(house.source.token(KEY))
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    house.endpoint.gate.set()
    assert (await follower).value == "t1"
    assert house.endpoint.calls == 1


async def test_flight_without_waiters_still_lands(house: House) -> None:
    """When every caller has left, the token is kept for the next one."""
    house.endpoint.gate.clear()
    leader = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    leader.cancel()
    house.endpoint.gate.set()
    await house.landed()
    assert (await house.source.token(KEY)).value == "t1"
    assert house.endpoint.calls == 1


async def test_failure_is_shared(house: House) -> None:
    """A failed fetch fails for all who waited, and is one fetch too."""
    house.endpoint.error = TokenServerError(alias="crm")
    outcomes = await asyncio.gather(*(house.source.token(KEY) for _ in range(500)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TokenServerError}
    assert house.endpoint.calls == 1
    assert house.events.fetched == [("crm", 0.0, "token_endpoint_error", None)]


async def test_failed_flight_without_waiters_is_looked_at(house: House) -> None:
    """A failure that nobody waited for is not reported as never retrieved, and cools down."""
    house.endpoint.gate.clear()
    house.endpoint.error = TokenServerError(alias="crm")
    leader = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    leader.cancel()
    house.endpoint.gate.set()
    await house.landed()
    assert house.state == "cooling_down"


async def test_due_token_serves_while_it_is_refreshed(house: House) -> None:
    """A due token is returned at once; its successor is fetched once, behind the callers' backs."""
    old = await house.source.token(KEY)
    house.endpoint.gate.clear()
    house.clock.now = old.due_at
    assert house.source.peek(KEY, house.clock.now) is old
    assert await house.source.token(KEY) is old
    assert house.state == "due"
    house.endpoint.gate.set()
    await house.landed()
    assert (await house.source.token(KEY)).value == "t2"
    assert house.endpoint.calls == 2


@pytest.mark.parametrize(("left", "due"), [(60.0, 3598.0), (3600.0, 7080.0)], ids=["until the same end", "for longer"])
async def test_a_repeated_token_is_asked_for_again_at_its_end(house: House, left: float, due: float) -> None:
    """A server that gives the same token until it ends is not asked sooner; one that prolongs it is asked as ever."""
    house.endpoint.value = "same"
    first = await house.source.token(KEY)
    house.clock.now, house.endpoint.lifetime = first.due_at, left
    house.source.peek(KEY, house.clock.now)
    await house.landed()
    again = house.source.peek(KEY, house.clock.now)
    assert again is not None
    assert again.due_at - first.obtained_at == due


async def test_usable_token_serves_while_its_refresh_fails(house: House) -> None:
    """Until usable_until a failed refresh is no failure of a call; after it there is only the cause."""
    old = await house.source.token(KEY)
    house.endpoint.error = TokenServerError(alias="crm")
    house.clock.now = old.due_at
    assert await house.source.token(KEY) is old
    await house.landed()
    house.clock.now = old.usable_until - 0.001
    assert await house.source.token(KEY) is old
    await house.landed()
    house.clock.now = old.usable_until
    assert house.source.peek(KEY, house.clock.now) is None
    assert (await house.refused()).code == "token_endpoint_error"


async def test_failed_refresh_backs_off(house: House) -> None:
    """A due token whose refresh failed does not ask the endpoint again on every call."""
    old = await house.source.token(KEY)
    house.endpoint.error = TokenServerError(alias="crm")
    house.clock.now = old.due_at
    house.source.peek(KEY, house.clock.now)
    await house.landed()
    house.source.peek(KEY, house.clock.now)
    await house.source.token(KEY)
    assert house.endpoint.calls == 2
    house.clock.now += 0.5
    house.source.peek(KEY, house.clock.now)
    await house.landed()
    assert house.endpoint.calls == 3


async def test_expired_token_is_never_served(house: House) -> None:
    """Past usable_until a call waits for a new token."""
    old = await house.source.token(KEY)
    house.clock.now = old.usable_until
    assert house.state == "expired"
    assert (await house.source.token(KEY)).value == "t2"


async def test_body_that_cannot_be_replayed_gets_the_full_margin(house: House) -> None:
    """replayable=False waits for the successor of a due token."""
    old = await house.source.token(KEY)
    assert await house.source.token(KEY, replayable=False) is old
    house.clock.now = old.due_at
    assert (await house.source.token(KEY, replayable=False)).value == "t2"


async def test_body_that_cannot_be_replayed_takes_a_due_token_at_need(house: House) -> None:
    """When that refresh fails, the usable token serves; during the cool-down too."""
    old = await house.source.token(KEY)
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    house.clock.now = old.due_at
    assert await house.source.token(KEY, replayable=False) is old
    assert await house.source.token(KEY, replayable=False) is old
    assert house.endpoint.calls == 2
    house.clock.now = old.usable_until
    with pytest.raises(TokenInvalidClientError):
        await house.source.token(KEY, replayable=False)


async def test_refused_client_cools_down(house: House) -> None:
    """30 s without a request, then 60 s; callers get the cause's code and the seconds that are left."""
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    first = await house.refused()
    assert (first.code, first.retry_after) == ("token_invalid_client", 30)
    house.clock.now += 10
    later = await house.refused()
    assert (later.code, later.detail, later.retry_after) == (first.code, first.detail, 20)
    house.clock.now += 19.9
    await house.refused()
    assert house.endpoint.calls == 1
    house.clock.now += 0.1
    assert (await house.refused()).retry_after == 60
    assert house.endpoint.calls == 2


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
async def test_outage_recovers_within_ten_seconds(house: House, chance: float) -> None:
    """After a long outage the first call ten seconds later finds the healed endpoint, whatever the jitter."""
    house.chance = chance
    house.endpoint.error = TokenServerError(alias="crm")
    house.source._known.of(KEY).failures = 50
    await house.refused()
    house.endpoint.error = None
    house.clock.now += 10
    assert (await house.source.token(KEY)).value == "t2"
    assert house.source.snapshot().cause is None


async def test_hanging_endpoint_recovers_within_its_timeout(house: House) -> None:
    """A fetch that hung for ten seconds is followed by the next at once, so that a healed endpoint is found."""
    house.source._known.of(KEY).failures = 50
    house.endpoint.gate.clear()
    house.endpoint.error = TokenTimeoutError(alias="crm")
    call = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    house.clock.now += 10
    house.endpoint.gate.set()
    with pytest.raises(TokenTimeoutError):
        await call
    house.endpoint.error = None
    assert (await house.source.token(KEY)).value == "t2"


async def test_outage_fails_fast(house: House) -> None:
    """During the backoff callers get the cause and Retry-After without a request."""
    house.endpoint.error = TokenServerError(alias="crm")
    await house.refused()
    fast = await house.refused()
    assert (fast.status, fast.retry_after) == (503, 0.5)
    assert house.endpoint.calls == 1


async def test_rate_limit_is_obeyed(house: House) -> None:
    """429 with Retry-After 42 means no request for 42 seconds."""
    house.endpoint.error = TokenRateLimitedError(alias="crm", retry_after=42)
    await house.refused()
    house.clock.now += 41.9
    await house.refused()
    assert house.endpoint.calls == 1
    house.endpoint.error = None
    house.clock.now += 0.1
    assert (await house.source.token(KEY)).value == "t2"


async def test_changed_secret_ends_the_cool_down(house: House) -> None:
    """The call after a secret was changed asks the endpoint at once."""
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    await house.refused()
    house.secret = "second"
    house.endpoint.error = None
    assert (await house.source.token(KEY)).value == "t2"


async def test_secret_is_not_read_for_every_call(house: House) -> None:
    """During a cool-down the secret is looked at once a second, not by each of the callers that fail fast."""
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    await house.refused()
    looks = house.looks
    await asyncio.gather(*(house.source.token(KEY) for _ in range(50)), return_exceptions=True)
    assert house.looks == looks + 1
    house.secret = "second"
    house.endpoint.error = None
    house.clock.now += 1
    assert (await house.source.token(KEY)).value == "t2"


async def test_a_dead_endpoint_stays_seen(house: House) -> None:
    """When the wait is over and nobody has called since, the alias is still shown as failing."""
    house.endpoint.error = TokenServerError(alias="crm")
    await house.refused()
    house.clock.now += 3600
    assert (house.state, house.source.snapshot().cause, house.source.snapshot().cooling_until) == (
        "cooling_down",
        "token_endpoint_error",
        None,
    )


async def test_end_cool_down(house: House) -> None:
    """A reload, a probe or a refresh by hand ends the cool-down, and its length starts anew."""
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    await house.refused()
    house.source.end_cool_down()
    assert house.state == "empty"
    assert (await house.refused()).retry_after == 30
    assert house.endpoint.calls == 2


async def test_success_forgets_failures(house: House) -> None:
    """After a success the next failure begins at 30 s again."""
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    await house.refused()
    house.clock.now += 30
    house.endpoint.error = None
    token = await house.source.token(KEY)
    house.clock.now = token.expires_at
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    assert (await house.refused()).retry_after == 30


@pytest.mark.parametrize(("lifetime", "due"), [(30, 24.0), (2, 1.6)])
async def test_short_tokens(house: House, lifetime: float, due: float) -> None:
    """A 30-second and a 2-second token are refreshed ahead, once each, without a loop."""
    house.endpoint.lifetime = lifetime
    first = await house.source.token(KEY)
    house.clock.now += due - 0.01
    assert await house.source.token(KEY) is first
    assert house.endpoint.calls == 1
    house.clock.now += 0.02
    assert await house.source.token(KEY) is first
    await house.landed()
    second = await house.source.token(KEY)
    assert second.value == "t2"
    await house.source.token(KEY)
    assert house.endpoint.calls == 2


@pytest.mark.parametrize("lifetime", [0.0, -5.0])
async def test_token_that_is_over_at_once(house: House, lifetime: float) -> None:
    """expires_in of zero or less serves those who waited and is not kept."""
    house.endpoint.lifetime = lifetime
    tokens = await asyncio.gather(*(house.source.token(KEY) for _ in range(5)))
    assert {token.value for token in tokens} == {"t1"}
    assert house.source.peek(KEY, house.clock.now) is None
    assert (await house.source.token(KEY)).value == "t2"


async def test_flight_begun_before_a_discard_does_not_bring_the_token_back(house: House) -> None:
    """A refresh that was under way when its token was refused, and answers the same token, asks once more."""
    house.endpoint.value = "same"
    refused = await house.source.token(KEY)
    house.endpoint.gate.clear()
    house.endpoint.started.clear()
    house.clock.now = refused.due_at
    house.source.peek(KEY, house.clock.now)
    await house.endpoint.started.wait()
    house.source.discard(KEY, refused, "refused")
    waiter = asyncio.create_task(house.source.token(KEY))
    house.endpoint.gate.set()
    await waiter
    assert house.endpoint.calls == 3


async def test_flight_begun_before_a_discard_keeps_a_new_token(house: House) -> None:
    """If it brings another token, that one serves and nothing more is asked."""
    refused = await house.source.token(KEY)
    house.endpoint.gate.clear()
    house.endpoint.started.clear()
    house.clock.now = refused.due_at
    house.source.peek(KEY, house.clock.now)
    await house.endpoint.started.wait()
    house.source.discard(KEY, refused, "refused")
    house.endpoint.gate.set()
    assert (await house.source.token(KEY)).value == "t2"
    assert house.endpoint.calls == 2


async def test_states(house: House) -> None:
    """A key goes through its states as time and answers come."""
    assert house.state == "empty"
    house.endpoint.gate.clear()
    call = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    assert house.state == "fetching"
    house.endpoint.gate.set()
    token = await call
    assert house.state == "fresh"
    house.clock.now = token.due_at
    assert house.state == "due"
    house.clock.now = token.expires_at
    assert house.state == "expired"
    house.endpoint.error = TokenInvalidClientError(alias="crm")
    await house.refused()
    assert house.state == "cooling_down"
    assert house.events.states == [
        ("crm", "fetching", None, None),
        ("crm", "fresh", None, None),
        ("crm", "fetching", None, None),
        ("crm", "cooling_down", "token_invalid_client", EPOCH + 4630),
    ]


async def test_discarded_token_leaves_an_empty_key(house: House) -> None:
    """After a discard the key is empty, not expired."""
    token = await house.source.token(KEY)
    house.source.discard(KEY, token, "refused")
    assert house.state == "empty"


async def test_snapshot_of_a_token(house: House) -> None:
    """Times are epoch seconds, the lifetime is seconds, and the token is not in it."""
    await house.source.token(KEY)
    house.clock.now += 5
    shown = house.source.snapshot()
    assert (shown.alias, shown.state, shown.cause, shown.cooling_until) == ("crm", "fresh", None, None)
    assert (shown.issued_at, shown.expires_at, shown.lifetime) == (EPOCH + 1000, EPOCH + 4600, 3600)
    assert "t1" not in repr(shown)


async def test_snapshot_of_a_cool_down(house: House) -> None:
    """Cause and end of the cool-down are shown."""
    house.endpoint.error = TokenInvalidClientError("refused", alias="crm")
    await house.refused()
    shown = house.source.snapshot()
    assert (shown.state, shown.cause, shown.cooling_until) == ("cooling_down", "token_invalid_client", EPOCH + 1030)
    assert (shown.issued_at, shown.expires_at, shown.scope, shown.lifetime) == (None, None, None, None)


async def test_fault_of_ours_fails_closed(house: House) -> None:
    """An unforeseen exception is a TokenError for callers, tells its nature to the log alone, and backs off."""
    house.endpoint.error = RuntimeError("odd")
    error = await house.refused()
    assert isinstance(error, TokenResponseInvalidError)
    assert "odd" not in error.detail
    assert error.log_detail == "RuntimeError: odd"
    assert house.state == "cooling_down"


async def test_close_ends_flights_and_refuses_calls(house: House) -> None:
    """A hanging fetch does not hold the end; its waiters and later callers are told that the proxy stops."""
    house.endpoint.gate.clear()
    waiter = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    await house.source.aclose()
    with pytest.raises(DrainingError):
        await waiter
    with pytest.raises(DrainingError):
        await house.source.token(KEY)


async def test_subjects_are_forgotten(house: House) -> None:
    """What is known of subjects does not grow without bound: who has no token and no failure that holds is forgotten."""
    house.endpoint.lifetime = 0.0
    for number in range(2 * PRUNE_FROM):
        await house.source.token(TokenKey("fingerprint", str(number)))
    assert len(house.source._known) <= PRUNE_FROM


async def test_who_cools_down_is_not_forgotten(house: House) -> None:
    """However many other subjects come: the endpoint is not asked again for that one."""
    await house.source.token(KEY)
    house.endpoint.error = TokenInvalidClientError("refused", alias="crm")
    with pytest.raises(TokenInvalidClientError):
        await house.source.token(TokenKey("fingerprint", "ada"))
    house.endpoint.error, house.endpoint.lifetime = None, 0.0
    for number in range(PRUNE_FROM):
        await house.source.token(TokenKey("fingerprint", str(number)))
    asked = house.endpoint.calls
    with pytest.raises(TokenInvalidClientError):
        await house.source.token(TokenKey("fingerprint", "ada"))
    assert (house.endpoint.calls, house.source.state(KEY, house.clock.now)) == (asked, "fresh")


async def test_a_subjects_state_is_not_the_aliass(house: House) -> None:
    """What befalls one caller's own token is no state of the alias."""
    house.endpoint.error = TokenInvalidClientError("refused", alias="crm")
    with pytest.raises(TokenInvalidClientError):
        await house.source.token(TokenKey("fingerprint", "ada"))
    assert (house.events.states, [code for _, _, code, _ in house.events.fetched]) == ([], ["token_invalid_client"])


@pytest.mark.parametrize(("lifetime", "told"), [(3600.0, []), (30.0, [("crm", "lifetime.refresh_before")])])
async def test_a_short_life_is_told(lifetime: float, told: list[tuple[str, str]]) -> None:
    """A token that lives shorter than the alias's rules ask for is reported with the option that it is under."""
    house = House()
    house.endpoint.lifetime = lifetime
    house.endpoint.gate.set()
    await house.source.token(KEY)
    assert house.events.short == told
    await house.source.aclose()


async def test_a_new_source_takes_what_the_old_ones_fetch_brings(house: House) -> None:
    """A reload in the middle of a fetch: both would use one refresh token, so the new source waits, and asks nobody."""
    house.endpoint.gate.clear()
    old = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    after = Endpoint(house.clock)
    source = house.source_on(after)
    new = asyncio.create_task(source.token(KEY))
    finishing = asyncio.create_task(house.source.finish())
    await asyncio.sleep(0)
    house.endpoint.gate.set()
    assert await new is await old
    await finishing
    assert (after.calls, house.endpoint.calls, len(house.events.fetched), source.state(KEY, house.clock.now)) == (0, 1, 1, "fresh")


@pytest.mark.parametrize("brought", ["nothing", "a token that is due"])
async def test_a_new_source_asks_behind_the_old_one(house: House, brought: str) -> None:
    """Where what the old one brought does not serve, the new one asks when that has ended, and not before."""
    house.endpoint.gate.clear()
    if brought == "nothing":
        house.endpoint.error = TokenServerError(alias="crm")
    else:
        house.endpoint.lifetime = 0.0
    old = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    after = Endpoint(house.clock)
    new = asyncio.create_task(house.source_on(after).token(KEY))
    for _ in range(5):  # the caller's turn, its flight's, and some more
        await asyncio.sleep(0)
    assert after.calls == 0
    house.endpoint.gate.set()
    await asyncio.gather(old, return_exceptions=True)
    assert ((await new).value, after.calls) == ("t1", 1)


async def test_a_fetch_that_uses_nothing_up_does_not_wait(house: House) -> None:
    """Without refresh tokens a reload that repairs a hanging endpoint helps at once."""
    house.endpoint.gate.clear()
    old = asyncio.create_task(house.source_on(house.endpoint, in_turn=False).token(KEY))
    await house.endpoint.started.wait()
    assert (await house.source_on(Endpoint(house.clock), in_turn=False).token(KEY)).value == "t1"
    house.endpoint.gate.set()
    await old


async def test_finish_lets_a_fetch_land(house: House) -> None:
    """A server may have rotated the refresh token already: the answer is waited for; nothing new begins."""
    house.endpoint.gate.clear()
    waiter = asyncio.create_task(house.source.token(KEY))
    await house.endpoint.started.wait()
    finishing = asyncio.create_task(house.source.finish())
    await asyncio.sleep(0)
    house.endpoint.gate.set()
    await finishing
    assert (await waiter).value == "t1"
    with pytest.raises(DrainingError):
        await house.source.token(TokenKey("fingerprint", "ada"))


async def test_finish_ends_a_fetch_that_uses_nothing_up(house: House) -> None:
    """What a reload repairs, such as a hanging endpoint, holds nobody up any longer."""
    source = house.source_on(house.endpoint, in_turn=False)
    house.endpoint.gate.clear()
    waiter = asyncio.create_task(source.token(KEY))
    await house.endpoint.started.wait()
    await source.finish()
    with pytest.raises(DrainingError):
        await waiter


async def test_a_remembered_token_is_discarded(house: House) -> None:
    """A look into the store is remembered, but never beyond what happens in it."""
    token = await house.source.token(KEY)
    assert house.source.peek(KEY, house.clock.now) is token
    house.source.discard(KEY, token, "refused")
    assert house.source.peek(KEY, house.clock.now) is None
    newer = await house.source.token(KEY)
    assert (house.source.peek(KEY, house.clock.now) is newer, newer is token) == (True, False)


@pytest.mark.parametrize("way", ["replaced", "discarded", "evicted"])
async def test_a_remembered_token_that_another_source_changed(house: House, way: str) -> None:
    """The store is shared: a reload's source, and other aliases, put and discard there too."""
    token = await house.source.token(KEY)
    assert house.source.peek(KEY, house.clock.now) is token
    other = house.source_on(house.endpoint)
    expected: Token | None = None
    if way == "replaced":
        expected = Token("newer", 1000, 9000, 9000, 9000)
        house.store.put(KEY, expected)
    elif way == "discarded":
        other.discard(KEY, token, "refused")
    else:
        for number in range(10):
            house.store.put(TokenKey("fingerprint", str(number)), Token("t", 1000, 9000, 9000, 9000))
    assert house.source.peek(KEY, house.clock.now) is expected
    await other.aclose()


async def test_a_remembered_token_grows_old(house: House) -> None:
    """It is refreshed when it is due, and not used beyond its time."""
    token = await house.source.token(KEY)
    house.endpoint.gate.clear()
    house.clock.now = token.due_at
    assert house.source.peek(KEY, house.clock.now) is token
    assert house.source._known.of(KEY).flight is not None
    house.clock.now = token.usable_until
    assert house.source.peek(KEY, house.clock.now) is None
    house.endpoint.gate.set()
    await house.landed()
    newer = house.source.peek(KEY, house.clock.now)
    assert newer is not None
    assert newer is not token


async def test_a_remembered_token_is_one_keys(house: House) -> None:
    """Another subject's token is never taken for it, however often they take turns."""
    ada = TokenKey("fingerprint", "ada")
    tokens = [await house.source.token(key) for key in (KEY, ada)]
    looks = [
        house.source.peek(key, house.clock.now) for key in (KEY, ada, KEY, TokenKey("fingerprint", "bob"), TokenKey("fingerprint", "ada"))
    ]
    assert looks == [tokens[0], tokens[1], tokens[0], None, tokens[1]]


async def test_a_key_in_use_is_not_pushed_out(house: House) -> None:
    """However many subjects come, as long as it is looked at between them."""
    token = await house.source.token(KEY)
    for number in range(30):
        house.store.put(TokenKey("fingerprint", str(number)), Token("t", 1000, 9000, 9000, 9000))
        assert house.source.peek(KEY, house.clock.now) is token
