"""What the token engine's tests have in common: the facts of one exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.credentials import crm, facts_of
from tests.fakes.exchanges import Bench, Server, serve
from tests.unit.oauth.signing.conftest import certificate, natives, pems

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from proxy.oauth.exchange import Facts

__all__ = ["certificate", "natives", "pems"]  # keys, for whatever signs


@pytest.fixture
def facts() -> Facts:
    """An exchange of the alias crm, begun at 100 s, without spread."""
    return facts_of(crm())


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    """A token endpoint that answers as it is told."""
    server = Server()
    runner = await serve(server)
    yield server
    await runner.cleanup()


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    """Builds endpoints, and ends them."""
    bench = Bench()
    yield bench
    await bench.aclose()
