"""proxy/http/express/arriving.py: a body that is on its way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.express.arriving import HIGH_WATER, Arriving


class Reads:
    """Counts how often bytes were taken."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def whole(body: Arriving) -> bytes:
    data = b""
    while piece := await body.readany():
        data += piece
    return data


@given(pieces=st.lists(st.binary(min_size=1, max_size=9)), rest=st.binary(max_size=9), first=st.binary(max_size=9))
def test_a_body_ends_where_its_length_says(pieces: list[bytes], rest: bytes, first: bytes) -> None:
    """Nothing of it is lost, and nothing behind it is taken, wherever it was cut."""
    data = first + b"".join(pieces)
    body = Arriving(len(data), first, lambda: None)
    behind = b"".join(body.feed(piece) for piece in ([*pieces[:-1], pieces[-1] + rest] if pieces else [rest]))
    assert (asyncio.run(whole(body)), behind, body.is_eof()) == (data, rest, True)


async def test_a_reader_waits_for_bytes() -> None:
    """And is told that they were taken, so that more are read."""
    reads = Reads()
    body = Arriving(4, b"", reads)
    reading = asyncio.create_task(body.readany())
    await asyncio.sleep(0)
    assert not reading.done()
    body.feed(b"ab")
    assert (await reading, reads.count, body.is_eof()) == (b"ab", 1, False)
    body.feed(b"cd")
    assert [await body.readany(), await body.readany()] == [b"cd", b""]


async def test_an_empty_body_is_at_its_end() -> None:
    """Nobody waits for it."""
    body = Arriving(0, b"", lambda: None)
    assert (body.is_eof(), await body.readany(), body.feed(b"next")) == (True, b"", b"next")


@pytest.mark.parametrize("waits", [True, False])
async def test_a_body_that_fails(waits: bool) -> None:  # noqa: FBT001  # a column of the table
    """Its reader gets what came, and then the error, whenever it asks; nobody takes the start for the whole."""
    body = Arriving(9, b"start", lambda: None)
    assert await body.readany() == b"start"
    reading = asyncio.create_task(body.readany())
    if waits:
        await asyncio.sleep(0)
    body.fail(ConnectionResetError("left"))
    for task in (reading, asyncio.create_task(body.readany())):
        with pytest.raises(ConnectionResetError, match="left"):
            await task


async def test_a_body_that_fails_behind_its_end() -> None:
    """It is whole."""
    body = Arriving(2, b"ok", lambda: None)
    body.fail(ConnectionResetError("left"))
    assert [await body.readany(), await body.readany()] == [b"ok", b""]


async def test_a_bound_to_what_is_kept() -> None:
    """Beyond it no more should be read, until it was taken."""
    body = Arriving(3 * HIGH_WATER, bytes(HIGH_WATER), lambda: None)
    seen = [body.full]
    body.feed(b"x")
    seen.append(body.full)
    await body.readany()
    assert [*seen, body.full] == [False, True, False]


async def test_a_body_that_nobody_wants() -> None:
    """It takes no room, and its end is still seen."""
    body = Arriving(3 * HIGH_WATER, bytes(2 * HIGH_WATER), lambda: None)
    body.forget()
    assert not body.full
    assert (body.feed(bytes(HIGH_WATER) + b"next"), body.is_eof(), body.full) == (b"next", True, False)


async def test_a_reader_that_is_cancelled() -> None:
    """Its wait ends, and the next one gets the bytes."""
    body = Arriving(2, b"", lambda: None)
    reading = asyncio.create_task(body.readany())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait({reading})
    body.feed(b"ok")
    assert await body.readany() == b"ok"
