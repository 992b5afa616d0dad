"""proxy/oauth/store.py: tokens until they expire."""

from __future__ import annotations

import asyncio

from proxy.oauth.store import TokenStore
from proxy.oauth.token import Token, TokenKey

KEY = TokenKey("f")


class Clock:
    """Monotonic seconds that stand still until they are set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def token(value: str = "t", expires_at: float = 10.0) -> Token:
    return Token(value=value, obtained_at=0, expires_at=expires_at, due_at=8, usable_until=9)


def test_kept_until_expiry() -> None:
    """A token is there until its expiry and not a moment longer."""
    clock = Clock()
    store = TokenStore(max_tokens=2, clock=clock)
    kept = token()
    store.put(KEY, kept)
    clock.now = 9.999
    assert store.get(KEY) is kept
    clock.now = 10.0
    assert store.get(KEY) is None


def test_discard_compares_identity() -> None:
    """A discard of an older token keeps the newer one, also where both have the same value."""
    store = TokenStore(max_tokens=2, clock=Clock())
    older, newer = token(), token()
    store.put(KEY, older)
    store.put(KEY, newer)
    assert not store.discard(KEY, older)
    assert store.get(KEY) is newer
    assert store.discard(KEY, newer)
    assert store.get(KEY) is None
    assert not store.discard(KEY, newer)


def test_discard_of_an_expired_token() -> None:
    """An expired token is gone already, and its discard is no error."""
    clock = Clock()
    store = TokenStore(max_tokens=2, clock=clock)
    old = token()
    store.put(KEY, old)
    clock.now = 11
    assert not store.discard(KEY, old)


def test_expired_token_is_not_kept() -> None:
    """An expired token takes no place, and ends the earlier one's."""
    clock = Clock()
    clock.now = 5
    store = TokenStore(max_tokens=2, clock=clock)
    store.put(KEY, token())
    store.put(KEY, token(expires_at=5))
    assert store.get(KEY) is None


def test_bounded() -> None:
    """Over max_tokens the least recently used token goes."""
    store = TokenStore(max_tokens=2, clock=Clock())
    first, second, third = TokenKey("f", "1"), TokenKey("f", "2"), TokenKey("f", "3")
    store.put(first, token("1"))
    store.put(second, token("2"))
    store.get(first)
    store.put(third, token("3"))
    assert store.get(second) is None
    assert store.get(first) is not None
    assert store.get(third) is not None


def test_refresh_token_outlives_its_access_token() -> None:
    """A refresh token is there until another takes its place, or none does."""
    clock = Clock()
    store = TokenStore(max_tokens=2, clock=clock)
    store.put(KEY, token())
    store.keep_refresh_token(KEY, "r1")
    clock.now = 1e6
    assert store.get(KEY) is None
    assert store.refresh_token(KEY) == "r1"
    store.keep_refresh_token(KEY, "r2")
    assert store.refresh_token(KEY) == "r2"
    store.keep_refresh_token(KEY, None)
    store.keep_refresh_token(KEY, None)
    assert store.refresh_token(KEY) is None


def test_refresh_tokens_are_bounded() -> None:
    """Over max_tokens the least recently used refresh token goes."""
    store = TokenStore(max_tokens=2, clock=Clock())
    for subject in ("1", "2", "3"):
        store.keep_refresh_token(TokenKey("f", subject), f"r{subject}")
    assert [store.refresh_token(TokenKey("f", subject)) for subject in ("1", "2", "3")] == [None, "r2", "r3"]


def test_subjects_push_out_no_clients_refresh_token() -> None:
    """However many subjects come, the client's own refresh token stays: nothing else could bring one."""
    store = TokenStore(max_tokens=2, clock=Clock())
    store.keep_refresh_token(KEY, "own")
    for number in range(10):
        store.keep_refresh_token(TokenKey("other", str(number)), "r")
    assert store.refresh_token(KEY) == "own"


def test_refresh_tokens_are_a_familys() -> None:
    """Another access token of the family is renewed by the same refresh token; another subject's is not."""
    store = TokenStore(max_tokens=2, clock=Clock())
    for subject in ("", "ada"):
        store.keep_refresh_token(TokenKey("one", subject, family="family"), f"r{subject}")
    found = [store.refresh_token(TokenKey(*key, family="family")) for key in (("two", ""), ("two", "ada"), ("two", "bob"))]
    assert found == ["r", "rada", None]


async def test_a_turn_is_one_familys() -> None:
    """Who waits is told of the access token that came meanwhile; another family, and another subject, waits for nobody."""
    store = TokenStore(max_tokens=2, clock=Clock())
    told: list[Token | None] = []

    async def second() -> None:
        async with store.turn(TokenKey("f", family="family")) as brought:
            told.append(brought)

    async with store.turn(TokenKey("f", family="family")) as first:
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        for other in (KEY, TokenKey("f", "ada", family="family")):
            async with store.turn(other) as nothing:
                assert (first, nothing, told) == (None, None, [])
        store.put(KEY, token("new"))
    await waiting
    assert [one.value for one in told if one] == ["new"]


def test_changes_are_told() -> None:
    """Every token that comes, or goes before its end, is a change; what leaves all as it is, is none."""
    store = TokenStore(max_tokens=1, clock=Clock())
    one, other = token(), token()
    seen = [store.changes]
    store.put(KEY, one)
    seen.append(store.changes)
    store.discard(KEY, other)
    store.get(KEY)
    store.get(TokenKey("f", "ada"))
    seen.append(store.changes)
    store.put(TokenKey("f", "ada"), other)  # which pushes the first one out
    seen.append(store.changes)
    store.discard(TokenKey("f", "ada"), other)
    seen.append(store.changes)
    assert seen == [0, 1, 1, 2, 3]
