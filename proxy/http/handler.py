"""The walk of one request, written once, top to bottom.

No valid token, nothing goes upstream; every ProxyError becomes an answer here and nowhere else.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from proxy.errors import DeadlineExceededError, InternalError, ProxyError, RouteBusyError
from proxy.http import told
from proxy.http.body import RequestBody
from proxy.http.call import CLIENT_LEFT, Call
from proxy.http.obtain import Obtain
from proxy.http.relay import relay
from proxy.http.routing import split_target
from proxy.logs import Access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from proxy.http.active import ActiveRoute
    from proxy.http.attempt import Sent
    from proxy.http.call import Client, Incoming
    from proxy.http.obtain import World
    from proxy.http.routing import RouteTable
    from proxy.logs import Logs
    from proxy.metrics import Metrics


class Handler:
    """Serves every request of every listener; `routes` holds an ActiveRoute for each route's name."""

    def __init__(self, table: RouteTable, routes: Mapping[str, ActiveRoute], *, metrics: Metrics, logs: Logs, world: World) -> None:
        self._table = table
        self._routes = routes
        self._unmatched = metrics.route("")
        self.logs = logs
        self._world = world
        self.clock = world.clock
        self.new_id = world.new_id
        self.tells_access = logs.tells_access  # whether a line is written of each call
        self.running = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def quiet(self) -> None:
        """Wait until no call is being served."""
        await self._quiet.wait()

    def begin(self) -> None:
        """A call is being served from now on."""
        if not self.running:
            self._quiet.clear()
        self.running += 1

    def end(self) -> None:
        """It is over."""
        self.running -= 1
        if not self.running:
            self._quiet.set()

    def find(self, host: bytes, method: str, path: bytes) -> ActiveRoute:
        """The route that takes a request.

        Raises:
            RouteNotFoundError: no prefix and host fit.
            MethodNotAllowedError: that route does not take the method.
        """
        return self._routes[self._table.match(host, method, path).name]

    async def serve(self, request: Incoming) -> bool:
        """Answer one request, whatever happens; whether its connection may serve another."""
        if request.head is None:
            raise InternalError("a request without a head")
        self.begin()
        try:
            call = Call(request, request.head, started=self.clock(), new_id=self.new_id)
            return await self._serve(call, self._walk(call))
        finally:
            self.end()

    async def resume(self, call: Call, sent: Sent) -> bool:
        """Go on with a call that has begun, with a place on its route, and was sent once; whether its connection may serve another."""
        try:
            return await self._serve(call, self._answered(call, call.active, sent))
        finally:
            call.active.leave()
            self.end()

    async def _serve(self, call: Call, walking: Awaitable[bool]) -> bool:
        keep_alive = False
        try:
            keep_alive = await walking
        except ProxyError as exc:
            keep_alive = self._answer(call, exc)
        except ConnectionError:
            call.code = "client_left"
        except asyncio.CancelledError:
            call.code = "client_left"
            raise
        except Exception as exc:  # noqa: BLE001  # a fault of ours costs this request, never the process
            self.logs.event("error", "internal_error", request_id=call.request_id, exc_info=exc)
            self._answer(call, InternalError("see the log"))
        finally:
            self._finish(call)
        return keep_alive

    def refuse(self, client: Client, error: ProxyError) -> None:
        """Answer what was no request: a doubtful, late or oversized head."""
        request_id = self.new_id()
        self._unmatched.started()
        self._unmatched.finished("", error.status, 0.0)
        self.logs.failed(error, request_id=request_id)
        with suppress(ConnectionError):
            client.write(told.problem(error, request_id=request_id, minor=1, close=True, head_only=False))

    async def _walk(self, call: Call) -> bool:
        path, query = split_target(call.head.target, call.host)
        active = self.find(call.host, call.method, path)
        call.enter(active, self.body_of(call, active))
        active.metrics.started()
        call.check_expectation()
        call.address(path, query)
        if not active.enter():
            key = f"routes.{active.route.name}.max_concurrency"
            raise RouteBusyError("the route serves as many calls as it may", key=key, retry_after=1)
        try:
            active.budget.deposit()
            return await self._answered(call, active)
        finally:
            active.leave()

    async def _answered(self, call: Call, active: ActiveRoute, sent: Sent | None = None) -> bool:
        try:
            async with asyncio.timeout(call.started + active.route.timeout.total - self.clock()):
                answer = await Obtain(call, active, self._world, self.logs, sent).answer()
        except TimeoutError as exc:
            key = f"routes.{active.route.name}.timeout.total"
            raise DeadlineExceededError("no answer within timeout.total", key=key, alias=call.alias) from exc
        return await relay(call, answer)

    def body_of(self, call: Call, active: ActiveRoute) -> RequestBody:
        """The request's body, kept for a replay where one is possible."""
        route = active.route
        keep = active.policy.may_send_again(call.method, idempotency_key=call.idempotency_key, has_token=active.token is not None)
        return RequestBody(
            call.incoming.content,
            call.head.framing,
            options=route.replay,
            budget=active.memory,
            keep=keep,
            idle=route.timeout.idle,
        )

    def _answer(self, call: Call, error: ProxyError) -> bool:
        """A ProxyError to the caller: problem+json, or a cut where an answer has begun; whether the connection stays."""
        call.code = error.code
        self.logs.failed(error, route=call.route_name, alias=error.alias or call.alias, request_id=call.request_id, attempts=call.sends)
        if call.client.begun:
            call.client.cut()
            return False
        call.status = error.status
        keep_alive = call.incoming.keep_alive and not call.client.closing and call.received_whole()
        answer = told.problem(
            error, request_id=call.request_id, minor=call.head.minor, close=not keep_alive, head_only=call.method == "HEAD"
        )
        call.bytes_out = len(answer.partition(b"\r\n\r\n")[2])
        try:
            call.client.write(answer)
        except ConnectionError:
            call.status = CLIENT_LEFT
            return False
        return keep_alive

    def _finish(self, call: Call) -> None:
        seconds = self.clock() - call.started
        metrics = call.active.metrics if call.entered else self._unmatched
        if not call.entered:
            metrics.started()
        else:
            call.body.release()
        metrics.finished(call.method, call.status, seconds)
        if self.tells_access:
            self.logs.access(_entry(call, seconds))


def _entry(call: Call, seconds: float) -> Access:
    """The access line of a call that is over."""
    return Access(
        request_id=call.request_id,
        client=call.caller.address,
        method=call.method,
        path=call.path.decode("latin-1"),
        route=call.route_name,
        status=call.status,
        seconds=seconds,
        bytes_in=call.body.received if call.entered else 0,
        bytes_out=call.bytes_out,
        attempts=call.sends,
        upstream_status=call.upstream_status,
        alias=call.alias,
        code=call.code,
        token=call.token_word,
    )
