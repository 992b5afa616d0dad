"""proxy/http/upstream/connection.py: one exchange at a time on one connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Self

import pytest

from proxy.errors import UpstreamClosedError, UpstreamResponseInvalidError
from proxy.http.upstream import BodyCutError, Connection
from proxy.http.upstream.connection import HIGH_WATER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OPEN = b"HTTP/1.1 200 OK\r\n\r\nok"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Pair:
    """A connection and the other end of its socket."""

    def __init__(self, theirs: socket.socket, connection: Connection) -> None:
        self.theirs = theirs
        self.connection = connection
        self.loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ours = socket.create_connection(listener.getsockname())
            theirs, _ = listener.accept()
        ours.setblocking(False)
        theirs.setblocking(False)
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection("routes.r"), sock=ours)
        return cls(theirs, connection)

    async def answer(self, raw: bytes, end: str = "") -> None:
        """Send, then perhaps end by a FIN or a reset."""
        await self.loop.sock_sendall(self.theirs, raw)
        if end == "reset":
            await self.settle()  # what was sent must arrive before the reset drops it
            self.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if end:
            self.theirs.close()

    async def connection_rests(self) -> None:
        """One exchange is over."""
        self.connection.begin(b"GET")
        await self.answer(OK)
        await self.connection.head()
        await self.whole()
        assert self.connection.reusable()
        self.connection.rest()

    async def settle(self) -> None:
        """Let the loop read what is there."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def whole(self) -> bytes:
        """The body to its end."""
        body = b""
        while piece := await self.connection.read():
            body += piece
        return body


async def final_status(connection: Connection) -> int:
    status = 100
    while status < 200:
        status = (await connection.head()).status
    return status


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = await Pair.open()
    async with asyncio.timeout(10):
        yield pair
    pair.connection.abort()
    pair.theirs.close()
    await pair.settle()


@pytest.mark.parametrize(
    ("raw", "end", "body", "again"),
    [
        (OK, "", b"ok", True),
        (OK, "fin", b"ok", False),
        (CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", "", b"ok", True),
        (OPEN, "fin", b"ok", False),
        (CLOSE, "", b"ok", False),
        (OLD, "", b"ok", False),
        (OK + b"x", "", b"ok", False),
        (OK + OK, "", b"ok", False),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\nx", "", b"ok", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "", b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n0\r\n\r\n", "", b"", False),
    ],
)
async def test_an_exchange(pair: Pair, raw: bytes, end: str, body: bytes, again: bool) -> None:  # noqa: FBT001  # a column of the table
    """Its body without framing, and whether another may follow: never after spill or without keep-alive (MUSTS 4)."""
    pair.connection.begin(b"GET")
    await pair.answer(raw, end)
    status = (await pair.connection.head()).status
    seen = await pair.whole()
    await pair.settle()
    assert (status, seen, pair.connection.finished(), pair.connection.reusable()) == (int(raw[9:12]), body, True, again)


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize(
    ("raw", "body"),
    [(LONG % 5 + b"he", b"he"), (CHUNKED + b"5\r\nhe", b"he"), (CHUNKED + b"2\r\nhe\r\n", b"he"), (CHUNKED + b"2\r\nhe\r\n0\r\n", b"he")],
)
async def test_a_body_cut_short_is_told(pair: Pair, raw: bytes, body: bytes, end: str) -> None:
    """What came is read first, then the cut shows (MUSTS 3)."""
    pair.connection.begin(b"GET")
    await pair.answer(raw, end)
    await pair.connection.head()
    assert await pair.connection.read() == body
    with pytest.raises(BodyCutError):
        await pair.connection.read()
    assert (pair.connection.finished(), pair.connection.reusable()) == (False, False)


async def test_a_reset_cuts_a_body_without_framing(pair: Pair) -> None:
    """Only an orderly end is its end (MUSTS 3)."""
    pair.connection.begin(b"GET")
    await pair.answer(OPEN, "reset")
    await pair.connection.head()
    assert await pair.connection.read() == b"ok"
    with pytest.raises(BodyCutError):
        await pair.connection.read()


@pytest.mark.parametrize("raw", [CHUNKED + b"zz\r\n", CHUNKED + b"2\r\nokX", CHUNKED + b"2\nok"])
async def test_a_malformed_body_is_a_cut_one(pair: Pair, raw: bytes) -> None:
    """The head has passed already; the caller must see that the body did not end."""
    pair.connection.begin(b"GET")
    await pair.answer(raw)
    assert (await pair.connection.head()).status == 200
    with pytest.raises(BodyCutError):
        await pair.whole()


@pytest.mark.parametrize(
    ("raw", "end", "error"),
    [
        (b"", "fin", UpstreamClosedError),
        (b"", "reset", UpstreamClosedError),
        (b"HTTP/1.1 200", "fin", UpstreamClosedError),
        (EARLY, "fin", UpstreamClosedError),
        (b"nonsense\r\n\r\n", "", UpstreamResponseInvalidError),
        (b"HTTP/1.1 200 OK\n\n", "", UpstreamResponseInvalidError),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "", UpstreamResponseInvalidError),
        (EARLY + b"\x16\x03\x01\r\n\r\n", "", UpstreamResponseInvalidError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "", UpstreamResponseInvalidError),
    ],
)
async def test_no_answer(pair: Pair, raw: bytes, end: str, error: type[Exception]) -> None:
    """An end before the final head, or what is no HTTP."""
    pair.connection.begin(b"GET")
    await pair.answer(raw, end)
    with pytest.raises(error):
        await final_status(pair.connection)
    assert (pair.connection.answered, pair.connection.reusable()) == (bool(raw), False)


async def test_interim_heads_come_first(pair: Pair) -> None:
    """In order, then the final one."""
    pair.connection.begin(b"GET")
    await pair.answer(EARLY + EARLY + OK)
    assert [(await pair.connection.head()).status for _ in range(3)] == [103, 103, 200]


@pytest.mark.parametrize(("raw", "end"), [(b"x", ""), (OK, ""), (b"", "fin"), (b"", "reset")])
async def test_anything_at_rest_ends_the_connection(pair: Pair, raw: bytes, end: str) -> None:
    """Bytes that nobody asked for are nobody's answer (MUSTS 4)."""
    await pair.connection_rests()
    before = pair.connection.alive()
    await pair.answer(raw, end)
    await pair.settle()
    assert (before, pair.connection.alive()) == (True, False)


async def test_the_next_exchange_sees_nothing_of_the_last(pair: Pair) -> None:
    """Heads, body and flags begin anew."""
    await pair.connection_rests()
    pair.connection.begin(b"HEAD")
    assert (pair.connection.answered, pair.connection.finished(), pair.connection.used) == (False, False, 2)
    await pair.answer(LONG % 5)
    assert ((await pair.connection.head()).status, await pair.whole(), pair.connection.reusable()) == (200, b"", True)


async def test_an_aborted_connection_is_never_used_again(pair: Pair) -> None:
    """Also where the whole response was there."""
    pair.connection.begin(b"GET")
    await pair.answer(OK)
    await pair.connection.head()
    pair.connection.abort()
    assert (pair.connection.reusable(), pair.connection.alive()) == (False, False)


async def test_reading_pauses_for_a_slow_reader(pair: Pair) -> None:
    """Bytes kept are bounded; each read lets more come (MUSTS 20)."""
    size = 32 << 20
    pair.connection.begin(b"GET")
    sending = asyncio.create_task(pair.answer(LONG % size + bytes(size)))
    await pair.connection.head()
    await asyncio.wait({sending}, timeout=0.2)
    kept = pair.connection._kept
    assert (sending.done(), kept < HIGH_WATER + (512 << 10)) == (False, True)
    assert len(await pair.whole()) == size
    await sending


async def test_writing_waits_for_a_slow_upstream(pair: Pair) -> None:
    """`drain` returns when the upstream takes more (MUSTS 20)."""
    size = 32 << 20
    pair.connection.begin(b"POST")
    pair.connection.write(bytes(size))
    drained = asyncio.create_task(pair.connection.drain())
    await pair.settle()
    assert not drained.done()
    taken = 0
    while taken < size:
        taken += len(await pair.loop.sock_recv(pair.theirs, 1 << 20))
    await drained


async def test_writing_to_an_upstream_that_left_is_told(pair: Pair) -> None:
    """Who waits in `drain` hears of it, and who comes later too."""
    pair.connection.begin(b"POST")
    pair.connection.write(bytes(32 << 20))
    drained = asyncio.create_task(pair.connection.drain())
    await pair.settle()
    await pair.answer(b"", "reset")
    with pytest.raises(UpstreamClosedError):
        await drained
    with pytest.raises(UpstreamClosedError):
        await pair.connection.drain()


@pytest.mark.parametrize(
    ("raw", "end", "size", "start", "rest"),
    [
        (LONG % 5 + b"hello", "", 3, b"hel", b"hello"),
        (LONG % 5 + b"hello", "", 5, b"hello", b"hello"),
        (LONG % 5 + b"hello", "", 9, b"hello", b"hello"),
        (CHUNKED + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "", 9, b"ab", b"ab"),
        (LONG % 0, "", 9, b"", b""),
        (OPEN, "fin", 9, b"ok", b"ok"),
    ],
)
async def test_a_peek_takes_nothing_away(pair: Pair, raw: bytes, end: str, size: int, start: bytes, rest: bytes) -> None:
    """The same bytes are peeked again, and read."""
    pair.connection.begin(b"GET")
    await pair.answer(raw, end)
    await pair.connection.head()
    peeked = [await pair.connection.peek(size), await pair.connection.peek(size)]
    assert (peeked, await pair.whole()) == ([start, start], rest)


@pytest.mark.parametrize("patience", [{"pause": 0.01}, {"total": 0.01}])
async def test_a_peek_does_not_wait_for_a_body_that_stands_still(pair: Pair, patience: dict[str, float]) -> None:
    """What is here is judged, and what comes later is read behind it."""
    pair.connection.begin(b"GET")
    await pair.answer(LONG % 5 + b"he")
    await pair.connection.head()
    peeked = await pair.connection.peek(9, **patience)
    await pair.answer(b"llo")
    assert (peeked, await pair.whole()) == (b"he", b"hello")


async def test_a_peek_at_a_cut_body_leaves_the_cut(pair: Pair) -> None:
    """The relay meets it again."""
    pair.connection.begin(b"GET")
    await pair.answer(LONG % 5 + b"he", "fin")
    await pair.connection.head()
    assert (await pair.connection.peek(9), await pair.connection.read()) == (b"he", b"he")
    with pytest.raises(BodyCutError):
        await pair.connection.read()


class Taker:
    """A Receiver that keeps what comes."""

    def __init__(self) -> None:
        self.data = b""
        self.ends = 0
        self.back: Connection | None = None  # to whom all is given back at the end

    def received(self, data: bytes) -> None:
        self.data += data

    def ended(self) -> None:
        self.ends += 1
        if self.back is not None:
            self.back.read_on(b"GET", self.data)


async def arrived(taker: Taker, size: int) -> None:
    while len(taker.data) < size:  # noqa: ASYNC110  # a receiver is no event
        await asyncio.sleep(0)


async def test_a_lent_connection(pair: Pair) -> None:
    """Its receiver gets the bytes as they came; settled clean, it serves another exchange."""
    taker = Taker()
    pair.connection.lend(taker, b"GET / HTTP/1.1\r\n\r\n")
    assert await pair.loop.sock_recv(pair.theirs, 99) == b"GET / HTTP/1.1\r\n\r\n"
    await pair.answer(OK)
    await arrived(taker, len(OK))
    assert (taker.data, taker.ends, pair.connection.reusable(), pair.connection.alive()) == (OK, 0, False, True)
    pair.connection.settle(clean=True)
    assert pair.connection.reusable()
    pair.connection.rest()
    assert (pair.connection.reusable(), pair.connection.alive(), pair.connection.used) == (False, True, 1)
    await pair.connection_rests()


async def test_settled_and_not_clean(pair: Pair) -> None:
    """It serves nobody else."""
    pair.connection.lend(Taker(), b"")
    pair.connection.settle(clean=False)
    assert not pair.connection.reusable()


async def test_bytes_behind_a_settled_exchange(pair: Pair) -> None:
    """They are nobody's answer, and end the connection."""
    taker = Taker()
    pair.connection.lend(taker, b"")
    await pair.answer(OK)
    await arrived(taker, len(OK))
    pair.connection.settle(clean=True)
    pair.connection.rest()
    await pair.answer(b"x")
    assert not pair.connection.alive()
    while pair.connection._transport is not None:  # noqa: ASYNC110  # its end has no event
        await asyncio.sleep(0)
    assert (taker.data, taker.ends) == (OK, 0)


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize("cut", [0, 20])
async def test_a_lent_connection_that_ends(pair: Pair, cut: int, end: str) -> None:
    """Its receiver is told, once, and may still give back what it took; then it fails as it would have done without."""
    taker = Taker()
    taker.back = pair.connection
    pair.connection.lend(taker, b"")
    await pair.answer(OK[:cut], end)
    while not taker.ends:  # noqa: ASYNC110  # a receiver is no event
        await asyncio.sleep(0)
    with pytest.raises(UpstreamClosedError):
        await pair.connection.head()
    assert (taker.data, taker.ends) == (OK[:cut], 1)
    assert (pair.connection.answered, pair.connection.reusable()) == (bool(cut), False)


@pytest.mark.parametrize("cut", range(len(OK) + 1))
async def test_an_exchange_that_is_read_on(pair: Pair, cut: int) -> None:
    """What its receiver took is read as if it had been there from the start, wherever it was cut."""
    taker = Taker()
    pair.connection.lend(taker, b"")
    await pair.answer(OK[:cut])
    await arrived(taker, cut)
    pair.connection.read_on(b"GET", taker.data)
    await pair.answer(OK[cut:])
    assert (await final_status(pair.connection), await pair.whole(), pair.connection.reusable()) == (200, b"ok", True)


@pytest.mark.parametrize("taken", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\n"])
async def test_an_exchange_that_is_read_on_and_is_no_http(pair: Pair, taken: bytes) -> None:
    """It fails where its head is asked for."""
    pair.connection.lend(Taker(), b"")
    pair.connection.read_on(b"GET", taken)
    with pytest.raises(UpstreamResponseInvalidError):
        await pair.connection.head()


async def test_a_receiver_that_takes_no_more(pair: Pair) -> None:
    """Nothing is read until it goes on, or the exchange is over."""
    taker = Taker()
    pair.connection.lend(taker, b"")
    pair.connection.hold()
    pair.connection.hold()
    await pair.answer(OK)
    await pair.settle()
    assert taker.data == b""
    pair.connection.go_on()
    pair.connection.go_on()
    await arrived(taker, len(OK))
    pair.connection.hold()
    pair.connection.settle(clean=True)
    pair.connection.rest()
    await pair.connection_rests()
