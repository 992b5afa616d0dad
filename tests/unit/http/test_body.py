"""proxy/http/body.py: a request body that is sent on and kept for a replay."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from proxy.http.body import MemoryBudget, RequestBody
from proxy.http.routing import Replay
from proxy.http.wire import Framing
from proxy.units import Bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

PIECES = (b"first", b"", b"second piece", bytes(range(256)) * 8, b"\r\n0\r\n\r\n", b"end")
WHOLE = b"".join(PIECES)
CHUNKED = Framing("chunked")


class Source:
    """Hands out pieces as a caller's connection does; an empty one is a pause, after the last it waits or ends."""

    def __init__(self, pieces: Sequence[bytes], *, ends: bool = True) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.ends = ends
        self.more = asyncio.Event()

    async def readany(self) -> bytes:
        await asyncio.sleep(0)
        while not self.pieces and not self.ends:
            self.more.clear()
            await self.more.wait()
        return self.pieces.pop(0) if self.pieces else b""

    def is_eof(self) -> bool:
        return not self.pieces and self.ends


def make(
    source: Source, *, framing: Framing = CHUNKED, memory: int = 0, disk: int = 0, total: int = 1 << 20, keep: bool = True, idle: float = 60
) -> tuple[RequestBody, MemoryBudget]:
    budget = MemoryBudget(total)
    replay = Replay(memory=Bytes(memory), memory_total=Bytes(total), disk=Bytes(disk))
    return RequestBody(source, framing, options=replay, budget=budget, keep=keep, idle=idle), budget


async def send(body: RequestBody, pieces: int = 1 << 30) -> bytes:
    """What goes up when sending stops after so many pieces."""
    sent = b""
    async with aclosing(body.pieces()) as walk:
        async for piece in walk:
            sent += piece
            pieces -= 1
            if not pieces:
                break
    return sent


MEMORY, DISK, BOTH = {"memory": 1 << 20}, {"disk": 1 << 20}, {"memory": 20, "disk": 1 << 20}
SHORT_BUDGET = {"memory": 1 << 20, "disk": 1 << 20, "total": 20}
KEPT = {"in memory": MEMORY, "on disk": DISK, "begun in memory, ended on disk": BOTH, "memory spent, so on disk": SHORT_BUDGET}


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 1 << 30])
@pytest.mark.parametrize("second", [1, 3, 1 << 30])
@pytest.mark.parametrize("bounds", KEPT.values(), ids=KEPT)
async def test_a_body_is_replayed_byte_for_byte(bounds: dict[str, Any], first: int, second: int) -> None:
    """However far the sends before it came, and wherever it was kept (MUSTS 13)."""
    body, _ = make(Source(PIECES), **bounds)
    if first:
        assert WHOLE.startswith(await send(body, first))
    assert WHOLE.startswith(await send(body, second))
    assert (body.replayable, await send(body), await send(body), body.received) == (True, WHOLE, WHOLE, len(WHOLE))
    body.release()


@pytest.mark.parametrize(
    ("framing", "bounds", "replayable"),
    [
        (Framing("none"), {"keep": False}, True),
        (Framing("length", 0), {"keep": False}, True),
        (Framing("length", 5), {"keep": False, "memory": 9}, False),
        (CHUNKED, {"keep": False, "memory": 9}, False),
        (Framing("length", 5), {"memory": 5}, True),
        (Framing("length", 6), {"memory": 5}, False),
        (Framing("length", 6), {"memory": 5, "disk": 6}, True),
        (Framing("length", 7), {"memory": 5, "disk": 6}, False),
        (CHUNKED, {"memory": 5}, True),
    ],
)
async def test_what_is_kept_at_all(framing: Framing, bounds: dict[str, Any], replayable: bool) -> None:  # noqa: FBT001  # a column of the table
    """An announced length over the bounds is never begun to be kept; no body is always replayable."""
    body, _ = make(Source([]), framing=framing, **bounds)
    assert body.replayable is replayable


@pytest.mark.parametrize(
    "bounds",
    [{"memory": len(WHOLE) - 1}, {"disk": len(WHOLE) - 1}, {"memory": 1 << 20, "total": 20}, {"memory": 5, "disk": 30}, {}],
)
async def test_a_body_beyond_its_bounds_streams_once(bounds: dict[str, Any]) -> None:
    """It goes up whole, is not replayable, and gives back what was kept."""
    body, budget = make(Source(PIECES), **bounds)
    assert (await send(body), body.replayable, budget._free) == (WHOLE, False, bounds.get("total", 1 << 20))
    assert body._file is None
    body.release()


@pytest.mark.parametrize("bounds", KEPT.values(), ids=KEPT)
async def test_release_gives_everything_back(bounds: dict[str, Any]) -> None:
    """Memory returns to the budget and the file is closed; a second release gives nothing twice."""
    body, budget = make(Source(PIECES), **bounds)
    await send(body)
    file = body._file
    body.release()
    body.release()
    assert (budget._free, file is None or file.closed) == (bounds.get("total", 1 << 20), True)


async def test_bodies_share_one_budget() -> None:
    """What one body keeps another cannot."""
    first, budget = make(Source([b"x" * 60]), memory=100, total=100)
    second = RequestBody(Source([b"y" * 60]), CHUNKED, options=Replay(memory=Bytes(100)), budget=budget, keep=True, idle=60)
    await send(first)
    await send(second)
    first.release()
    assert (first.replayable, second.replayable, budget._free) == (True, False, 100)


async def test_a_body_that_stands_still_times_out() -> None:
    """No byte for `idle` seconds raises TimeoutError."""
    body, _ = make(Source([b"first"], ends=False), memory=100, idle=0)
    with pytest.raises(TimeoutError):
        await send(body)
    assert body.received in {0, 5}


@pytest.mark.parametrize(
    ("framing", "pieces", "ready"),
    [
        (Framing("none"), [b"x"], True),
        (Framing("length", 0), [b"x"], True),
        (Framing("length", 5), [], True),
        (Framing("length", 5), [b"x"], False),
        (Framing("length", 64 << 10), [], True),
        (Framing("length", (64 << 10) + 1), [], False),
        (CHUNKED, [], False),
    ],
)
async def test_ready_says_whether_all_has_arrived(framing: Framing, pieces: list[bytes], ready: bool) -> None:  # noqa: FBT001  # a column of the table
    """A small body that has arrived is sent without waiting for anybody; an upstream may answer a larger one unread."""
    body, _ = make(Source(pieces), framing=framing)
    assert body.ready() is ready


async def test_a_full_disk_costs_the_replay_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request itself goes up whole."""

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full())
    body, _ = make(Source(PIECES), disk=1 << 20)
    assert (await send(body), body.replayable) == (WHOLE, False)


async def test_the_file_has_no_name_and_is_private(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlinked and 0600: nobody else reads a body, and none is left behind."""
    import os  # noqa: PLC0415  # only this test looks at the file

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    body, _ = make(Source(PIECES), disk=1 << 20)
    await send(body)
    assert body._file is not None
    facts = os.fstat(body._file.fileno())
    assert (facts.st_nlink, facts.st_mode & 0o777, os.listdir(str(tmp_path))) == (0, 0o600, [])  # noqa: PTH208  # a fixture's folder
    body.release()


class SlowDisk:
    """Lets a write to disk wait until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, full: bool = False) -> None:
        self.begun = asyncio.Event()
        self.go_on = threading.Event()
        loop = asyncio.get_running_loop()
        write = RequestBody._to_disk

        def slow(body: RequestBody, piece: bytes) -> None:
            loop.call_soon_threadsafe(self.begun.set)
            self.go_on.wait(10)
            if full:
                raise OSError(28, "No space left on device")
            write(body, piece)

        monkeypatch.setattr(RequestBody, "_to_disk", slow)


async def stopped_while_writing(body: RequestBody, disk: SlowDisk) -> None:
    task = asyncio.create_task(send(body))
    await disk.begun.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_send_that_ends_during_a_write_loses_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that ends a send may come while a piece is on its way to disk; the replay waits for it."""
    disk = SlowDisk(monkeypatch)
    body, _ = make(Source(PIECES), disk=1 << 20)
    await stopped_while_writing(body, disk)
    replay = asyncio.create_task(send(body))
    await asyncio.sleep(0)
    disk.go_on.set()
    assert await replay == WHOLE
    body.release()


async def test_a_file_is_closed_only_when_nobody_writes_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor closed under a writing thread could be another connection's by then."""
    disk = SlowDisk(monkeypatch)
    body, budget = make(Source(PIECES), memory=10, disk=1 << 20)
    await stopped_while_writing(body, disk)
    body.release()
    writing = body._writing
    assert writing is not None
    assert not writing.done()
    disk.go_on.set()
    await asyncio.wait({writing})
    await asyncio.sleep(0)
    assert (body._file, budget._free) == (None, 1 << 20)


async def test_a_failed_write_is_never_taken_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay whose kept bytes are not all there fails; an early end would be read as a whole, shorter body."""
    disk = SlowDisk(monkeypatch, full=True)
    body, _ = make(Source(PIECES), disk=1 << 20)
    await stopped_while_writing(body, disk)
    disk.go_on.set()
    with pytest.raises(OSError, match="space"):
        await send(body)
    body.release()


async def test_a_short_file_is_never_taken_for_the_end() -> None:
    """Neither is one that lost bytes in any other way."""
    body, _ = make(Source(PIECES), disk=1 << 20)
    await send(body)
    assert body._file is not None
    body._file.truncate(3)
    with pytest.raises(OSError, match="short"):
        await send(body)
    body.release()
