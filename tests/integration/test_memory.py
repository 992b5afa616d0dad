"""Flow control, both ways: large bodies pass through bearerd, they do not stay in it.

The byte counts agree at both ends, and the process grows by less than 8 MiB.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.fakes.flood import Download, Flood, upload
from tests.integration.running import Bearerd, Memory

if TYPE_CHECKING:
    from tests.fakes.token_server import TokenServer
    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd

pytestmark = [pytest.mark.lanes, pytest.mark.slow]

GIB = 1 << 30
GROWTH = 8 << 20  # bytes


async def warm(port: int, token_server: TokenServer, bearerd: StartBearerd, caller: Caller) -> tuple[Bearerd, Memory]:
    """bearerd with its code loaded and a token at hand, and its memory from there on."""
    credential = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "id", "client_secret": "s3cret"}
    running = bearerd(
        {"prefix": "/flood", "upstream": f"http://127.0.0.1:{port}", "credential": "crm"},
        {"prefix": "/warm", "upstream": token_server.url, "credential": "crm"},
        credentials={"crm": credential},
    )
    await caller.post(f"{running.url}/warm", b"x" * (1 << 20))
    memory = Memory(running.pid)
    memory.restart_peak()
    return running, memory


@pytest.mark.parametrize("chunked", [False, True], ids=["fixed", "chunked"])
async def test_a_gibibyte_up_does_not_stay(
    chunked: bool,  # noqa: FBT001  # a row of the table
    token_server: TokenServer,
    bearerd: StartBearerd,
    caller: Caller,
) -> None:
    """1 GiB of request body grows the process by less than 8 MiB."""
    with Flood() as api:
        running, memory = await warm(api.port, token_server, bearerd, caller)
        before = memory.now()
        head = await asyncio.to_thread(upload, running.port, GIB, chunked=chunked)
        grown = memory.peak() - before
    assert b" 200 " in head
    assert api.taken == GIB
    assert grown < GROWTH, f"grew by {grown >> 10} KiB"


async def test_a_gibibyte_down_does_not_stay(token_server: TokenServer, bearerd: StartBearerd, caller: Caller) -> None:
    """1 GiB of response body grows the process by less than 8 MiB."""
    with Flood(give=GIB) as api:
        running, memory = await warm(api.port, token_server, bearerd, caller)
        before = memory.now()
        with Download(running.port) as download:
            await asyncio.to_thread(download.begin)
            taken = await asyncio.to_thread(download.finish)
        grown = memory.peak() - before
    assert (api.given, taken) == (GIB, GIB)
    assert grown < GROWTH, f"grew by {grown >> 10} KiB"


async def test_a_slow_reader_holds_the_api_back(token_server: TokenServer, bearerd: StartBearerd, caller: Caller) -> None:
    """While a caller reads nothing the API is made to wait, the process grows by less than 8 MiB, and in the end all arrives."""
    with Flood(give=GIB) as api:
        running, memory = await warm(api.port, token_server, bearerd, caller)
        before = memory.now()
        with Download(running.port) as download:
            await asyncio.to_thread(download.begin)
            assert await asyncio.to_thread(api.stalled.wait, 20)
            assert api.given < 64 << 20
            taken = await asyncio.to_thread(download.finish)
        grown = memory.peak() - before
    assert (api.given, taken) == (GIB, GIB)
    assert grown < GROWTH, f"grew by {grown >> 10} KiB"
