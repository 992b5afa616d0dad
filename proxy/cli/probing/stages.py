"""The calls of a probe: a new token from each alias's endpoint, then one GET on the way that the proxy takes to the API.

The parts are the App's own, with nothing cached; one attempt each, so that what fails is seen.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp.streams import EMPTY_PAYLOAD

from proxy import __version__
from proxy.app import App, route_token
from proxy.cli.probing.checks import Check, after_silence, of_failure, of_token
from proxy.cli.probing.diagnosis import Failure, Sent, judged
from proxy.errors import DeadlineExceededError, ProxyError, SubjectTokenMissingError, TokenError
from proxy.http.attempt import AttemptFailedError, attempt
from proxy.http.body import MemoryBudget, RequestBody
from proxy.http.headers import Caller, replace_query
from proxy.http.obtain import says_expired
from proxy.http.routing import request_line
from proxy.http.wire import NO_BODY, RequestHead
from proxy.logs import EventLog, Logs
from proxy.metrics import Metrics
from proxy.oauth.quoting import forms
from proxy.oauth.walk import secrets_of, told_openly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.app import Alias
    from proxy.cli.probing.targets import Target
    from proxy.http.active import ActiveRoute
    from proxy.http.attempt import Answer
    from proxy.http.routing import Route
    from proxy.http.wire import Headers, ResponseHead
    from proxy.oauth.credential import Credential
    from proxy.oauth.token import Token, TokenState
    from proxy.settings.model import Settings

AT_ONCE = 8  # calls of a stage that run side by side


@dataclass(frozen=True, slots=True)
class Minted:
    """The token stage of one alias; exactly one of `token` and `failure` is there.

    `asked` is False where the token is made of a caller's own and none was presented: no failure, since nothing was tried.
    """

    credential: Credential
    state: TokenState
    seconds: float
    token: Token | None
    failure: Failure | None
    checks: tuple[Check, ...] = ()
    asked: bool = True
    callers: tuple[str, ...] = field(default=(), repr=False)  # what was presented

    @property
    def ok(self) -> bool | None:
        """Whether there is a token; None: nobody was asked for one."""
        return self.token is not None if self.asked else None

    @property
    def static(self) -> bool:
        """Whether the credential is sent as it is, so that nothing of a token endpoint can be told."""
        return self.credential.endpoint is None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no report may hold: the token, its parts, how it is sent, and every form of the credential's secrets."""
        grant = self.credential.grant
        names = {str(getattr(grant, name, "")) for name in ("client_id", "username")}
        plain = told_openly(grant)
        kept = [part for secret in secrets_of(grant) if secret not in plain for part in (secret, secret.after) if part]
        said = [form for value in dict.fromkeys(part.known() for part in kept) if value for name in names for form in forms(name, value)]
        return tuple(filter(None, (*_parts(self.token), *said, *_of_callers(self.callers))))


def _of_callers(shown: Sequence[str]) -> Iterator[str]:
    for value in shown:
        token = value.rpartition(" ")[2]  # without the scheme before it
        yield from (value, token, *token.split("."))


def _parts(token: Token | None) -> tuple[str, ...]:
    if token is None:
        return ()
    sent = [value.decode("latin-1") for _, value in token.headers] + [value for _, value in token.query]
    return (token.value, *token.value.split("."), *sent, token.refresh_token or "")


@dataclass(frozen=True, slots=True)
class Called:
    """The API stage of one route; `status` is None where no answer came."""

    status: int | None
    seconds: float
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one target; a stage that did not run is None."""

    target: Target
    minted: Minted | None
    called: Called | None


class OwnRequest:
    """A GET of `probe.path` at the upstream's origin, as an attempt sends it."""

    method = "GET"

    def __init__(self, active: ActiveRoute, path: str) -> None:
        route = active.route
        self._path = path.encode("ascii")
        self.query: bytes | None = None
        headers = ((b"Accept", b"*/*"), (b"User-Agent", f"bearerd/{__version__}".encode("ascii")))
        self.head = RequestHead(b"GET", self._path, 1, headers, NO_BODY)
        self.request_line = request_line(b"GET", self._path, replace_query(b"", active.injected.query) or None)
        self.body = RequestBody(EMPTY_PAYLOAD, NO_BODY, options=route.replay, budget=MemoryBudget(0), keep=False, idle=route.timeout.idle)
        self.caller = Caller("http", b"", "127.0.0.1")

    def path_at(self, _route: Route) -> bytes:
        """The same at every upstream: `probe.path` begins at its root."""
        return self._path

    def continue_expected(self) -> None:
        """Nobody waits: there is no body."""

    async def pass_interim(self, head: ResponseHead) -> None:
        """Nobody asked for it."""


async def probe(settings: Settings, targets: Sequence[Target], callers: Headers = ()) -> list[Result]:
    """What came of each target, in order; `callers` are the headers in which a caller shows its own token.

    Raises:
        OSError: a TLS file cannot be used.
    """
    logs = Logs(len, level="error", access=False)  # what is written is dropped: the report tells everything
    try:
        app = App(settings, metrics=Metrics(), logs=logs, event_log=EventLog(logs))
        try:
            return await _probe(app, targets, callers)
        finally:
            await app.aclose()
    finally:
        logs.close()


async def _probe(app: App, targets: Sequence[Target], callers: Headers) -> list[Result]:
    room = asyncio.Semaphore(AT_ONCE)
    aliases = list(dict.fromkeys(target.alias for target in targets if target.alias is not None))
    stages = await asyncio.gather(*(_mint(app.aliases[alias], room, callers) for alias in aliases))
    minted = dict(zip(aliases, stages, strict=True))
    return list(await asyncio.gather(*(_result(app, target, minted.get(target.alias or ""), room) for target in targets)))


async def _mint(alias: Alias, room: asyncio.Semaphore, callers: Headers) -> Minted:
    try:
        key = route_token(alias).key_of(callers)
    except SubjectTokenMissingError as exc:
        return Minted(alias.credential, alias.source.snapshot().state, 0.0, None, Failure.of(exc), asked=False)
    async with room:
        began = time.monotonic()
        token, failure = None, None
        checks: tuple[Check, ...] = ()
        try:
            token = await alias.source.token(key)
            checks = of_token(token, alias.credential.grant.lifetime, time.time()) if alias.credential.endpoint else ()
        except TokenError as exc:
            at = None if _proxied(alias) else await after_silence(exc)
            failure, checks = Failure.of(exc), of_failure(exc, at, url=_url(alias))
        state = "fresh" if token is not None and key.subject else alias.source.snapshot().state
        shown = tuple(key.presented.values())
        return Minted(alias.credential, state, time.monotonic() - began, token, failure, checks, callers=shown)


def _url(alias: Alias) -> str:
    """Where the credential's first request goes, as far as it is written down."""
    said = alias.credential.endpoint
    if said is None:
        return ""
    return said.issuer or (said.token_url.source if said.token_url else "")


def _proxied(alias: Alias) -> bool:
    """Whether the way to the token endpoint may be another's to go."""
    said = alias.credential.endpoint
    return alias.egress.proxy is not None or (said is not None and said.token_request.proxy is not None)


async def _result(app: App, target: Target, minted: Minted | None, room: asyncio.Semaphore) -> Result:
    path = target.route.probe.path if target.route else None
    if target.route is None or path is None or (minted is not None and minted.token is None):
        return Result(target, minted, None)
    async with room:
        return Result(target, minted, await _call(app.routes[target.route.name], path, minted))


async def _call(active: ActiveRoute, path: str, minted: Minted | None) -> Called:
    began = time.monotonic()
    status, failure = None, None
    token = minted.token if minted else None
    sent = Sent(active.route, minted.credential if minted else None, token, minted.secrets if minted else ())
    try:
        async with asyncio.timeout(active.route.timeout.total):
            answer = await _answer(OwnRequest(active, path), active, token)
            try:
                status = answer.head.status
                expired = token is not None and await says_expired(answer, active.route.expired_when)
                said = judged(answer.head, sent, expired=expired)
                failure = Failure(said) if said else None
            finally:
                await answer.dispose()
    except AttemptFailedError as exc:
        failure = Failure.of(exc.error)
    except ProxyError as exc:
        failure = Failure.of(exc)
    except TimeoutError:
        failure = Failure.of(DeadlineExceededError("no answer within timeout.total", key=f"routes.{active.route.name}.timeout.total"))
    return Called(status, time.monotonic() - began, failure)


async def _answer(request: OwnRequest, active: ActiveRoute, token: Token | None) -> Answer:
    """The answer to one send, or to a second where the first gave the nonce that a proof has to hold."""
    answer = await attempt(request, active, token, fresh=True)
    if not answer.again:
        return answer
    await answer.dispose()
    return await attempt(request, active, token, fresh=True)
