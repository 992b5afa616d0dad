"""The walk of a request in one process: raw client, listener, handler, raw upstream; the token source is the test's."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest
import uvloop

from proxy.egress import Egress
from proxy.http.active import ActiveRoute, RouteToken
from proxy.http.address import UpstreamURL
from proxy.http.body import MemoryBudget
from proxy.http.cutter import Limits
from proxy.http.express import ExpressServer
from proxy.http.handler import Handler
from proxy.http.inject import Injected
from proxy.http.listener import ClientServer
from proxy.http.obtain import World
from proxy.http.opening import Opening
from proxy.http.routing import Route, RouteTable
from proxy.http.upstream import Resolver
from proxy.logs import Logs
from proxy.metrics import Metrics
from proxy.oauth.token import Token, TokenKey
from tests.clients.raw import RawClient
from tests.fakes.raw import RawUpstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from proxy.oauth.events import DiscardReason

KEY = TokenKey("fingerprint")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops for a module that says BOTH_LOOPS: where transports are handled by hand, they are not alike."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if isinstance(item, pytest.Function) and getattr(item.module, "BOTH_LOOPS", False):
        loops["uvloop"] = uvloop.new_event_loop
    return loops


class Tokens:
    """A TokenSource whose tokens are numbered; a new one comes when the gate is open."""

    def __init__(self) -> None:
        self.fetches = 0
        self.current: Token | None = None
        self.replayable: list[bool] = []
        self.discards: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.keys: list[TokenKey] = []
        self.placed: dict[str, Any] = {}  # what a token holds beside or in place of its Authorization

    async def token(self, key: TokenKey, *, replayable: bool = True) -> Token:
        self.keys.append(key)
        self.replayable.append(replayable)
        if self.current is None:
            await self.gate.wait()
            self.fetches += 1
            now = time.monotonic()
            value = f"t{self.fetches}"
            placed = {"headers": ((b"Authorization", f"Bearer {value}".encode()),), **self.placed}
            self.current = Token(value, now, now + 3600, now + 3600, now + 3600, **placed)
        return self.current

    def discard(self, _key: TokenKey, refused: Token, reason: DiscardReason) -> bool:
        self.discards.append(reason)
        if self.current is not refused:
            return False
        self.current = None
        return True

    def peek(self, _key: TokenKey, _now: float) -> Token | None:
        return self.current


@dataclass
class Walk:
    """bearerd's data path with one route at `/`, on loopback."""

    upstream: RawUpstream
    tokens: Tokens
    limits: Limits = field(default_factory=lambda: Limits(head_timeout=10, idle_timeout=75, head_limit=4096, max_headers=20))
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[bytes] = field(default_factory=list)
    port: int = 0
    presented: tuple[str, ...] = ()
    lane: str = "ordinary"
    resolver: Resolver = field(default_factory=lambda: Resolver(time.monotonic))
    level: Literal["info", "error"] = "info"  # of the event lines
    clock: Callable[[], float] = time.monotonic
    sleeps: list[float] = field(default_factory=list)
    unhandled: list[dict[str, Any]] = field(default_factory=list)

    async def start(self, **facts: Any) -> Walk:
        """Listen; `facts` are the route's."""
        facts.setdefault("credential", "none")
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        route = Route(prefix="/", upstream=UpstreamURL.parse(self.upstream.url), name="r", **facts)
        metrics = self.metrics = Metrics()
        self.logs = Logs(self.lines.append, level=self.level)
        opened = Opening(self.resolver, Egress(), self.presented)
        self.active = ActiveRoute(
            own=opened(route),
            opened=opened,
            injected=Injected.of(route, epoch=lambda: 1700000000.0, unique=lambda: "unique-1"),
            memory=MemoryBudget(route.replay.memory_total),
            metrics=metrics.route("r"),
            token=RouteToken("crm", self.tokens, KEY, ("api",), self.presented) if route.credential != "none" else None,
        )
        world = World(clock=self.clock, epoch=time.time, chance=lambda: 0.0, sleep=self._sleep, new_id=lambda: "id-1")
        self.handler = Handler(RouteTable([route]), {"r": self.active}, metrics=metrics, logs=self.logs, world=world)
        ordinary = self.ordinary = ClientServer(self.handler.serve, self.limits, self.handler.refuse)
        express = ExpressServer(ordinary, self.limits, lambda: self.handler, clock=self.clock) if self.lane == "express" else None
        self.clients = express or ordinary
        self.server = await loop.create_server(self.clients, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if not self.port:
            return
        self.server.close()
        await self.clients.shutdown(0.1)
        self.active.close()
        self.logs.close()
        for _ in range(5):
            await asyncio.sleep(0)
        assert self.unhandled == []

    async def client(self) -> RawClient:
        return await RawClient.open(self.port)

    async def quiet(self) -> None:
        """Every call is over."""
        async with asyncio.timeout(5):
            await self.handler.quiet()

    async def asked(self, count: int = 1) -> None:
        """So many requests have reached the upstream."""
        async with asyncio.timeout(5):
            while len(self.upstream.requests) < count:  # noqa: ASYNC110  # the fake has no event to wait for
                await asyncio.sleep(0.005)

    async def paused(self) -> None:
        """A caller's connection is not read for now."""
        async with asyncio.timeout(10):
            while not any(self._seen("_reading_paused", "_reading_held")):  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)

    async def begun(self, turns: int) -> None:
        """A request was cut from a caller's bytes so many turns of the loop ago."""
        while not any(self._seen("cutter.busy", "_busy")):  # noqa: ASYNC110  # turns count
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)

    def connection(self) -> asyncio.Protocol:
        """The only caller's, which no other protocol has for now."""
        (protocol,) = self.clients.fronts if isinstance(self.clients, ExpressServer) else self.clients.connections
        return cast("asyncio.Protocol", protocol)

    def _seen(self, ordinary: str, express: str) -> Iterator[bool]:
        """An attribute of every connection, by its name in each lane."""
        for client in self.ordinary.connections:
            yield attrgetter(ordinary)(client)
        if isinstance(self.clients, ExpressServer):
            yield from map(attrgetter(express), self.clients.fronts)

    def access(self) -> list[dict[str, Any]]:
        """The access lines so far; no more are written."""
        return self.told("access")

    def metric(self, name: str, **labels: str) -> float:
        """A series of the route, as it is shown."""
        return self.metrics.registry.get_sample_value(name, {"route": "r", **labels}) or 0

    def told(self, event: str) -> list[dict[str, Any]]:
        """The lines of this event so far; no more are written."""
        self.logs.close()
        return [line for line in map(json.loads, b"".join(self.lines).splitlines()) if line["event"] == event]

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def walk(lane: str) -> AsyncIterator[Walk]:
    async with RawUpstream() as upstream:
        walk = Walk(upstream, Tokens(), lane=lane)
        yield walk
        await walk.stop()
