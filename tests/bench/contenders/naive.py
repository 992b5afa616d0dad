"""What bearerd is measured against as Python: programs/naive_proxy.py, an aiohttp application with a ClientSession.

It runs in the interpreter, and on the aiohttp and uvloop, that bearerd runs on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.contender import free_port
from tests.bench.contenders.process import HERE, running
from tests.bench.contenders.settings import written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from tests.bench.contender import Landscape, Running

PROGRAM = HERE / "programs" / "naive_proxy.py"


@dataclass(frozen=True)
class Naive:
    """Its token is renewed by its lifetime, by every call that finds it too old."""

    name: str = "naive"
    cannot: Mapping[str, str] = field(default_factory=lambda: {"herd401": "a 401 of the upstream is passed on, the token kept"})

    def prepare(self) -> None:
        """Nothing: it needs what bearerd needs."""

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        port = free_port()
        return running([sys.executable, PROGRAM, written(landscape, port)], port, landscape.folder)
