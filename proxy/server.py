"""Listeners, signals, reload and drain: one process from start to end.

SIGTERM lets every call in progress finish, up to `drain_timeout`; a broken reload changes nothing.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Literal

from aiohttp import web

from proxy import __version__
from proxy.admin import admin_application, metrics_application
from proxy.app import App
from proxy.http.cutter import Limits
from proxy.http.express import ExpressServer
from proxy.http.listener import ClientServer
from proxy.logs import EventLog
from proxy.metrics import Metrics
from proxy.settings import SettingsError
from proxy.settings.places import Places
from proxy.sockets import Place, bind
from proxy.watch import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from proxy.errors import ProxyError
    from proxy.http.call import Client, Incoming
    from proxy.logs import Logs
    from proxy.oauth.events import Snapshot
    from proxy.settings.model import Listener, Settings

FIXED = ("listeners", "admin", "metrics", "express", "log", "token_store")  # what a reload cannot change
BACKLOG = 4096  # connections that wait to be accepted; the kernel's somaxconn cuts it


class Server:
    """A running bearerd.

    Args:
        settings: the configuration to start with.
        reload: reads the configuration again; raises SettingsError.
    """

    def __init__(self, settings: Settings, *, logs: Logs, reload: Callable[[], Settings]) -> None:
        self.logs = logs
        logs.locate_by(Places(settings.files).tell)
        self._reload = reload
        self.metrics = Metrics(per_route=settings.metrics.per_route if settings.metrics else True)
        self._event_log = EventLog(logs)
        self._app = App(settings, metrics=self.metrics, logs=logs, event_log=self._event_log)
        self._app.show_in(self.metrics)
        self._started = settings
        self._clients: list[ClientServer | ExpressServer] = []
        self._sockets: list[asyncio.Server] = []
        self._places: list[Place] = []
        self._runners: list[web.AppRunner] = []
        self._replaced: dict[asyncio.Task[None], App] = {}  # earlier configurations that still serve calls
        self._stop = asyncio.Event()  # a signal asked for the end
        self._at_once = asyncio.Event()  # and for no waiting
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()  # the watcher, and reloads that a signal asked for
        self._other_files = asyncio.Event()  # other files than before may have to be watched
        self._files: tuple[str, ...] = ()
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

    def refusals(self) -> Mapping[str, float]:
        """Routes whose API refused a new token, with the seconds left."""
        return self._app.refusals()

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
            await self._stop.wait()
            await self._drain(self._app.settings.drain_timeout)
        finally:
            await self._close()

    async def reload(self) -> None:
        """Read the configuration again and swap it in; a broken one changes nothing and is told."""
        async with self._reloading:
            try:
                settings = await asyncio.to_thread(self._reload)  # with very many routes it takes a second
                after = App(settings, metrics=self.metrics, logs=self.logs, event_log=self._event_log, before=self._app)
            except (SettingsError, OSError) as exc:
                problems = [str(problem) for problem in exc.problems] if isinstance(exc, SettingsError) else [str(exc)]
                self._last_reload = {"last_reload": "failed", "errors": len(problems), "at": round(time.time())}
                self.metrics.reloaded("failed")
                self.logs.event("error", "config_reload_failed", problems=problems)
                self._watch_also(exc.files if isinstance(exc, SettingsError) else ())
                return
            before, self._app = self._app, after
            self.logs.locate_by(Places(settings.files).tell)
            self._watch_also(())
            after.show_in(self.metrics)
            self.metrics.reloaded("ok")
            restart = [key for key in FIXED if getattr(self._started, key) != getattr(settings, key)]
            self._last_reload = {"last_reload": "ok", "errors": 0, "at": round(time.time()), "needs_restart": restart}
            level: Literal["info", "warning"] = "warning" if restart else "info"
            self.logs.event(
                level, "config_reloaded", routes=len(settings.routes), credentials=len(settings.credentials), needs_restart=restart
            )
            for warning in settings.warnings:
                self.logs.event("warning", "config_warning", detail=warning)
            after.end_cool_downs()
            ending = asyncio.create_task(self._end(before, after, tuple(self._replaced)))
            self._replaced[ending] = before
            ending.add_done_callback(self._replaced.pop)

    async def _end(self, before: App, after: App, earlier: tuple[asyncio.Task[None], ...]) -> None:
        """End a configuration behind those before it: they may still use what it took over from them."""
        await asyncio.gather(*earlier, return_exceptions=True)
        await before.replaced_by(after)

    async def _serve(self, request: Incoming) -> bool:
        return await self._app.handler.serve(request)

    @property
    def _running(self) -> int:
        return sum(app.handler.running for app in (self._app, *self._replaced.values()))

    def _refuse(self, client: Client, error: ProxyError) -> None:
        self._app.handler.refuse(client, error)

    async def _listen(self, settings: Settings) -> None:
        for index, listener in enumerate(settings.listeners):
            await self._listen_to_callers(listener, f"listeners[{index}].address")
        await self._listen_to_operators("admin", admin_application(self), settings.admin.address)
        if settings.metrics is not None:
            await self._listen_to_operators("metrics", metrics_application(self), settings.metrics.address)

    async def _listen_to_callers(self, listener: Listener, key: str) -> None:
        limits = Limits(listener.head_timeout, listener.idle_timeout, listener.head_limit, listener.max_headers)
        ordinary = ClientServer(self._serve, limits, self._refuse)
        clients = ExpressServer(ordinary, limits, lambda: self._app.handler) if self._started.express else ordinary
        sock = bind(listener.address, key)
        server = await asyncio.get_running_loop().create_server(clients, sock=sock, backlog=BACKLOG)
        self._clients.append(clients)
        self._sockets.append(server)
        self._tell_listening("proxy", Place.of(sock))

    async def _listen_to_operators(self, name: str, application: web.Application, address: str) -> None:
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        sock = bind(address, f"{name}.address")
        await web.SockSite(runner, sock).start()
        self._tell_listening(name, Place.of(sock))

    def _tell_listening(self, listener: str, place: Place) -> None:
        self._places.append(place)
        self.logs.event("info", "listening", listener=listener, address=place.address)

    async def _watch(self) -> None:
        """Reload on change; a reload may name other files, which are watched from then on."""
        self._files = self._app.files
        while self._files:
            self._other_files.clear()
            async for _ in changes(self._files, until=self._other_files):
                await self.reload()

    def _watch_also(self, broken: tuple[str, ...]) -> None:
        """After a reload: the files of the running configuration, and those of one that is broken, since one of them will mend it."""
        files = tuple(dict.fromkeys((*self._app.files, *broken)))
        if files != self._files:
            self._files = files
            self._other_files.set()

    def _signalled(self, number: signal.Signals) -> None:
        if number == signal.SIGINT:
            self._at_once.set()
        self._stop.set()

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
        self.logs.event("info", "draining", running=self._running, seconds=0.0 if self._at_once.is_set() else seconds)
        for server in self._sockets:
            server.close()
        for clients in self._clients:
            clients.retire()
        waits = {asyncio.create_task(self._quiet()), asyncio.create_task(self._at_once.wait())}
        _, left = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in left:
            wait.cancel()
        if self._running:
            self.logs.event("warning", "drain_timeout", running=self._running, key="drain_timeout")

    async def _quiet(self) -> bool:
        """Wait until no configuration serves a call."""
        for app in (self._app, *self._replaced.values()):
            await app.handler.quiet()
        return True

    async def _close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._sockets:
            server.close()
        for clients in self._clients:
            await clients.shutdown(0.1)
        for place in self._places:
            place.release()
        for app in (self._app, *self._replaced.values()):
            await app.aclose()
        for runner in self._runners:
            await runner.cleanup()
        self.logs.event("info", "stopped")
