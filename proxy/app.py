"""The composition root: the one place that chooses parts and joins them for a configuration.

A reload builds a new App and swaps it in; what did not change is taken over, its tokens and connections too.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from proxy.http.active import ActiveRoute, RouteToken
from proxy.http.body import MemoryBudget
from proxy.http.handler import Handler
from proxy.http.inject import Injected
from proxy.http.obtain import World
from proxy.http.opening import Opening
from proxy.http.routing import RouteTable
from proxy.http.upstream import Resolver
from proxy.oauth.endpoint import TokenEndpoint
from proxy.oauth.events import Fanout, Snapshot
from proxy.oauth.options import TokenRequestOptions
from proxy.oauth.refreshing import Refreshable
from proxy.oauth.signing.signer import KeySigner
from proxy.oauth.source import CachedTokenSource
from proxy.oauth.store import TokenStore
from proxy.oauth.transport import TokenTransport
from proxy.oauth.walk import presented
from proxy.parts import bound, files_of, injected_names, key_of, tls_files, used
from proxy.trust import Trust
from proxy.watch import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxy.egress import Egress
    from proxy.http.headers import HeaderPolicy
    from proxy.http.routing import Route
    from proxy.logs import EventLog, Logs
    from proxy.metrics import Metrics
    from proxy.oauth.credential import Credential
    from proxy.oauth.grants import Grant
    from proxy.oauth.token import Token, TokenKey
    from proxy.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Alias:
    """One credential in service."""

    credential: Credential
    egress: Egress
    key: TokenKey
    endpoint: TokenEndpoint
    source: CachedTokenSource

    async def finish(self) -> None:
        """Let its fetches land, each within its timeout, and end its connections."""
        await self.source.finish()
        await self.endpoint.aclose()

    async def aclose(self) -> None:
        """End its fetches and connections."""
        await self.source.aclose()
        await self.endpoint.aclose()


class Others:
    """The tokens of other aliases, for grants that need one; of the configuration in service, also for those taken over from the last."""

    def __init__(self) -> None:
        self.aliases: Mapping[str, Alias] = {}

    async def token(self, alias: str) -> Token:
        return await self.aliases[alias].source.token(self.aliases[alias].key)

    def refused(self, alias: str, token: Token) -> None:
        self.aliases[alias].source.discard(self.aliases[alias].key, token, "refused")


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
        self._metrics = metrics
        self.others: Others = before.others if before else Others()
        self.signer: KeySigner = before.signer if before else KeySigner(wall=time.time, unique=_unguessable)
        self._trust = Trust()  # of this configuration's files as they are now
        self._policies: dict[HeaderPolicy, HeaderPolicy] = {}  # equal ones are one: what is sent under one is sent under both
        self.marks = {file: mark(file) for file in tls_files(settings)}
        named = injected_names(settings.routes)
        self.aliases = {alias: self._alias(used(said, named), before) for alias, said in settings.credentials.items()}
        self._tokens = {alias: route_token(built) for alias, built in self.aliases.items()}
        self.routes = {route.name: self._route(route, before) for route in settings.routes}
        self.signer.keep({alias.key.family for app in filter(None, (before, self)) for alias in app.aliases.values()})
        self.others.aliases = self.aliases  # last: a configuration that cannot be built leaves the one before it whole
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
        return [PoolCount(name, *active.connections) for name, active in self.routes.items()]

    def refusals(self) -> Mapping[str, float]:
        """Routes for which no token is fetched because of a 401, with the seconds left."""
        now = time.monotonic()
        return {name: round(active.refusing_until - now, 3) for name, active in self.routes.items() if active.refusing_until > now}

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
                active.close()
        sources = {id(alias) for alias in after.aliases.values()}
        await asyncio.gather(*(alias.finish() for alias in self.aliases.values() if id(alias) not in sources))

    async def aclose(self) -> None:
        """End every fetch and connection."""
        for active in self.routes.values():
            active.close()
        for alias in self.aliases.values():
            await alias.aclose()

    def _alias(self, credential: Credential, before: App | None) -> Alias:
        egress = self.settings.egress
        known = before.aliases.get(credential.alias) if before else None
        same = known is not None and known.credential == credential and known.egress == egress
        files = files_of(credential.endpoint.token_request.tls) if credential.endpoint else ()
        key = key_of(credential, self.marks)
        if known is not None and same and known.key == key and self._same_files(before, egress.ca, *files):
            return known
        endpoint = self._endpoint(credential)
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
            rules=credential.grant.lifetime if credential.endpoint else None,
            in_turn=partial(_in_turn, credential.grant, self.store),
        )
        return Alias(credential, egress, key, endpoint, source)

    def _endpoint(self, credential: Credential) -> TokenEndpoint:
        egress = self.settings.egress
        said = credential.endpoint.token_request if credential.endpoint else TokenRequestOptions()
        transport = TokenTransport(
            credential.alias,
            tls=self._trust.context(said.tls, egress.ca),
            server_name=said.tls.server_name,
            egress=egress,
            own=said.proxy,
            allow_link_local=credential.grant.allow_link_local,
            allow_plaintext=credential.grant.allow_plaintext,
        )
        return TokenEndpoint(
            credential,
            transport,
            store=self.store,
            others=self.others,
            signer=self.signer,
            clock=time.monotonic,
            wall=time.time,
            chance=random.random,
            unique=_unguessable,
            on_next_secret=self._events.next_secret_used,
        )

    def _route(self, said: Route, before: App | None) -> ActiveRoute:
        egress, route = self.settings.egress, bound(said, self.settings.credentials.get(said.credential))
        known = before.routes.get(route.name) if before else None
        token = None if route.credential == "none" else self._tokens[route.credential]
        same = (
            known is not None and known.route == route and known.token == token and before is not None and before.settings.egress == egress
        )
        if known is not None and same and self._same_files(before, egress.ca, *files_of(route.tls)):
            return known
        opened = Opening(self.resolver, egress, token.presented if token else (), self._trust, self._policies)
        return ActiveRoute(
            own=opened(route),
            opened=opened,
            injected=Injected.of(route, epoch=time.time, unique=_unguessable),
            memory=MemoryBudget(route.replay.memory_total),
            metrics=self._metrics.route(route.name),
            token=token,
        )

    def _same_files(self, before: App | None, *files: str | None) -> bool:
        """Whether these files hold what they held when `before` read them."""
        return before is not None and all(self.marks[file] == before.marks.get(file) for file in files if file is not None)


def _in_turn(grant: Grant, store: TokenStore, key: TokenKey) -> bool:
    """Whether the key's next fetch uses a refresh token: two at once would show the server the same one."""
    return isinstance(grant, Refreshable) and grant.refreshes(store.refresh_token(key))


def route_token(alias: Alias) -> RouteToken:
    """Where a route with this alias has its tokens from."""
    said, options = alias.credential, presented(alias.credential.grant)
    return RouteToken(said.alias, alias.source, alias.key, said.scope, tuple(options), options)


def _unguessable() -> str:
    return secrets.token_urlsafe(16)


def _new_id() -> str:
    return f"{random.getrandbits(64):016x}"  # a name for a request, no secret
