"""proxy/server.py: listeners, reload and drain in one process."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from proxy import server as module
from proxy.egress import Egress
from proxy.http.address import UpstreamURL
from proxy.http.routing import Route
from proxy.logs import Logs
from proxy.oauth.credential import Credential
from proxy.oauth.grants import ClientCredentials
from proxy.oauth.template import Template
from proxy.secrets.sources import Text
from proxy.server import Server
from proxy.settings import SettingsError
from proxy.settings.model import Admin, Listener, Log, Settings, TokenStoreOptions
from proxy.settings.problems import Problem
from proxy.sockets import BindError
from proxy.units import Seconds
from tests.clients.raw import RawClient, request
from tests.fakes.raw import OK, Exchange, RawUpstream
from tests.fakes.token_server import TokenServer, answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

GET = request("/a")


class Process:
    """A server whose next configuration the test decides."""

    def __init__(self, upstream: RawUpstream) -> None:
        self.upstream = upstream
        self.lines: list[bytes] = []
        self.logs = Logs(self.lines.append)
        self.settings = Settings(
            listeners=(Listener(address="127.0.0.1:0"),),
            admin=Admin(address="127.0.0.1:0"),
            metrics=None,
            drain_timeout=Seconds(5),
            express=False,
            log=Log(),
            egress=Egress(),
            token_store=TokenStoreOptions(),
            routes=(self.route("/a"),),
            credentials={},
        )
        self.error: Exception | None = None

    def route(self, prefix: str) -> Route:
        return Route(prefix=prefix, upstream=UpstreamURL.parse(self.upstream.url), credential="none", name=prefix)

    def change(self, **facts: Any) -> None:
        self.settings = msgspec.structs.replace(self.settings, **facts)

    def load(self) -> Settings:
        if self.error is not None:
            raise self.error
        return self.settings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        """Serves; at the end it is stopped, unless the test stopped it."""
        self.server = Server(self.settings, logs=self.logs, reload=self.load)
        self.task = asyncio.create_task(self.server.run())
        while not self.server.ready() and not self.task.done():  # noqa: ASYNC110  # it says no event
            await asyncio.sleep(0.002)
        try:
            yield self.server
        finally:
            self.stop()
            async with asyncio.timeout(10):
                await self.task

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.server._signalled(number)

    @property
    def port(self) -> int:
        port: int = self.server._sockets[0].sockets[0].getsockname()[1]
        return port

    async def client(self) -> RawClient:
        return await RawClient.open(self.port)

    def events(self, name: str) -> list[dict[str, Any]]:
        """So far; no more are written."""
        self.logs.close()
        return [line for line in map(json.loads, b"".join(self.lines).splitlines()) if line["event"] == name]


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    async with RawUpstream() as upstream:
        process = Process(upstream)
        yield process
        process.logs.close()


async def status(process: Process, path: str) -> int:
    async with await process.client() as client:
        return (await client.ask(request(path))).status


class Slow:
    """Answers when it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        self.asked.set()
        await self.go_on.wait()
        await exchange.send(OK)


async def test_it_serves_until_it_is_told_to_stop(process: Process) -> None:
    """Idle connections hold nothing up, and the port is free again."""
    async with process.running() as server:
        port = process.port
        async with await process.client() as client:
            assert ((await client.ask(GET)).status, server.ready(), server.draining()) == (200, True, False)
            process.stop()
            assert await client.rest() == b""
            await process.task
    assert server.draining()
    socket.create_server(("127.0.0.1", port)).close()
    assert len(process.events("stopped")) == 1


async def test_a_call_in_progress_is_finished(process: Process) -> None:
    """SIGTERM waits for it; nobody else gets in (MUSTS 22)."""
    process.upstream.reply = slow = Slow()
    async with process.running(), await process.client() as client:
        port = process.port
        await client.send(GET)
        await slow.asked.wait()
        process.stop()
        await asyncio.sleep(0.02)
        with pytest.raises(ConnectionRefusedError):
            await RawClient.open(port)
        slow.go_on.set()
        assert (await client.answer()).status == 200
        await process.task
    assert process.events("drain_timeout") == []


@pytest.mark.parametrize(("number", "drain"), [(signal.SIGTERM, 0.05), (signal.SIGINT, 60.0)])
async def test_a_call_that_hangs_is_ended(process: Process, number: signal.Signals, drain: float) -> None:
    """After `drain_timeout`, or at once on SIGINT."""
    process.change(drain_timeout=Seconds(drain))
    process.upstream.reply = slow = Slow()
    async with process.running(), await process.client() as client:
        await client.send(GET)
        await slow.asked.wait()
        process.stop(number)
        async with asyncio.timeout(3):
            await process.task
        with suppress(ConnectionResetError):
            assert await client.rest() == b""
    assert [line["running"] for line in process.events("drain_timeout")] == [1]


async def test_an_interrupt_ends_a_drain(process: Process) -> None:
    """Whoever does not want to wait for the calls in progress says so with SIGINT behind the SIGTERM."""
    process.upstream.reply = slow = Slow()
    async with process.running(), await process.client() as client:
        await client.send(GET)
        await slow.asked.wait()
        process.stop()
        await asyncio.sleep(0.02)
        process.stop(signal.SIGINT)
        async with asyncio.timeout(3):
            await process.task
    assert len(process.events("draining")) == 1


async def test_two_reloads_lose_no_call_that_waits_for_its_token(process: Process) -> None:
    """An alias that the second configuration took over from the first is not ended by the third while a call of the first needs it."""
    async with TokenServer() as tokens:
        issued = asyncio.Event()
        asked = asyncio.Event()

        async def slowly(exchange: Exchange) -> None:
            asked.set()
            await issued.wait()
            await answer(body={"access_token": "t", "token_type": "Bearer", "expires_in": 3600})(exchange)

        tokens.reply = slowly
        routes = (msgspec.structs.replace(process.route("/a"), credential="crm"),)
        process.change(routes=routes, credentials={"crm": crm(tokens.token_url, "first")})
        async with process.running() as server, await process.client() as client:
            await client.send(GET)
            await asked.wait()
            process.change(drain_timeout=Seconds(6))
            await server.reload()
            process.change(credentials={"crm": crm(tokens.token_url, "other")})
            await server.reload()
            await asyncio.sleep(0.02)
            issued.set()
            assert (await client.answer()).status == 200


def crm(token_url: str, client_id: str) -> Credential:
    return Credential(
        alias="crm",
        grant=ClientCredentials(token_url=Template.parse(token_url), client_id=client_id, client_secret=Text("s3cret")),
    )


async def test_an_address_in_use_is_told_and_nothing_stays_open(process: Process) -> None:
    """The listener that could be had is given back."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        port = free.getsockname()[1]
        free.close()
        process.change(listeners=(Listener(address=f"127.0.0.1:{port}"), Listener(address=address)))
        with pytest.raises(BindError, match=address):
            await Server(process.settings, logs=process.logs, reload=process.load).run()
        await asyncio.sleep(0)
        socket.create_server(("127.0.0.1", port)).close()


async def test_a_reload_changes_the_routes(process: Process) -> None:
    """For new calls at once; a call in progress ends under the old ones."""
    process.upstream.script.append(slow := Slow())
    async with process.running() as server, await process.client() as client:
        await client.send(GET)
        await slow.asked.wait()
        process.change(routes=(process.route("/b"),))
        await server.reload()
        assert [await status(process, "/a"), await status(process, "/b")] == [404, 200]
        slow.go_on.set()
        assert ((await client.answer()).status, (await client.ask(GET)).status) == (200, 404)
    assert server.config_detail()["last_reload"] == "ok"


@pytest.mark.parametrize("error", [SettingsError((Problem(None, "routes", "missing"),)), OSError("no such certificate")])
async def test_a_broken_reload_changes_nothing(process: Process, error: Exception) -> None:
    """And says so (MUSTS 23)."""
    async with process.running() as server:
        process.error = error
        await server.reload()
        assert (await status(process, "/a"), server.config_detail()["last_reload"], server.ready()) == (200, "failed", True)
        process.error = None
        await server.reload()
        assert server.config_detail()["last_reload"] == "ok"
    (told,) = process.events("config_reload_failed")
    assert told["problems"] == [str(problem) for problem in getattr(error, "problems", [error])]


async def test_what_needs_a_restart_is_said(process: Process) -> None:
    """Listeners stay as they are until then."""
    async with process.running() as server:
        process.change(listeners=(Listener(address="127.0.0.1:1"),))
        await server.reload()
        assert await status(process, "/a") == 200
    assert [line["needs_restart"] for line in process.events("config_reloaded")] == [["listeners"]]


async def test_a_hangup_reloads(process: Process) -> None:
    """SIGHUP, also several at once; a fault of ours in it is logged and ends nothing."""
    async with process.running() as server:
        process.error = RuntimeError("a fault")
        server._hung_up()
        await asyncio.gather(*(task for task in server._tasks if task.get_name() != "watch"), return_exceptions=True)
        process.error = None
        process.change(routes=(process.route("/b"),))
        server._hung_up()
        server._hung_up()
        await asyncio.gather(*server._tasks)
        assert await status(process, "/b") == 200
    assert len(process.events("internal_error")) == 1


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The files of each watch, in order; none of them changes."""
    seen: list[tuple[str, ...]] = []

    async def changes(files: tuple[str, ...], *, until: asyncio.Event) -> AsyncIterator[None]:
        seen.append(files)
        await until.wait()
        return
        yield

    monkeypatch.setattr(module, "changes", changes)
    return seen


async def test_other_files_are_watched_after_a_reload(process: Process, watched: list[tuple[str, ...]]) -> None:
    """What the new configuration was read from, not what the first one was."""
    process.change(files=("one.yaml",))
    async with process.running() as server:
        await asyncio.sleep(0)
        process.change(files=("one.yaml", "two.yaml"))
        await server.reload()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert watched == [("one.yaml",), ("one.yaml", "two.yaml")]


async def test_the_files_of_a_broken_configuration_are_watched_too(process: Process, watched: list[tuple[str, ...]]) -> None:
    """The file that is mended next may be one that only the broken configuration names."""
    process.change(files=("one.yaml",))
    async with process.running() as server:
        await asyncio.sleep(0)
        process.error = SettingsError((Problem(None, "routes", "broken"),), ("one.yaml", "new.yaml"))
        await server.reload()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert watched == [("one.yaml",), ("one.yaml", "new.yaml")]


async def unix_status(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(request("/a", headers="Connection: close\r\n"))
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.partition(b"\r\n")[0]


@pytest.mark.parametrize("left_over", [False, True])
async def test_a_unix_socket_is_served(process: Process, tmp_path: Path, left_over: bool) -> None:  # noqa: FBT001  # a column of the table
    """Also where a process that is gone left its own behind."""
    path = tmp_path / "proxy.sock"
    if left_over:
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(str(path))
    process.change(listeners=(Listener(address=f"unix:{path}"),))
    async with process.running():
        assert await unix_status(path) == b"HTTP/1.1 200 OK"


async def test_a_unix_socket_is_taken_away_unless_a_successor_has_it(process: Process, tmp_path: Path) -> None:
    """A stopped server leaves no path behind, and never removes that of the one started in its place."""
    path, other = tmp_path / "proxy.sock", tmp_path / "other.sock"
    process.change(listeners=(Listener(address=f"unix:{path}"), Listener(address=f"unix:{other}")))
    async with process.running():
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
    assert (path.exists(), other.exists()) == (True, False)


@pytest.mark.parametrize("kind", ["a file", "a listener", "a missing folder"])
async def test_nothing_else_gives_way_to_a_unix_socket(process: Process, tmp_path: Path, kind: str) -> None:
    """Neither a file of another kind nor a socket in use; both stay as they were."""
    path = tmp_path / ("none/proxy.sock" if kind == "a missing folder" else "proxy.sock")
    process.change(listeners=(Listener(address=f"unix:{path}"),))
    with socket.socket(socket.AF_UNIX) as other:
        if kind == "a listener":
            other.bind(str(path))
            other.listen()
        elif kind == "a file":
            path.write_text("precious")
        with pytest.raises(BindError):
            await Server(process.settings, logs=process.logs, reload=process.load).run()
    assert path.exists() is (kind != "a missing folder")
    assert kind != "a file" or path.read_text() == "precious"
