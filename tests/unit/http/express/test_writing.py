"""proxy/http/express/writing.py: bytes to a caller, who may take them slowly, or not at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from proxy.http.express.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable


class Transport:
    """Keeps what is written, and how it ended."""

    def __init__(self, peer: object = ("192.0.2.1", 5)) -> None:
        self.peer = peer
        self.data = b""
        self.left = 0
        self.end = ""

    def write(self, data: bytes) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return bool(self.end)

    def close(self) -> None:
        self.end = "close"

    def abort(self) -> None:
        self.end = "abort"

    def get_write_buffer_size(self) -> int:
        return self.left

    def get_extra_info(self, name: str) -> object:
        return self.peer if name == "peername" else None


def writing(transport: Transport | None) -> Writing:
    made = Writing()
    made.transport = cast("Any", transport)
    return made


def test_what_is_written_is_counted() -> None:
    """Either way of writing."""
    transport = Transport()
    client = writing(transport)
    client.write(b"ab")
    client.send(b"c")
    assert (transport.data, client.written) == (b"abc", 3)


@pytest.mark.parametrize("ended", [True, False])
def test_a_caller_that_left(ended: bool) -> None:  # noqa: FBT001  # a column of the table
    """`write` says so; `send` says nothing, since `client_left` is told."""
    transport = Transport()
    client = writing(transport if ended else None)
    transport.end = "abort"
    with pytest.raises(ConnectionResetError):
        client.write(b"x")
    writing(None).send(b"x")
    assert client.written == 0


@pytest.mark.parametrize(("left", "end"), [(0, "close"), (1, "abort")])
def test_the_end_of_a_rest(left: int, end: str) -> None:
    """In order, but for a caller that takes nothing."""
    transport = Transport()
    transport.left = left
    client = writing(transport)
    client.end_rest()
    assert transport.end == end


@pytest.mark.parametrize("end", [Writing.cut, Writing.close, Writing.end_rest, Writing.force_close])
def test_an_end_behind_the_end(end: Callable[[Writing], None]) -> None:
    """It does no harm."""
    for paused in (True, False):
        client = writing(None)
        client.writing_paused = paused
        end(client)
        assert client.transport is None


def test_who_stands_still() -> None:
    """Who took nothing since the last look; the first look has nothing to compare with."""
    transport = Transport()
    client = writing(transport)
    seen = []
    for left in (9, 9, 5, 5, 7):
        transport.left = left
        seen.append(client.stands_still())
    assert seen == [False, True, False, True, False]


@pytest.mark.parametrize(("peer", "address"), [(("192.0.2.1", 5), "192.0.2.1"), (("::1", 5, 0, 0), "::1"), ("", "unix"), (None, "unix")])
def test_where_the_caller_is(peer: object, address: str) -> None:
    """As it was when it was first asked for."""
    client = writing(Transport(peer))
    assert (client.address, client.caller(b"h").host) == (address, b"h")
    client.transport = None
    assert client.caller(b"h").address == address


@pytest.mark.parametrize("error", [None, ConnectionResetError("left")])
async def test_who_waits_for_the_caller(error: ConnectionError | None) -> None:
    """It goes on when the caller takes more, and fails when the caller left; nobody waits for one that takes everything."""
    client = writing(Transport())
    await client.drain()
    assert not client._wake(error)
    client.writing_paused = True
    waiting = asyncio.create_task(client.drain())
    await asyncio.sleep(0)
    client.writing_paused = False
    assert client._wake(error)
    assert not client._wake(error)
    if error is None:
        await waiting
    else:
        with pytest.raises(ConnectionResetError):
            await waiting
