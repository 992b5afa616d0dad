"""`bearerd healthcheck`: what it asks, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.raw import say
from tests.fakes.token_server import answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.raw import RawUpstream
    from tests.unit.cli.conftest import Configure, Run


async def test_alive(run: Run, configure: Configure, api: RawUpstream) -> None:
    """An instance that answers /healthz with 200 is healthy."""
    configure(admin={"address": f"127.0.0.1:{api.port}"})
    told = await run("healthcheck")
    assert (told.exit_code, told.stdout, api.requests[0].target) == (0, "healthy\n", b"/healthz")


async def test_unwell(run: Run, configure: Configure, api: RawUpstream) -> None:
    """Any other status is not."""
    configure(admin={"address": f"127.0.0.1:{api.port}"})
    api.script.append(answer(503))
    told = await run("healthcheck")
    assert (told.exit_code, told.stderr) == (1, f"127.0.0.1:{api.port} answered 503\n")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "unix:/nowhere/admin.sock"])
async def test_nobody_there(run: Run, configure: Configure, address: str) -> None:
    """Nobody at the admin listener's address, of whatever form, is told with that address."""
    configure(admin={"address": address})
    told = await run("healthcheck")
    assert (told.exit_code, told.stderr.partition(":")[0]) == (1, f"no answer on {address}".partition(":")[0])


async def test_not_http(run: Run, configure: Configure, api: RawUpstream) -> None:
    """What is not HTTP is not bearerd, and no traceback."""
    configure(admin={"address": f"127.0.0.1:{api.port}"})
    api.script.append(say(b"220 mail.example ESMTP\r\n", close=True))
    assert (await run("healthcheck")).exit_code == 1


async def test_wrong_configuration(run: Run, folder: Path) -> None:
    """A configuration that cannot be read is no sick instance."""
    (folder / "bad.yaml").write_text("routes: 5")
    assert (await run("healthcheck", "--config", "bad.yaml")).exit_code == 2
