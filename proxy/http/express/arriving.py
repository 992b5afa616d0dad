"""A request that the walk serves for the express lane, and its body, which may still be on its way.

The body's end is known from the start: only bodies with Content-Length come here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.http.call import Client
    from proxy.http.wire import RequestHead

HIGH_WATER = 128 << 10  # bytes of a body kept before reading pauses


class Arriving:
    """The Payload of `length` bytes, of which `first` are here; `read` is called when bytes were taken."""

    __slots__ = ("_error", "_forgotten", "_held", "_pieces", "_read", "_remaining", "_waiter")

    def __init__(self, length: int, first: bytes, read: Callable[[], None]) -> None:
        self._pieces: deque[bytes] = deque([first] if first else [])
        self._held = len(first)
        self._remaining = length - len(first)
        self._read = read
        self._forgotten = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether no more should be read for now."""
        return self._held > HIGH_WATER

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body; what lies behind it is returned."""
        if self._remaining < len(data):
            data, rest = data[: self._remaining], data[self._remaining :]
        else:
            rest = b""
        self._remaining -= len(data)
        if not self._forgotten:
            self._pieces.append(data)
            self._held += len(data)
            self._wake()
        return rest

    def fail(self, error: Exception) -> None:
        """The rest will never come."""
        self._error = error
        self._wake()

    def forget(self) -> None:
        """Nobody wants the body: what is here and what comes is thrown away."""
        self._forgotten = True
        self._pieces.clear()
        self._held = 0

    def is_eof(self) -> bool:
        """Whether every byte has arrived."""
        return not self._remaining

    async def readany(self) -> bytes:
        """All that is here, as soon as anything is; b"" at the end.

        Raises:
            ConnectionResetError: the caller left in the middle of the body.
        """
        while not self._pieces:
            if not self._remaining:
                return b""
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self._read()
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@dataclass(frozen=True, slots=True)
class Request:
    """An Incoming of the express lane."""

    head: RequestHead
    client: Client
    content: Arriving
    keep_alive: bool
