"""Every doubtful answer of the corpus, on an upstream connection of its own.

The caller gets 502 or a body that is visibly cut, never the doubt itself; the next caller gets its own answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import request
from tests.fakes.raw import say
from tests.wire import answers

if TYPE_CHECKING:
    from tests.integration.conftest import Wire

pytestmark = pytest.mark.lanes

HEADS = answers.STATUS_LINES | answers.HEADERS | answers.FRAMINGS


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("sent", HEADS.values(), ids=[ascii(name) for name in HEADS])
async def test_a_doubtful_head_is_502(sent: bytes, wire: Wire) -> None:
    """502 upstream_response_invalid, and nothing of the answer with it."""
    wire.upstream.script.append(say(sent, close=True))
    async with await wire.connect() as client:
        answer = await client.ask(request("/raw", method="POST", body=b""))
        assert (answer.status, b'"upstream_response_invalid"' in answer.body.data) == (502, True)
        assert (answer.get("X-A"), answer.get("Set-Cookie"), answer.get("Upgrade")) == ("", "", "")
        assert (await client.ask(request("/raw"))).body.data == b"ok"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("sent", answers.CHUNKS.values(), ids=[ascii(name) for name in answers.CHUNKS])
async def test_a_doubtful_chunk_cuts_the_body(sent: bytes, wire: Wire) -> None:
    """The body that the caller gets has no last chunk, or the answer is 502 where none of it had gone out."""
    wire.upstream.script.append(say(sent, close=True))
    async with await wire.connect() as client:
        await client.send(request("/raw"))
        try:
            answer = await client.answer()
        except ConnectionError:
            pass
        else:
            assert answer.status == 502 or not answer.body.complete
    async with await wire.connect() as other:
        assert (await other.ask(request("/raw"))).body.data == b"ok"
