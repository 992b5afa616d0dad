"""proxy/oauth/allowance.py: the time of an exchange, and what does not count."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.oauth.allowance import aside, within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SHORT = 0.01  # seconds


async def over() -> None:
    """Until the time would be over, and the loop has seen it."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.call_later(SHORT * 2, done.set)
    await done.wait()


async def forever() -> None:
    await asyncio.Event().wait()


async def late_aside() -> None:
    with aside():
        await over()


async def failing_aside() -> None:
    with pytest.raises(ValueError, match="no"), aside():
        raise ValueError("no")


async def nothing() -> None:
    """Not aside of anything."""


@pytest.mark.parametrize("first", [nothing, late_aside, failing_aside], ids=["at once", "after a wait aside", "after a failure aside"])
async def test_it_ends(first: Callable[[], Awaitable[None]]) -> None:
    """Whoever waits longer is told so; behind what was aside the clock goes on, and no wait is given away."""

    async def exchange() -> None:
        async with within(SHORT):
            await first()
            await forever()

    with pytest.raises(TimeoutError):
        await exchange()


async def test_what_is_aside_does_not_count() -> None:
    """However long it takes; within another aside, too."""
    async with within(SHORT):
        with aside():
            await over()
            await late_aside()
            await over()


async def test_without_an_exchange() -> None:
    """There is nothing to be aside of, before and after one."""
    await late_aside()
    async with within(SHORT):
        pass
    await late_aside()


async def test_an_exchange_within_another() -> None:
    """Each has its own time: what is aside of the inner one counts for the outer one, unless it is aside of that, too."""

    async def exchange() -> None:
        async with within(SHORT), within(60):
            with aside():
                await forever()

    with pytest.raises(TimeoutError):
        await exchange()
    async with within(SHORT):
        with aside():
            async with within(60):
                await over()
