"""The time that an exchange may take.

What has a time of its own, such as a program that prints a secret, is waited for aside from it: its lateness is not the server's.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_ALLOWED: ContextVar[asyncio.Timeout | None] = ContextVar("the time of the exchange that this task runs", default=None)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """What happens in here takes `seconds` at most, without what it waits for `aside`.

    Raises:
        TimeoutError: it took longer.
    """
    async with asyncio.timeout(seconds) as allowed:
        outer = _ALLOWED.set(allowed)
        try:
            yield
        finally:
            _ALLOWED.reset(outer)


@contextmanager
def aside() -> Iterator[None]:
    """What is waited for in here does not count; whoever is waited for ends by itself."""
    allowed = _ALLOWED.get()
    until = allowed.when() if allowed is not None and not allowed.expired() else None
    if allowed is None or until is None:
        yield
        return
    loop = asyncio.get_running_loop()
    left = until - loop.time()
    allowed.reschedule(None)
    try:
        yield
    finally:
        allowed.reschedule(loop.time() + left)
