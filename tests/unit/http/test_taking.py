"""proxy/http/listener.py: connections that another protocol began, and gets back."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
import trustme

from proxy.http.listener import ClientProtocol
from tests.clients.raw import RawClient, request
from tests.fakes.raw import OK, Exchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxy.http.listener import ClientServer
    from tests.unit.http.conftest import Walk

BOTH_LOOPS = True
GET = request("/x")
CHUNKS = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: 1\r\n\r\n"
BAD = b"GET /bad HTTP/1.1\r\n\r\n"


class Before(asyncio.Protocol):
    """Reads only who begins: whatever comes is handed over."""

    transport: asyncio.Transport

    def __init__(self, walk: Walk) -> None:
        self.clients = cast("ClientServer", walk.clients)
        self.given = 0
        self.returned = 0
        self.lost = False
        self.paused = False
        self.returning: Callable[[], None] = lambda: None  # between the two protocols

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.give(data)

    def pause_writing(self) -> None:
        self.paused = True

    def connection_lost(self, _exc: Exception | None) -> None:
        self.lost = True

    def give(self, data: bytes, *, half_closed: bool = False) -> None:
        self.given += 1
        self.clients.take(self.transport, data, back=self.back, writing_paused=self.paused, half_closed=half_closed)

    def back(self) -> None:
        self.returned += 1
        self.paused = False  # else it would not be back
        self.returning()
        self.transport.set_protocol(self)

    async def home(self) -> int:
        """How often the connection came back; it is here now."""
        async with asyncio.timeout(5):
            while self.returned < self.given:  # noqa: ASYNC110  # an answer is out before its call is over
                await asyncio.sleep(0)
        return self.returned

    async def left(self) -> None:
        """The connection ended here."""
        async with asyncio.timeout(5):
            while not self.lost:  # noqa: ASYNC110  # the transport has no event to wait for
                await asyncio.sleep(0.005)


class Place:
    """A listener whose connections begin as Before."""

    def __init__(self, walk: Walk, stack: AsyncExitStack, kind: str = "tcp", folder: Path | None = None) -> None:
        self.walk = walk
        self.kind = kind
        self.path = str(folder / "s") if folder else ""
        self.stack = stack
        self.made: list[Before] = []
        authority = trustme.CA()
        self.served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.served)
        self.trusted = ssl.create_default_context()
        authority.configure_trust(self.trusted)

    def _new(self) -> Before:
        self.made.append(Before(self.walk))
        return self.made[-1]

    async def open(self) -> tuple[RawClient, Before]:
        """A client, and who its connection began as."""
        loop = asyncio.get_running_loop()
        if self.kind == "unix":
            server = await loop.create_unix_server(self._new, self.path)
            streams = await asyncio.open_unix_connection(self.path)
        else:
            tls = self.kind == "tls"
            server = await loop.create_server(self._new, "127.0.0.1", 0, ssl=self.served if tls else None)
            port = server.sockets[0].getsockname()[1]
            named = {"ssl": self.trusted, "server_hostname": "localhost"} if tls else {}
            streams = await asyncio.open_connection("127.0.0.1", port, **named)  # type: ignore[arg-type]  # two kinds of keywords
        self.stack.callback(server.close)
        self.stack.callback(streams[1].close)
        async with asyncio.timeout(5):
            while not (self.made and hasattr(self.made[-1], "transport")):  # noqa: ASYNC110  # turns of the loop
                await asyncio.sleep(0)
        return RawClient(*streams), self.made[-1]


@pytest.fixture
def lane() -> str:
    """Which connections of the walk's own begin; these here begin as Before."""
    return "ordinary"


@pytest.fixture(params=["tcp", "unix", "tls"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def stack() -> AsyncExitStack:  # type: ignore[misc]  # a fixture that yields
    async with AsyncExitStack() as stack:
        yield stack


async def opened(walk: Walk, stack: AsyncExitStack) -> tuple[RawClient, Before]:
    """A client over TCP, and who its connection began as."""
    await walk.start()
    return await Place(walk, stack).open()


def alive() -> int:
    """Connections of aiohttp's that something still holds."""
    gc.collect()
    return sum(type(thing) is ClientProtocol for thing in gc.get_objects())


async def test_a_connection_goes_there_and_back(walk: Walk, stack: AsyncExitStack, kind: str, tmp_path: Path) -> None:
    """As often as it likes, and no task, timer or entry of it stays."""
    await walk.start()
    client, before = await Place(walk, stack, kind, tmp_path).open()
    await client.ask(CHUNKS)
    assert await before.home() == 1
    tasks = asyncio.all_tasks()
    for turn in range(2, 51):
        assert (await client.ask(CHUNKS)).body.data == b"ok"
        assert (before.given, await before.home(), before.clients.connections) == (turn, turn, [])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (asyncio.all_tasks() - tasks, alive(), before.lost) == (set(), 0, False)
    client.writer.close()
    await before.left()


@pytest.mark.parametrize("step", [1, 7, 50])
async def test_a_request_comes_in_pieces(walk: Walk, stack: AsyncExitStack, step: int) -> None:
    """What follows the first piece goes the same way."""
    client, before = await opened(walk, stack)
    for at in range(0, len(CHUNKS), step):
        await client.send(CHUNKS[at : at + step])
        await asyncio.sleep(0.001)
    assert ((await client.answer()).status, before.given, await before.home()) == (200, 1, 1)


async def test_what_is_pipelined_is_answered_before_the_return(walk: Walk, stack: AsyncExitStack) -> None:
    """In order, each once."""
    client, before = await opened(walk, stack)
    await client.send(CHUNKS + GET + CHUNKS + GET + b"\r\n")
    assert [(await client.answer()).status for _ in range(4)] == [200] * 4
    assert [seen.target for seen in walk.upstream.requests] == [b"/c", b"/x", b"/c", b"/x"]
    assert (before.given, await before.home()) == (1, 1)


async def test_a_head_that_began_keeps_the_connection(walk: Walk, stack: AsyncExitStack) -> None:
    """Bytes that were read are served where they are."""
    client, before = await opened(walk, stack)
    await client.send(CHUNKS + GET[:9])
    assert ((await client.answer()).status, before.returned) == (200, 0)
    assert ((await client.ask(GET[9:])).status, before.given, await before.home()) == (200, 1, 1)


async def test_no_byte_falls_between_the_protocols(walk: Walk, stack: AsyncExitStack, kind: str, tmp_path: Path) -> None:
    """A request that comes while neither reads waits for the next one."""
    await walk.start()
    client, before = await Place(walk, stack, kind, tmp_path).open()
    if kind != "tls":
        sock = cast("socket.socket", client.writer.get_extra_info("socket"))
        other = socket.socket(fileno=socket.dup(sock.fileno()))
        stack.callback(other.close)
        before.returning = lambda: None if before.returned > 20 else other.sendall(CHUNKS)
    else:
        before.returning = lambda: None if before.returned > 20 else client.writer.write(CHUNKS)
    await client.send(CHUNKS)
    for _ in range(21):
        assert (await client.answer()).status == 200
    assert (before.given, await before.home(), len(walk.upstream.requests)) == (21, 21, 21)


@pytest.mark.parametrize("turns", range(8))
async def test_a_request_is_served_whenever_it_comes(walk: Walk, stack: AsyncExitStack, turns: int) -> None:
    """However the moment of its arrival falls to the answer before it."""
    client, before = await opened(walk, stack)
    await client.send(CHUNKS)
    await walk.asked()
    for _ in range(turns):
        await asyncio.sleep(0)
    await client.send(CHUNKS)
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert (before.given, len(walk.upstream.requests)) == (await before.home(), 2)


@pytest.mark.parametrize("sent", [BAD, CHUNKS + BAD + GET, CHUNKS[:-20] + b"zz\r\n" + GET, b"\x16\x03\x01\r\n\r\n"])
async def test_doubtful_bytes_end_it(walk: Walk, stack: AsyncExitStack, sent: bytes) -> None:
    """With 400 and close, as ever; it is not given back."""
    client, before = await opened(walk, stack)
    await client.send(sent)
    statuses = [(await client.answer()).status for _ in range(1 + sent.startswith(CHUNKS))]
    assert (statuses[-1], await client.rest(), before.returned, before.lost) == (400, b"", 0, False)


@pytest.mark.parametrize("headers", ["Connection: close\r\n", "Connection: Close, x\r\n"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_last_request_ends_it(walk: Walk, stack: AsyncExitStack, headers: str, version: str) -> None:
    """It is not given back to be closed there."""
    client, before = await opened(walk, stack)
    assert (await client.ask(request("/x", headers=headers, version=version))).status == 200
    assert (await client.rest(), before.returned) == (b"", 0)


async def test_a_half_closed_client_is_served_to_the_end(walk: Walk, stack: AsyncExitStack) -> None:
    """And its connection ends then."""
    client, before = await opened(walk, stack)
    await client.send(CHUNKS + GET)
    client.half_close()
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert (await client.rest(), before.returned) == (b"", 0)


@pytest.mark.parametrize(("sent", "statuses"), [(CHUNKS, [200]), (CHUNKS + GET, [200, 200]), (BAD, [400]), (CHUNKS[:-1], []), (b"", [])])
async def test_a_connection_is_taken_half_closed(walk: Walk, stack: AsyncExitStack, sent: bytes, statuses: list[int]) -> None:
    """As if its end had come here: the last answer says close, and the connection ends."""
    client, before = await opened(walk, stack)
    client.half_close()
    before.transport.pause_reading()  # its end is read
    before.give(sent, half_closed=True)
    answers = [await client.answer() for _ in statuses]
    assert [answer.status for answer in answers] == statuses
    assert [answer.get("Connection") for answer in answers] == [""] * (len(statuses) - 1) + ["close"] * bool(statuses)
    assert (await client.rest(), before.returned) == (b"", 0)
    await asyncio.sleep(0.01)
    assert before.clients.connections == []


async def test_a_connection_that_comes_late_gets_one_answer(walk: Walk, stack: AsyncExitStack) -> None:
    """What is taken while the server stops ends after it."""
    client, before = await opened(walk, stack)
    walk.clients.retire()
    answer = await client.ask(CHUNKS)
    assert (answer.status, answer.get("Connection"), await client.rest(), before.returned) == (200, "close", b"", 0)


async def test_an_unfinished_head_is_ended(walk: Walk, stack: AsyncExitStack) -> None:
    """408 and close."""
    walk.limits = replace(walk.limits, head_timeout=0.05)
    client, before = await opened(walk, stack)
    assert ((await client.ask(b"GET / HTTP/1.1\r\nHos")).status, await client.rest(), before.returned) == (408, b"", 0)


async def test_an_idle_connection_ends(walk: Walk, stack: AsyncExitStack) -> None:
    """After `idle_timeout`, where no request came at all."""
    walk.limits = replace(walk.limits, idle_timeout=0.05)
    client, before = await opened(walk, stack)
    before.give(b"")
    assert (await client.rest(), before.clients.connections, before.returned) == (b"", [], 0)


async def slow(exchange: Exchange) -> None:
    await exchange.gone()


async def test_a_client_that_leaves_is_seen(walk: Walk, stack: AsyncExitStack) -> None:
    """Its call ends, and so does the connection."""
    client, before = await opened(walk, stack)
    walk.upstream.reply = slow
    await client.send(CHUNKS)
    await walk.asked()
    client.reset()
    await walk.quiet()
    await asyncio.sleep(0.01)
    assert (before.clients.connections, before.returned, walk.active.own.pool.active) == ([], 0, 0)


async def test_a_call_in_progress_is_answered_before_its_connection_retires(walk: Walk, stack: AsyncExitStack) -> None:
    """And its answer says close."""
    client, before = await opened(walk, stack)
    go_on = asyncio.Event()

    async def held(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.send(OK)

    walk.upstream.reply = held
    await client.send(CHUNKS)
    await walk.asked()
    walk.clients.retire()
    go_on.set()
    answer = await client.answer()
    assert (answer.status, answer.get("Connection"), await client.rest(), before.returned) == (200, "close", b"", 0)


async def test_a_stop_ends_it(walk: Walk, stack: AsyncExitStack) -> None:
    """A call that outlives the stop is cut, and nothing is given back."""
    client, before = await opened(walk, stack)
    walk.upstream.reply = slow
    await client.send(CHUNKS)
    await walk.asked()
    await walk.clients.shutdown(0.01)
    with suppress(ConnectionResetError):
        assert await client.rest() == b""
    assert (before.clients.connections, before.returned) == ([], 0)


async def test_a_paused_connection_is_taken_as_it_is(walk: Walk, stack: AsyncExitStack) -> None:
    """What was written before is sent before the answer; it comes back once an answer leaves nothing waiting."""
    client, before = await opened(walk, stack)
    written = bytes(32 << 20)
    before.transport.write(written)
    assert before.paused
    before.give(CHUNKS)
    await walk.asked()
    assert await client.part(len(written)) == written
    assert (await client.answer()).status == 200
    assert ((await client.ask(CHUNKS)).status, await before.home() > 0, before.lost) == (200, True, False)
