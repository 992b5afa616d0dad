"""Everything that the demonstration runs: authorization server, API, bearerd and the application.

The two servers live on an event loop in a thread of their own; whatever happens, all of it ends with the stage.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from proxy.cli.demonstration import configuration
from proxy.cli.demonstration.api import API
from proxy.cli.demonstration.application import Application
from proxy.cli.demonstration.authorization_server import AuthorizationServer, Client
from proxy.cli.demonstration.process import Process, refused

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

LONG = 3600  # seconds that a token lives
SHORT = 5
SLOW = 0.4  # seconds that the token endpoint takes for the short-lived tokens: a call that waited would show
PATIENCE = 10.0  # seconds for one thing that the servers are asked to do


class Count(NamedTuple):
    """What was counted where it happened: at the authorization server, at the API, at the application."""

    token_requests: int
    api_calls: int
    calls: int

    def since(self, before: Count) -> Count:
        """What came after `before`."""
        return Count(*(now - then for now, then in zip(self, before, strict=True)))


class _Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demonstration", daemon=True)
        self._thread.start()

    def do(self, what: Coroutine[object, object, T]) -> T:
        """Run it there; its result."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    def end(self) -> None:
        """End the loop and its thread."""
        self.do(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


class Stage:
    """The parts, while they run.

    Args:
        lifetime: seconds that the shop's tokens live.

    Raises:
        NotStartedError: on entry, bearerd did not start.
        OSError: on entry, no free port or no room for temporary files.
    """

    folder: Path
    server: AuthorizationServer
    api: API
    bearerd: Process
    application: Application

    def __init__(self, *, lifetime: int = LONG) -> None:
        self._shop = Client("shop-app", frozenset({"orders.read", "orders.write", "invoices.read"}), lifetime=lifetime)
        self._ticker = Client("ticker-app", frozenset({"prices.read"}), "client_secret_post", lifetime=SHORT, delay=SLOW)
        self._checker = Client("shop-api")
        self._loop = _Loop()
        self._parts = ExitStack()
        self._applications: list[Application] = []

    def __enter__(self) -> Self:
        try:
            self._enter()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _enter(self) -> None:
        self.folder = Path(self._parts.enter_context(tempfile.TemporaryDirectory(prefix="bearerd-demo-")))
        self.server = AuthorizationServer([self._shop, self._ticker, self._checker])
        self._parts.callback(lambda: self._loop.do(self.server.stop()))
        self._loop.do(self.server.start())
        self.api = API(self.server, self._checker)
        self._parts.callback(lambda: self._loop.do(self.api.__aexit__()))
        self._loop.do(self.api.__aenter__())
        environment = self._configure(self.folder)
        self.bearerd = self._parts.enter_context(Process(self.folder, environment))
        self.application = self.application_for(self.bearerd.url)

    def _end(self) -> None:
        try:
            self._parts.close()
        finally:
            self._loop.end()

    @property
    def shop_client(self) -> str:
        """The client id by which the authorization server knows the shop."""
        return self._shop.id

    def application_for(self, origin: str) -> Application:
        """An application that calls `origin`; its calls count with the others."""
        application = Application(origin)
        self._parts.callback(application.close)
        self._applications.append(application)
        return application

    def count(self) -> Count:
        """What was counted until now."""
        calls = sum(application.calls for application in self._applications)
        return Count(self.server.token_requests, len(self.api.calls), calls)

    def revoke(self) -> None:
        """Every token of the shop ends now, at the authorization server's console."""
        console = Application(self.server.url)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        console.call("POST", "/console/revoke", f"client_id={self._shop.id}".encode(), form)
        console.close()

    def metrics(self) -> str:
        """bearerd's /metrics."""
        operator = Application(self.bearerd.admin_url)
        page = operator.get("/metrics").body.decode()
        operator.close()
        return page

    def end_authorization_server(self) -> None:
        """Let it refuse every connection."""
        self._loop.do(self.server.stop())

    def restart_authorization_server(self) -> None:
        """Let it serve again, at the same place."""
        self._loop.do(self.server.start())

    def start_with(self, alias: str) -> tuple[int, str]:
        """Exit status and standard error of a bearerd whose first route asks for `alias`.

        Raises:
            NotStartedError: it did not refuse.
        """
        folder = self.folder / "wrong-alias"
        return refused(folder, self._configure(folder, alias))

    def _configure(self, folder: Path, alias: str = "shop") -> dict[str, str]:
        return configuration.write(folder, api=self.api, server=self.server, shop=self._shop, ticker=self._ticker, alias=alias)
