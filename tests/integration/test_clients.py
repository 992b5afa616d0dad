"""Applications written with ordinary HTTP clients, called directly and through bearerd.

The same script must pass both ways: the only difference is the URL.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.api import EchoAPI
    from tests.integration.authorization import Client
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes

CLIENTS = Path(__file__).parents[1] / "clients"

every_client = pytest.mark.parametrize(
    "command",
    [
        pytest.param(["sh", "client.sh"], id="curl"),
        pytest.param([sys.executable, "client_requests.py"], id="requests"),
        pytest.param(["node", "client_undici.mjs"], id="undici"),
        pytest.param(["java", "-XX:TieredStopAtLevel=1", "Client.java"], id="java"),
    ],
)


async def outcome(command: list[str], url: str) -> str:
    """What a client script said, both streams."""
    process = await asyncio.create_subprocess_exec(
        *command, url, cwd=CLIENTS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode()


@every_client
async def test_a_client_works_against_the_api_itself(command: list[str], echo_api: EchoAPI) -> None:
    """The script is an ordinary client: it passes where no proxy stands between."""
    assert await outcome(command, echo_api.open_url) == "ok\n"


@every_client
async def test_a_client_works_through_bearerd_unchanged(
    command: list[str], echo_api: EchoAPI, client: Client, credential: Callable[..., dict[str, Any]], bearerd: StartBearerd
) -> None:
    """The same script passes through bearerd, with tokens it knows nothing of."""
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client)})
    assert await outcome(command, f"{running.url}/crm") == "ok\n"
    assert {bool(call.token) for call in echo_api.calls} == {True}
