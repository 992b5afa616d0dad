"""The Node proxies: @fastify/http-proxy, and SAP's approuter, which whoever is on SAP BTP has already.

Neither gets tokens by client credentials itself (the approuter leaves that to BTP's destination service), so both take them from
programs/tokens.mjs, through the hook that their documentation names.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.contender import free_port
from tests.bench.contenders.packages import NODE, from_npm
from tests.bench.contenders.process import HERE, running
from tests.bench.contenders.settings import written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.bench.contender import Landscape, Running

PROGRAMS = HERE / "programs"
PASSED_ON = "a 401 of the upstream is passed on, the token kept"
PATIENCE = 60_000  # milliseconds


def prepare() -> None:
    """The packages, and the programs beside them: Node looks for packages from the program's folder upwards."""
    folder = from_npm()
    for program in PROGRAMS.glob("*.mjs"):
        shutil.copy(program, folder)


def surroundings(landscape: Landscape) -> dict[str, str]:
    """The approuter's environment: its one destination, connections that are kept, and only errors logged."""
    api = {"name": "api", "url": landscape.upstream_url, "forwardAuthToken": True, "timeout": PATIENCE}
    return {
        "destinations": json.dumps([api]),
        "DISABLE_CONNECTION_REUSE": "false",
        "XS_APP_LOG_LEVEL": "error",
        "CF_NODEJS_LOGGING_LEVEL": "error",
        **({"NODE_EXTRA_CA_CERTS": str(landscape.ca)} if landscape.ca else {}),
    }


@dataclass(frozen=True)
class Fastify:
    """One plugin for each prefix, as its documentation shows."""

    name: str = "fastify"
    cannot: Mapping[str, str] = field(
        default_factory=lambda: {"routes10k": "10,000 plugins take it a minute to start", "herd401": PASSED_ON}
    )

    def prepare(self) -> None:
        prepare()

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        port = free_port()
        return running(["node", NODE / "fastify_proxy.mjs", written(landscape, port)], port, landscape.folder)


@dataclass(frozen=True)
class Approuter:
    """Routes are regular expressions that are tried in turn."""

    name: str = "approuter"
    cannot: Mapping[str, str] = field(default_factory=lambda: {"herd401": PASSED_ON})

    def prepare(self) -> None:
        prepare()

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        port = free_port()
        command: list[str | Path] = ["node", NODE / "approuter.mjs", written(landscape, port)]
        return running(command, port, landscape.folder, env=surroundings(landscape))
