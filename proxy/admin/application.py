"""The admin and the metrics listener: /metrics, /healthz, /readyz.

Everything here is read-only, uncached, and shows no token.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from proxy import __version__
from proxy.admin.health import UnknownAliasError, readiness
from proxy.settings.words import nearest

if TYPE_CHECKING:
    from proxy.admin.view import AdminView

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
INDEX = {
    "/metrics": "Prometheus metrics",
    "/healthz": "200 while the process lives",
    "/readyz": "200 once configured and listening; ?alias=NAME asks for a usable token too",
}


def metrics_application(view: AdminView, *, clock: Callable[[], float] = time.time) -> web.Application:
    """What an own metrics listener serves; `clock` is epoch seconds."""
    pages = _Pages(view, clock)
    return _application(pages, pages.routes())


def admin_application(view: AdminView, *, clock: Callable[[], float] = time.time) -> web.Application:
    """The same, and an index at `/`; it stays on loopback, so it may tell the nearest alias to one that is not there."""
    pages = _Pages(view, clock, suggesting=True)
    return _application(pages, [*pages.routes(), web.get("/", pages.index)])


def problem(status: int, code: str, detail: str) -> web.Response:
    """An error of the admin side as problem+json (RFC 9457)."""
    facts = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": f"{code}; {detail}; nothing to change",
        "code": code,
        "origin": "proxy",
    }
    return _json(facts, status=status, content_type="application/problem+json")


class _Pages:
    def __init__(self, view: AdminView, clock: Callable[[], float], *, suggesting: bool = False) -> None:
        self._view = view
        self._clock = clock
        self._suggesting = suggesting

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/metrics", self.metrics), web.get("/healthz", self.healthz), web.get("/readyz", self.readyz)]

    async def index(self, _request: web.Request) -> web.Response:
        return _json({"name": "bearerd", "version": __version__, "paths": INDEX})

    async def metrics(self, request: web.Request) -> web.Response:
        body, content_type = await asyncio.to_thread(self._view.metrics.reading(request.headers.get(hdrs.ACCEPT, "")))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    async def healthz(self, _request: web.Request) -> web.Response:
        return _json({"status": "alive"})

    async def readyz(self, request: web.Request) -> web.Response:
        try:
            status, facts = readiness(self._view, request.query.getall("alias", []), now=self._clock())
        except UnknownAliasError as exc:
            near = nearest(str(exc), [token.alias for token in self._view.tokens()]) if self._suggesting else None
            meant = f"; did you mean {near}?" if near else ""
            return problem(404, "alias_not_found", f"the configuration has no credential of that name{meant}")
        return _json(facts, status=status)

    @web.middleware
    async def problems(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The one place where an error becomes a problem."""
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as exc:
            answer = problem(405, "method_not_allowed", "this path is only read")
            answer.headers[hdrs.ALLOW] = exc.headers[hdrs.ALLOW]
            return answer
        except web.HTTPNotFound:
            return problem(404, "path_not_found", "nothing is here")
        except Exception as exc:  # noqa: BLE001  # told in the log, and the listener stays up
            self._view.logs.event("error", "admin_failed", code="internal_error", path=request.path, exc_info=exc)
            return problem(500, "internal_error", "bearerd failed, its log says more")


def _application(pages: _Pages, routes: list[web.RouteDef]) -> web.Application:
    application = web.Application(middlewares=[pages.problems])
    application.add_routes(routes)
    application.on_response_prepare.append(_finish)
    return application


async def _finish(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall(hdrs.SERVER, None)
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"


def _json(facts: Mapping[str, object], *, status: int = 200, content_type: str = "application/json") -> web.Response:
    return web.Response(text=json.dumps(facts, default=str) + "\n", status=status, content_type=content_type)
