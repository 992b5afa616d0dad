"""The walk on the express lane; whatever a test does to it, all that a call takes is given back."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes.raw import RawUpstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.http.conftest import Walk


class Clock:
    """Monotonic seconds that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def lane() -> str:
    """The only one that these tests are about."""
    return "express"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def walk(walk: Walk, clock: Clock) -> AsyncIterator[Walk]:
    walk.clock = clock
    yield walk
    await given_back(walk)


@pytest.fixture
async def both(walk: Walk) -> AsyncIterator[tuple[Walk, Walk]]:
    """The ordinary lane and the express lane, with nothing in common."""
    async with RawUpstream() as upstream:
        ordinary = type(walk)(upstream, type(walk.tokens)())
        yield ordinary, walk
        await given_back(ordinary)
        await ordinary.stop()


async def given_back(walk: Walk) -> None:
    """Places, memory and connections are free, and nothing counts as being answered."""
    if not walk.port:
        return
    await walk.quiet()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (walk.handler.running, walk.active.running, walk.active.metrics.in_flight) == (0, 0, 0)
    assert walk.active.memory._free == walk.active.route.replay.memory_total
    assert [pool.active for pool in walk.active.pools] == [0] * len(walk.active.pools)
