"""bearerd from this checkout: by the express lane, by the ordinary one, and with a line for every call.

Everything that is on by default stays on: metrics, deadlines, retries, healing of a 401. Only the pool is as wide as everybody's here.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bench.contender import free_port
from tests.bench.contenders.process import ROOT, running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.bench.contender import Landscape, Running

CONNECTIONS = 1024


def config(landscape: Landscape, port: int, *, express: bool) -> dict[str, Any]:
    """The contents of proxy.yaml."""
    return {
        "version": 1,
        "express": express,
        "listeners": [{"address": f"127.0.0.1:{port}"}],
        "admin": {"address": "127.0.0.1:0"},
        "log": {"level": "info", "access": landscape.access_log},
        "defaults": {
            "upstream": landscape.upstream_url,
            "credential": "api",
            "pool": {"connections": CONNECTIONS},
            **({"tls": {"ca": str(landscape.ca)}} if landscape.ca else {}),
        },
        "routes": [{"prefix": prefix} for prefix in landscape.prefixes],
        "credentials": {
            "api": {
                "type": "oauth2_client_credentials",
                "token_url": landscape.token_url,
                "client_id": landscape.client_id,
                "client_secret": {"file": "secret.txt"},
            },
        },
    }


@dataclass(frozen=True)
class Bearerd:
    """`express` chooses the lane; whether calls are logged is the landscape's."""

    name: str
    express: bool
    cannot: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Nothing: the checkout runs as it is."""

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        port = free_port()
        told, secret = landscape.folder / "proxy.yaml", landscape.folder / "secret.txt"
        secret.touch(mode=0o600)
        secret.write_text(landscape.client_secret)
        told.write_text(json.dumps(config(landscape, port, express=self.express)))  # JSON is YAML, and is written fast
        command: list[str | Path] = [sys.executable, "-m", "proxy", "run", "--config", told]
        lines = landscape.folder / "access.log" if landscape.access_log else None
        return running(command, port, landscape.folder, env={"PYTHONPATH": str(ROOT)}, out=lines)
