"""A folder to run commands in, a token endpoint and an API on loopback, and the command line called as a person does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from tests.fakes.raw import RawUpstream
from tests.fakes.token_server import TokenServer

SECRET = "s3cret/of+the client"

Run = Callable[..., Awaitable[Result]]
Configure = Callable[..., Path]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BEARERD_CONFIG", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("CRM_SECRET", SECRET)
    return tmp_path


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    async with TokenServer() as server:
        yield server


@pytest.fixture
async def api() -> AsyncIterator[RawUpstream]:
    async with RawUpstream() as server:
        yield server


@pytest.fixture
def run() -> Run:
    """Runs a command beside the servers of this test's loop."""

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, arguments, catch_exceptions=False)

    return run


@pytest.fixture
def configure(folder: Path, tokens: TokenServer, api: RawUpstream) -> Configure:
    """Writes config/proxy.yaml, where commands look for it: one route, /crm, and one credential, crm, with what a test changes."""

    def configure(route: dict[str, Any] | None = None, credential: dict[str, Any] | None = None, **top: Any) -> Path:
        config = {
            "routes": [{"prefix": "/crm", "upstream": f"{api.url}/v1", "credential": "crm", "probe": {"path": "/v1/me"}, **(route or {})}],
            "credentials": {
                "crm": {
                    "type": "oauth2_client_credentials",
                    "token_url": tokens.token_url,
                    "client_id": "erp",
                    "client_secret": {"env": "CRM_SECRET"},
                    **(credential or {}),
                }
            },
            **top,
        }
        path = folder / "config" / "proxy.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(config, indent=1))
        return path

    return configure
