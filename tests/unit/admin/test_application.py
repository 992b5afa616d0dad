"""The admin and the metrics listener's applications, over a socket."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy import __version__
from proxy.admin import admin_application, metrics_application
from proxy.logs import Logs
from proxy.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web
    from pytest_aiohttp.plugin import AiohttpClient

    from proxy.admin import AdminView
    from proxy.oauth.token import TokenState

APPLICATIONS = pytest.mark.parametrize("build", [admin_application, metrics_application])


@dataclass(frozen=True)
class Snapshot:
    """A token as the engine tells it."""

    alias: str
    state: TokenState
    issued_at: float | None = None
    expires_at: float | None = None
    cause: str | None = None
    key: str | None = None
    cooling_until: float | None = None


TOKENS = (
    Snapshot("crm", "fresh", 900.0, 1060.5),
    Snapshot("erp", "due", 900.0, 1001.0),
    Snapshot("hr", "cooling_down", cause="token_invalid_client", key="credentials.hr.client_secret", cooling_until=1030.0),
)


@dataclass(frozen=True)
class View:
    """A running proxy as it is said to be."""

    metrics: Metrics = field(default_factory=Metrics)
    written: bytearray = field(default_factory=bytearray)
    logs: Logs = field(init=False)
    is_ready: bool = True
    is_draining: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "logs", Logs(self.written.extend))

    def ready(self) -> bool:
        return self.is_ready

    def draining(self) -> bool:
        return self.is_draining

    def tokens(self) -> tuple[Snapshot, ...]:
        return TOKENS

    def refusals(self) -> Mapping[str, float]:
        return {"crm": 12.5}

    def config_detail(self) -> Mapping[str, object]:
        return {"last_reload": "failed"}


@APPLICATIONS
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/healthz", (200, "application/json; charset=utf-8")),
        ("/readyz", (200, "application/json; charset=utf-8")),
        ("/readyz?alias=hr", (503, "application/json; charset=utf-8")),
        ("/readyz?alias=nobody", (404, "application/problem+json; charset=utf-8")),
        ("/metrics", (200, "text/plain; version=0.0.4; charset=utf-8")),
        ("/metrics/", (404, "application/problem+json; charset=utf-8")),
        ("/.env", (404, "application/problem+json; charset=utf-8")),
    ],
)
async def test_answers(
    aiohttp_client: AiohttpClient,
    build: Callable[[AdminView], web.Application],
    method: str,
    path: str,
    told: tuple[int, str],
) -> None:
    """Each path answers GET and HEAD alike, uncached, without naming the server software."""
    client = await aiohttp_client(build(View()))
    answer = await client.request(method, path)
    body = await answer.read()
    assert (answer.status, answer.headers["Content-Type"]) == told
    assert bool(body) is (method == "GET")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers


async def test_readyz_body(aiohttp_client: AiohttpClient) -> None:
    """The body tells every alias's state, what is left of its token, the cause and the key, and how the last reload ended."""
    client = await aiohttp_client(admin_application(View(), clock=lambda: 1000.0))
    assert await (await client.get("/readyz")).json() == {
        "status": "ready",
        "config": {"last_reload": "failed"},
        "aliases": {
            "crm": {"state": "fresh", "expires_in": 60.5, "cause": None, "key": None, "cools_for": None},
            "erp": {"state": "due", "expires_in": 1.0, "cause": None, "key": None, "cools_for": None},
            "hr": {
                "state": "cooling_down",
                "expires_in": None,
                "cause": "token_invalid_client",
                "key": "credentials.hr.client_secret",
                "cools_for": 30.0,
            },
        },
        "refused": {"crm": 12.5},
    }


@pytest.mark.parametrize(("draining", "status"), [(True, 503), (False, 200)])
async def test_draining(aiohttp_client: AiohttpClient, draining: bool, status: int) -> None:  # noqa: FBT001  # a table's column
    """Readiness turns while draining; liveness does not."""
    client = await aiohttp_client(metrics_application(View(is_draining=draining)))
    assert (await client.get("/readyz")).status == status
    assert (await client.get("/healthz")).status == 200


async def test_unknown_alias_is_not_repeated(aiohttp_client: AiohttpClient) -> None:
    """The answer about an unknown alias is a problem that lists no aliases and repeats nothing of the question."""
    client = await aiohttp_client(admin_application(View()))
    assert await (await client.get("/readyz?alias=<script>")).json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "alias_not_found; the configuration has no credential of that name; nothing to change",
        "code": "alias_not_found",
        "origin": "proxy",
    }


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (admin_application, "alias_not_found; the configuration has no credential of that name; did you mean crm?; nothing to change"),
        (metrics_application, "alias_not_found; the configuration has no credential of that name; nothing to change"),
    ],
)
async def test_the_nearest_alias(aiohttp_client: AiohttpClient, build: Callable[[AdminView], web.Application], told: str) -> None:
    """The admin listener, which stays on loopback, tells the nearest alias; the metrics listener tells none."""
    client = await aiohttp_client(build(View()))
    assert (await (await client.get("/readyz?alias=crn")).json())["detail"] == told


def test_docs_tell_every_code() -> None:
    """docs/errors.md has a row for each code of these listeners, with its status, and for no other."""
    root = Path(__file__).parents[3]
    source = (root / "proxy" / "admin" / "application.py").read_text(encoding="utf-8")
    section = (
        (root / "docs" / "errors.md").read_text(encoding="utf-8").partition("## Answers of the admin listener")[2].partition("\n## ")[0]
    )
    rows = {(status, code) for code, status in re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", section, re.MULTILINE)}
    assert rows == set(re.findall(r'problem\((\d{3}), "([a-z_]+)"', source))


@APPLICATIONS
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
async def test_only_read(aiohttp_client: AiohttpClient, build: Callable[[AdminView], web.Application], method: str) -> None:
    """Nothing here can be changed: other methods are refused with what is allowed."""
    client = await aiohttp_client(build(View()))
    answer = await client.request(method, "/readyz")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
    assert (await answer.json())["code"] == "method_not_allowed"


async def test_openmetrics(aiohttp_client: AiohttpClient) -> None:
    """A scraper that asks for OpenMetrics gets it."""
    client = await aiohttp_client(metrics_application(View()))
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"})
    assert answer.content_type == "application/openmetrics-text"
    assert (await answer.text()).endswith("# EOF\n")


async def test_index_on_admin_alone(aiohttp_client: AiohttpClient) -> None:
    """The admin listener says what there is, and all of it exists; the metrics listener has no index."""
    admin, metrics = await aiohttp_client(admin_application(View())), await aiohttp_client(metrics_application(View()))
    index = await (await admin.get("/")).json()
    assert (index["name"], index["version"], sorted(index["paths"])) == ("bearerd", __version__, ["/healthz", "/metrics", "/readyz"])
    assert (await metrics.get("/")).status == 404


async def test_fault_tells_nothing(aiohttp_client: AiohttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of our own is a problem without a trace of what went wrong, which the log has."""
    view = View()
    monkeypatch.setattr(View, "tokens", lambda _view: 1 / 0)
    client = await aiohttp_client(admin_application(view))
    answer = await client.get("/readyz")
    assert (answer.status, answer.content_type) == (500, "application/problem+json")
    assert "division" not in await answer.text()
    view.logs.close(10)
    assert b'"event":"admin_failed"' in view.written
    assert b"ZeroDivisionError" in view.written
