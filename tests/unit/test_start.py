"""What a started bearerd has imported: what it uses, and nothing else.

Every library here is one that some command or configuration needs; those who need it pay for it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNUSED = (
    *("rich", "pygments", "structlog", "jinja2", "jsonschema"),
    *("cryptography", "joserfc", "lxml", "signxml"),  # keys and signatures
    *("sqlite3", "ctypes", "unittest", "pydoc", "importlib.metadata", "xml", "difflib"),
    *("proxy.importing", "proxy.cli.check", "proxy.cli.demo", "proxy.cli.demonstration", "proxy.cli.probe", "proxy.cli.probing"),
    *("proxy.cli.importing", "proxy.cli.healthcheck", "proxy.settings.schema"),
)
CONFIGURATION = """
listeners: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
routes:
  - {prefix: /crm, upstream: "https://api.example.com", credential: crm}
credentials:
  crm:
    type: oauth2_client_credentials
    token_url: https://login.example.com/token
    client_id: me
    client_secret: {env: CRM_SECRET}
"""
STARTED = """
import asyncio, os, signal, sys
from pathlib import Path
from proxy.cli import run, main
from proxy.settings import load

async def serve():
    settings = load([Path(sys.argv[1])])
    server = run.Server(settings, logs=run.configure(level="error"), reload=lambda: settings)
    serving = asyncio.ensure_future(server.run())
    while not server.ready():
        await asyncio.sleep(0.01)
    modules = sorted(sys.modules)
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    print(*modules)

asyncio.run(serve())
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules of a process that serves."""
    file = tmp_path_factory.mktemp("start") / "proxy.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    environment = {"CRM_SECRET": "s", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", STARTED, str(file)], env=environment, check=True, capture_output=True, text=True)
    return frozenset(done.stdout.split())


def test_it_has_started(loaded: frozenset[str]) -> None:
    """What was looked at is a bearerd with all its parts."""
    assert {"proxy.server", "proxy.http.handler", "proxy.oauth.source", "proxy.admin", "aiohttp", "yaml"} <= loaded


@pytest.mark.parametrize("module", UNUSED)
def test_what_is_not_used_is_not_loaded(loaded: frozenset[str], module: str) -> None:
    """No import at the head of a file brings in what a plain configuration never calls."""
    assert not {name for name in loaded if name == module or name.startswith(f"{module}.")}
