"""Every doubtful request of the corpus, on a connection of its own, with a second request smuggled behind it.

It is refused, the connection ends, and neither of the two goes upstream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import request
from tests.wire import corpus

if TYPE_CHECKING:
    from tests.integration.conftest import Wire

pytestmark = pytest.mark.lanes

SMUGGLED = b"GET /raw/smuggled HTTP/1.1\r\nHost: bearerd.test\r\n\r\n"
HEADS = corpus.LENGTHS | corpus.CODINGS | corpus.FRAMINGS | corpus.NAMES | corpus.VALUES | corpus.HOSTS | corpus.START_LINES


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("sent", HEADS.values(), ids=[ascii(name) for name in HEADS])
async def test_a_doubtful_head_is_refused(sent: bytes, wire: Wire) -> None:
    """400 and the end of the connection."""
    async with await wire.connect() as client:
        await client.send(sent + SMUGGLED)
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
    await nothing_went_upstream(wire)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("sent", corpus.CHUNKS.values(), ids=[ascii(name) for name in corpus.CHUNKS])
async def test_a_doubtful_chunk_is_refused(sent: bytes, wire: Wire) -> None:
    """400 and the end of the connection; what the upstream got of it has no end."""
    head = b"POST /raw HTTP/1.1\r\nHost: bearerd.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with await wire.connect() as client:
        await client.send(head + b"3\r\nabc\r\n" + sent + SMUGGLED)
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
    await nothing_went_upstream(wire)
    assert not any(fragment.endswith(corpus.END) or b"smuggled" in fragment for fragment in wire.upstream.fragments)


def test_the_corpus_is_large_enough() -> None:
    """There are at least 250 cases, and none stands twice."""
    cases = [*HEADS.values(), *corpus.CHUNKS.values()]
    assert len(cases) >= 250
    assert len(set(cases)) == len(cases)


async def nothing_went_upstream(wire: Wire) -> None:
    async with await wire.connect() as after:
        assert (await after.ask(request("/raw/after"))).status == 200
    assert [seen.target for seen in wire.upstream.requests] == [b"/base/after"]
