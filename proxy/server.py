"""Listeners, signals, reload and drain: one process from start to end.

SIGTERM lets every call in progress finish, up to `drain_timeout`; a broken reload changes nothing.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from proxy import __version__
from proxy.admin import admin_application, metrics_application
from proxy.app import App
from proxy.http.cutter import Limits
from proxy.http.listener import ClientServer
from proxy.logs import EventLog
from proxy.metrics import Metrics
from proxy.settings import SettingsError
from proxy.settings.listen import ListenAddress
from proxy.watch import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from proxy.errors import ProxyError
    from proxy.http.listener import ClientProtocol, Incoming
    from proxy.logs import Logs
    from proxy.oauth.source import Snapshot
    from proxy.settings.model import Listener, Settings

BACKLOG = 4096  # connections that wait to be accepted; the kernel's somaxconn cuts it


class BindError(Exception):
    """A listener's address cannot be had."""


class Server:
    """A running bearerd.

    Args:
        settings: the configuration to start with.
        reload: reads the configuration again; raises SettingsError.
    """

    def __init__(self, settings: Settings, *, logs: Logs, reload: Callable[[], Settings]) -> None:
        self.logs = logs
        self._reload = reload
        self.metrics = Metrics(per_route=settings.metrics.per_route if settings.metrics else True)
        self._event_log = EventLog(logs)
        self._app = App(settings, metrics=self.metrics, logs=logs, event_log=self._event_log)
        self._app.show_in(self.metrics)
        self._clients: list[ClientServer] = []
        self._sockets: list[asyncio.Server] = []
        self._runners: list[web.AppRunner] = []
        self._replaced: dict[asyncio.Task[None], App] = {}  # earlier configurations that still serve calls
        self._stop: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()  # the watcher, and reloads that a signal asked for
        self._other_files = asyncio.Event()  # a reload named other files than before
        self._listening = False
        self._draining = False
        self._last_reload: Mapping[str, object] = {"last_reload": "ok", "errors": 0}

    # what the admin side sees

    def ready(self) -> bool:
        """Configured, and every listener accepts connections."""
        return self._listening

    def draining(self) -> bool:
        """Stopping."""
        return self._draining

    def tokens(self) -> Iterable[Snapshot]:
        """Every alias's token."""
        return self._app.snapshots()

    def config_detail(self) -> Mapping[str, object]:
        """How the last load or reload ended."""
        return self._last_reload

    # from start to end

    async def run(self) -> None:
        """Serve until a signal ends it.

        Raises:
            BindError: an address is in use or not ours.
        """
        settings = self._app.settings
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        try:
            await self._listen(settings)
            for warning in settings.warnings:
                self.logs.event("warning", "config_warning", detail=warning)
            self._listening = True
            self.logs.event("info", "ready", version=__version__, routes=len(settings.routes), credentials=len(settings.credentials))
            self._begin(self._watch())
            number = await self._stop
            await self._drain(settings.drain_timeout if number == signal.SIGTERM else 0.0)
        finally:
            await self._close()

    async def reload(self) -> None:
        """Read the configuration again and swap it in; a broken one changes nothing and is told."""
        async with self._reloading:
            try:
                settings = self._reload()
                after = App(settings, metrics=self.metrics, logs=self.logs, event_log=self._event_log, before=self._app)
            except (SettingsError, OSError) as exc:
                problems = [str(problem) for problem in exc.problems] if isinstance(exc, SettingsError) else [str(exc)]
                self._last_reload = {"last_reload": "failed", "errors": len(problems), "at": round(time.time())}
                self.metrics.reloaded("failed")
                self.logs.event("error", "config_reload_failed", problems=problems)
                return
            before, self._app = self._app, after
            if before.settings.files != settings.files:
                self._other_files.set()
            after.show_in(self.metrics)
            self._last_reload = {"last_reload": "ok", "errors": 0, "at": round(time.time())}
            self.metrics.reloaded("ok")
            restart = [key for key in ("listeners", "admin", "metrics") if getattr(before.settings, key) != getattr(settings, key)]
            self.logs.event(
                "info", "config_reloaded", routes=len(settings.routes), credentials=len(settings.credentials), needs_restart=restart
            )
            ending = asyncio.create_task(before.replaced_by(after))
            self._replaced[ending] = before
            ending.add_done_callback(self._replaced.pop)

    async def _serve(self, request: Incoming) -> web.StreamResponse:
        return await self._app.handler(request)

    @property
    def _running(self) -> int:
        return sum(app.handler.running for app in (self._app, *self._replaced.values()))

    def _refuse(self, client: ClientProtocol, error: ProxyError) -> None:
        self._app.handler.refuse(client, error)

    async def _listen(self, settings: Settings) -> None:
        for listener in settings.listeners:
            await self._listen_to_callers(listener)
        await self._listen_to_operators("admin", admin_application(self), settings.admin.address)
        if settings.metrics is not None:
            await self._listen_to_operators("metrics", metrics_application(self), settings.metrics.address)

    async def _listen_to_callers(self, listener: Listener) -> None:
        limits = Limits(listener.head_timeout, listener.idle_timeout, listener.head_limit, listener.max_headers)
        clients = ClientServer(self._serve, limits, self._refuse)
        sock = _bind(listener.address)
        server = await asyncio.get_running_loop().create_server(clients, sock=sock, backlog=BACKLOG)
        self._clients.append(clients)
        self._sockets.append(server)
        self.logs.event("info", "listening", listener="proxy", address=_told(sock))

    async def _listen_to_operators(self, name: str, application: web.Application, address: str) -> None:
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        sock = _bind(address)
        await web.SockSite(runner, sock).start()
        self.logs.event("info", "listening", listener=name, address=_told(sock))

    async def _watch(self) -> None:
        """Reload on change; a reload may name other files, which are watched from then on."""
        while files := self._app.settings.files:
            self._other_files.clear()
            async for _ in changes(files, until=self._other_files):
                await self.reload()

    def _signalled(self, number: signal.Signals) -> None:
        if not self._stop.done():
            self._stop.set_result(number)

    def _hung_up(self) -> None:
        self._begin(self.reload())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failed := task.exception()) is not None:
            self.logs.event("error", "internal_error", exc_info=failed)

    async def _drain(self, seconds: float) -> None:
        """Accept no more, close idle connections, wait for calls in progress."""
        self._draining = True
        self.logs.event("info", "draining", running=self._running, seconds=seconds)
        for server in self._sockets:
            server.close()
        for clients in self._clients:
            clients.retire()
        try:
            async with asyncio.timeout(seconds):
                await self._app.handler.quiet()
                await asyncio.gather(*self._replaced)
        except TimeoutError:
            self.logs.event("warning", "drain_timeout", running=self._running, key="drain_timeout")

    async def _close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._sockets:
            server.close()
        for clients in self._clients:
            await clients.shutdown(0.1)
        for app in (self._app, *self._replaced.values()):
            await app.aclose()
        for runner in self._runners:
            await runner.cleanup()
        self.logs.event("info", "stopped")


def _bind(address: str) -> socket.socket:
    """A bound socket.

    Raises:
        BindError: the address is in use or not ours.
    """
    wanted = ListenAddress.parse(address)
    try:
        if wanted.path is not None:
            return _bind_unix(wanted.path)
        family, _, _, _, place = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return _bound(family, place)
    except OSError as exc:
        raise BindError(f"{address}: {exc.strerror or exc}") from exc


def _bind_unix(path: str) -> socket.socket:
    try:
        return _bound(socket.AF_UNIX, path)
    except OSError:
        if not _is_dead(path):
            raise
    Path(path).unlink()
    return _bound(socket.AF_UNIX, path)


def _bound(family: int, place: object) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)  # type: ignore[arg-type]  # what getaddrinfo gave, or a path
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _is_dead(path: str) -> bool:
    """Whether a Unix socket is left over from a process that is gone; a file of another kind is never taken for one."""
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _told(sock: socket.socket) -> str:
    name = sock.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"
