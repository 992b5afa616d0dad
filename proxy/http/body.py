"""A request body that is sent on while it is kept for a replay, up to a bound.

Beyond the bounds it streams once; nothing is kept where no replay is possible.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from typing import IO

    from proxy.http.routing import Replay
    from proxy.http.wire import Framing

AT_ONCE = 64 << 10  # bytes that a connection takes without making us wait
DISK_PIECE = 256 << 10  # bytes read back at a time


class Payload(Protocol):
    """Where the caller's body bytes come from."""

    async def readany(self) -> bytes:
        """The next bytes; b"" at the end."""

    def is_eof(self) -> bool:
        """Whether every byte has arrived."""


class MemoryBudget:
    """Bytes that all bodies together may keep in memory."""  # guards _free

    __slots__ = ("_free",)

    def __init__(self, total: int) -> None:
        self._free = total

    def take(self, size: int) -> bool:
        """Whether `size` bytes were still free; they are taken if so."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def give_back(self, size: int) -> None:
        """`size` bytes are free again."""
        self._free += size


class RequestBody:
    """One request's body; `pieces` may be walked again while `replayable` holds."""

    __slots__ = ("_budget", "_file", "_idle", "_kept", "_options", "_payload", "_taken", "_writing", "framing", "received", "replayable")

    def __init__(self, payload: Payload, framing: Framing, *, options: Replay, budget: MemoryBudget, keep: bool, idle: float) -> None:
        self._payload = payload
        self._options = options
        self._budget = budget
        self._idle = idle  # seconds between two pieces
        self._kept: list[bytes] = []
        self._taken = 0  # bytes of the budget
        self._file: IO[bytes] | None = None
        self._writing: asyncio.Future[None] | None = None  # a disk write; it goes on when its sender is cancelled
        self.framing = framing
        self.received = 0  # bytes from the caller
        bound = max(options.memory, options.disk)
        self.replayable = self.empty or (keep and not (framing.kind == "length" and framing.length > bound))

    @property
    def empty(self) -> bool:
        """Whether there is no body at all, or one of no bytes."""
        return self.framing.kind == "none" or (self.framing.kind == "length" and not self.framing.length)

    def ready(self) -> bool:
        """Whether every byte has arrived and they are few, so that sending them waits for nobody."""
        return self.empty or (self.framing.kind == "length" and self.framing.length <= AT_ONCE and self._payload.is_eof())

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body from its first byte: what was kept, then what still comes.

        Raises:
            TimeoutError: no byte came for `idle` seconds.
            OSError: what was kept on disk is not all there; never a body that ends early.
        """
        if self._writing is not None:
            await asyncio.shield(self._writing)
        for piece in tuple(self._kept):
            yield piece
        if self._file is not None:
            async for piece in self._from_disk(self._file):
                yield piece
        while not self.empty:
            async with asyncio.timeout(self._idle):
                piece = await self._payload.readany()
            if not piece:
                return
            self.received += len(piece)
            if self.replayable:
                await self._keep(piece)
            yield piece

    def keep_whole(self, data: bytes) -> None:
        """`data` is the body, whole, and was sent once; the budget has been asked for it where it is replayable."""
        self.received = len(data)
        if self.replayable and data:
            self._kept, self._taken = [data], len(data)

    def release(self) -> None:
        """Nothing more is replayed: memory and file are given back."""
        self._forget()
        if self._writing is not None and not self._writing.done():
            self._writing.add_done_callback(lambda _: self._close())
        else:
            self._close()

    async def _keep(self, piece: bytes) -> None:
        if self._file is None:
            if self.received <= self._options.memory and self._budget.take(len(piece)):
                self._kept.append(piece)
                self._taken += len(piece)
                return
            if not self._options.disk:
                self._give_up()
                return
        if self.received > self._options.disk:
            self._give_up()
            return
        self._writing = asyncio.ensure_future(self._spill(piece))
        self._writing.add_done_callback(_look_at)  # its sender may have been cancelled
        try:
            await asyncio.shield(self._writing)
        except OSError:  # a full disk costs the replay, never the request
            self._give_up()

    async def _spill(self, piece: bytes) -> None:
        await asyncio.to_thread(self._to_disk, piece)
        self._forget()  # in the loop: the budget is no thread's

    def _to_disk(self, piece: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # unlinked, 0600; closed by release()
        for part in (*self._kept, piece):
            if self._file.write(part) != len(part):
                raise OSError("short write")

    async def _from_disk(self, file: IO[bytes]) -> AsyncIterator[bytes]:
        end = self.received
        offset = 0
        while offset < end:
            piece = await asyncio.to_thread(_read_at, file, offset, min(DISK_PIECE, end - offset))
            if not piece:
                raise OSError("the kept body is short")
            offset += len(piece)
            yield piece
        await asyncio.to_thread(file.seek, end)

    def _forget(self) -> None:
        self._budget.give_back(self._taken)
        self._kept, self._taken = [], 0

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up(self) -> None:
        self.replayable = False
        self.release()


def _look_at(writing: asyncio.Future[None]) -> None:
    if not writing.cancelled():
        writing.exception()


def _read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
