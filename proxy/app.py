"""The composition root: the one place that chooses parts and joins them for a configuration.

A reload builds a new App and swaps it in; what did not change is taken over, its tokens and connections too.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.addresses import bypasses_proxy
from proxy.http.active import ActiveRoute, RouteToken
from proxy.http.body import MemoryBudget
from proxy.http.handler import Handler
from proxy.http.headers import HeaderPolicy
from proxy.http.obtain import World
from proxy.http.routing import RouteTable
from proxy.http.upstream import ConnectionPool, Connector, Resolver
from proxy.http.upstream.connect import egress_of, tls_context
from proxy.oauth.endpoint import TokenEndpoint
from proxy.oauth.endpoint import tls_context as token_tls_context
from proxy.oauth.events import Fanout
from proxy.oauth.grants import fingerprint
from proxy.oauth.source import CachedTokenSource, Snapshot
from proxy.oauth.store import TokenStore
from proxy.oauth.token import TokenKey
from proxy.watch import mark

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

    from proxy.http.routing import Route
    from proxy.logs import EventLog, Logs
    from proxy.metrics import Metrics
    from proxy.oauth.credential import Credential
    from proxy.settings.model import Egress, Settings


@dataclass(frozen=True, slots=True)
class Alias:
    """One credential in service."""

    credential: Credential
    egress: Egress
    key: TokenKey
    endpoint: TokenEndpoint
    source: CachedTokenSource

    async def aclose(self) -> None:
        """End its fetches and connections."""
        await self.source.aclose()
        await self.endpoint.aclose()


@dataclass(frozen=True, slots=True)
class PoolCount:
    """A route's upstream connections now."""

    route: str
    idle: int
    active: int


class App:
    """One configuration in service.

    Raises:
        OSError: a TLS file cannot be used (ssl.SSLError is one).
    """

    def __init__(self, settings: Settings, *, metrics: Metrics, logs: Logs, event_log: EventLog, before: App | None = None) -> None:
        self.settings = settings
        self._events = Fanout(metrics, event_log)
        self.store: TokenStore = before.store if before else TokenStore(max_tokens=settings.token_store.max_tokens, clock=time.monotonic)
        self.resolver: Resolver = before.resolver if before else Resolver(time.monotonic)
        self._token_tls: ssl.SSLContext | None = None
        self._metrics = metrics
        self.marks = {file: mark(file) for file in tls_files(settings)}
        self.aliases = {alias: self._alias(credential, before) for alias, credential in settings.credentials.items()}
        self.routes = {route.name: self._route(route, before) for route in settings.routes}
        world = World(clock=time.monotonic, epoch=time.time, chance=random.random, sleep=asyncio.sleep, new_id=_new_id)
        self.handler = Handler(RouteTable(settings.routes), self.routes, metrics=metrics, logs=logs, world=world)

    @property
    def files(self) -> tuple[str, ...]:
        """Every file whose change asks for a reload."""
        return (*self.settings.files, *self.marks) if self.settings.files else ()

    def snapshots(self) -> Iterable[Snapshot]:
        """Every alias's token, for metrics, readiness and probe."""
        return [alias.source.snapshot() for alias in self.aliases.values()]

    def connections(self) -> Iterable[PoolCount]:
        """Every route's upstream connections."""
        return [PoolCount(name, active.pool.idle, active.pool.active) for name, active in self.routes.items()]

    def refusals(self) -> Mapping[str, float]:
        """Routes for which no token is fetched because of a 401, with the seconds left."""
        now = time.monotonic()
        return {name: round(active.refused_until - now, 3) for name, active in self.routes.items() if active.refused_until > now}

    def show_in(self, metrics: Metrics) -> None:
        """Let metrics tell of this configuration's routes and aliases, and of no others."""
        metrics.keep(self.routes, self.aliases)
        for alias in self.aliases:
            metrics.alias(alias)
        for name in self.routes:
            metrics.route(name)
        metrics.watch_tokens(self.snapshots)
        metrics.watch_connections(self.connections)

    def end_cool_downs(self) -> None:
        """Let the next call of each alias ask its endpoint again."""
        for alias in self.aliases.values():
            alias.source.end_cool_down()

    async def replaced_by(self, after: App) -> None:
        """End what the next configuration did not take over, once no call of this one is being served."""
        await self.handler.quiet()
        kept = {id(active) for active in after.routes.values()}
        for active in self.routes.values():
            if id(active) not in kept:
                active.pool.close()
        sources = {id(alias) for alias in after.aliases.values()}
        for alias in self.aliases.values():
            if id(alias) not in sources:
                await alias.aclose()

    async def aclose(self) -> None:
        """End every fetch and connection."""
        for active in self.routes.values():
            active.pool.close()
        for alias in self.aliases.values():
            await alias.aclose()

    def _alias(self, credential: Credential, before: App | None) -> Alias:
        egress = self.settings.egress
        known = before.aliases.get(credential.alias) if before else None
        if known is not None and known.credential == credential and known.egress == egress and self._same_files(before, egress.ca):
            return known
        if self._token_tls is None:
            self._token_tls = token_tls_context(egress.ca)
        endpoint = TokenEndpoint(
            credential,
            tls=self._token_tls,
            proxy=egress.proxy,
            no_proxy=egress.no_proxy,
            clock=time.monotonic,
            wall=time.time,
            chance=random.random,
        )
        key = TokenKey(fingerprint(credential.alias, credential.grant))
        source = CachedTokenSource(
            credential.alias,
            key,
            endpoint.fetch,
            self.store,
            self._events,
            clock=time.monotonic,
            wall=time.time,
            chance=random.random,
            secret_version=endpoint.secret_version,
        )
        return Alias(credential, egress, key, endpoint, source)

    def _route(self, route: Route, before: App | None) -> ActiveRoute:
        egress = self.settings.egress
        known = before.routes.get(route.name) if before else None
        token = self._route_token(route)
        same = (
            known is not None and known.route == route and known.token == token and before is not None and before.settings.egress == egress
        )
        if known is not None and same and self._same_files(before, egress.ca, route.tls.ca, route.tls.cert, route.tls.key):
            return known
        way_out = egress_of(route, egress.proxy)
        if way_out is not None and bypasses_proxy(route.upstream.host, egress.no_proxy):
            way_out = None
        connector = Connector(route, resolver=self.resolver, context=tls_context(route, egress.ca), egress=way_out)
        return ActiveRoute(
            route=route,
            headers=HeaderPolicy.of(route),
            pool=ConnectionPool(connector, route.pool, clock=time.monotonic, name=route.name, wait=route.timeout.response),
            memory=MemoryBudget(route.replay.memory_total),
            metrics=self._metrics.route(route.name),
            token=token,
        )

    def _same_files(self, before: App | None, *files: str | None) -> bool:
        """Whether these files hold what they held when `before` read them."""
        return before is not None and all(self.marks[file] == before.marks.get(file) for file in files if file is not None)

    def _route_token(self, route: Route) -> RouteToken | None:
        if route.credential == "none":
            return None
        alias = self.aliases[route.credential]
        return RouteToken(alias.credential.alias, alias.source, alias.key, tuple(alias.credential.grant.scope))


def tls_files(settings: Settings) -> tuple[str, ...]:
    """The CA, certificate and key files that a configuration names; a new content is a new configuration."""
    named = [settings.egress.ca, *(file for route in settings.routes for file in (route.tls.ca, route.tls.cert, route.tls.key))]
    return tuple(dict.fromkeys(file for file in named if file is not None))


def _new_id() -> str:
    return f"{random.getrandbits(64):016x}"  # a name for a request, no secret
