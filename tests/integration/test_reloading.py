"""SIGHUP and a changed file: the new configuration serves, calls in progress and unchanged tokens stay.

A broken one changes nothing, and says so.
"""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.fakes.raw import OK, Exchange
from tests.integration.applications import until
from tests.integration.running import Bearerd, write_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fakes.raw import RawUpstream
    from tests.fakes.token_server import TokenServer
    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes


@pytest.fixture
def crm(token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd) -> Bearerd:
    """bearerd with one route."""
    credential = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "id", "client_secret": "s3cret"}
    return bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"}, credentials={"crm": credential})


def change(running: Bearerd, edit: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the configuration file."""
    assert running.config is not None
    config = yaml.safe_load(running.config.read_text())
    edit(config)
    running.config.write_text(yaml.safe_dump(config))


def add_route(config: dict[str, Any]) -> None:
    config["routes"].append({**config["routes"][0], "prefix": "/erp"})


@pytest.mark.parametrize("by_signal", [True, False], ids=["SIGHUP", "changed file"])
async def test_a_new_route_serves_and_the_token_stays(
    by_signal: bool,  # noqa: FBT001  # a row of the table
    crm: Bearerd,
    token_server: TokenServer,
    caller: Caller,
) -> None:
    """After a reload the added route answers, with the token that was there before."""
    assert (await caller.get(f"{crm.url}/crm")).status == 200
    assert (await caller.get(f"{crm.url}/erp")).status == 404
    change(crm, add_route)
    if by_signal:
        crm.signal(signal.SIGHUP)

    async def serves() -> bool:
        return (await caller.get(f"{crm.url}/erp")).status == 200

    await until(serves)
    assert len(token_server.requests) == 1
    assert await crm.metric("config_reloads_total", outcome="ok") >= 1


async def test_a_broken_configuration_changes_nothing(crm: Bearerd, caller: Caller) -> None:
    """The old one serves on; log, metric and readiness say what happened, with file and key."""
    change(crm, lambda config: config["routes"][0].update(credential="crn"))
    crm.signal(signal.SIGHUP)
    line = await asyncio.to_thread(crm.wait_for, lambda line: line.get("event") == "config_reload_failed")
    assert "did you mean 'crm'" in json.dumps(line["problems"])
    assert (await caller.get(f"{crm.url}/crm")).status == 200
    assert await crm.metric("config_reloads_total", outcome="failed") >= 1
    status, body = await crm.admin("/readyz")
    assert (status, "failed" in body) == (200, True)


async def test_a_reload_loses_no_call(crm: Bearerd, raw_upstream: RawUpstream, caller: Caller) -> None:
    """A call in progress ends well though its route is gone, and calls all through the reloads succeed."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def late(exchange: Exchange) -> None:
        begun.set()
        await go.wait()
        await exchange.send(OK)

    raw_upstream.script.append(late)
    held = asyncio.create_task(caller.get(f"{crm.url}/crm/held"))
    await begun.wait()
    statuses: set[int] = set()
    stop = asyncio.Event()

    async def keep_calling() -> None:
        while not stop.is_set():
            statuses.add((await caller.get(f"{crm.url}/crm")).status)

    calls = [asyncio.create_task(keep_calling()) for _ in range(4)]
    change(crm, lambda config: config["routes"][0].update(timeout={"response": "30s"}))
    crm.signal(signal.SIGHUP)
    await asyncio.to_thread(crm.wait_for, lambda line: line.get("event") == "config_reloaded")
    assert not held.done()
    go.set()
    assert (await held).body == b"ok"
    stop.set()
    await asyncio.gather(*calls)
    assert statuses == {200}


@pytest.fixture
def mounted(tmp_path: Path, raw_upstream: RawUpstream) -> Iterator[tuple[Bearerd, Path]]:
    """bearerd on a configuration as Kubernetes mounts it: proxy.yaml -> ..data/proxy.yaml, ..data -> a folder per version."""
    for name, prefix in (("..v1", "/one"), ("..v2", "/two")):
        (tmp_path / name).mkdir()
        write_config(tmp_path / name, [{"prefix": prefix, "upstream": raw_upstream.url, "credential": "none"}], {}, {})
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "proxy.yaml").symlink_to("..data/proxy.yaml")
    with Bearerd(tmp_path / "proxy.yaml") as running:
        yield running, tmp_path


async def test_a_swapped_volume_is_seen(mounted: tuple[Bearerd, Path], caller: Caller) -> None:
    """The symlink swap of a mounted volume reloads, without a signal."""
    running, folder = mounted
    assert (await caller.get(f"{running.url}/one")).status == 200
    (folder / "..next").symlink_to("..v2")
    (folder / "..next").rename(folder / "..data")

    async def serves() -> bool:
        return (await caller.get(f"{running.url}/two")).status == 200

    await until(serves)
    assert (await caller.get(f"{running.url}/one")).status == 404
