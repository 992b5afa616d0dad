"""Where contenders stand: the API, a token endpoint for each of them, the cores, and the first call that tells that they are there.

Whoever is measured has one core; wrk, the API, the token endpoint and the harness share the other.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import trustme

from tests.bench.accounting import cores, pinned
from tests.bench.api import Backdrop, Issuer
from tests.bench.contender import Landscape
from tests.bench.scenarios import LATE
from tests.bench.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench.contender import Contender, Running
    from tests.bench.scenarios import Scenario

READY = 60.0  # seconds until a contender answers 200; 10,000 routes take some of them long
LOOK = 0.002  # seconds between two looks
CLIENT = "bench", "of-the-bench"
LOGGED, DIRECT = "bearerd-logs", "direct"  # contenders that the harness itself treats in another way


class NotReadyError(Exception):
    """A contender did not come to answer 200; the message has the end of what it said."""


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A contender that answers, in the surroundings of one scenario."""

    scenario: Scenario
    contender: str
    port: int
    pids: tuple[int, ...]
    prefixes: list[str]  # that are called
    issuer: Issuer
    folder: Path
    first: float = 0.0  # seconds from its start to its first 200
    headers: Mapping[str, str] = field(default_factory=dict)  # what each call brings beside the load's own


class Stage:
    """What stands for a whole run."""

    def __enter__(self) -> Self:
        self.core, others = cores()
        with ExitStack() as stack:
            stack.enter_context(pinned(others))
            self.folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench")))
            (self.folder / "api").mkdir()
            self._key = Issuer().key
            self.upstream = stack.enter_context(Upstream(self.folder / "api", self._key, trustme.CA()))
            self._backdrop = stack.enter_context(Backdrop())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def entrant(self, contender: Contender, scenario: Scenario, *, upstream: int = 0) -> Iterator[Entrant]:
        """A started contender that has answered a first call; in front of another `upstream` than the scenario's, if given.

        Raises:
            NotReadyError: it does not answer 200.
        """
        with TemporaryDirectory(dir=self.folder, prefix=contender.name, ignore_cleanup_errors=True) as name:
            folder, issuer = Path(name), Issuer(scenario.lifetime, self._key)
            port = upstream or self._port(scenario, issuer)
            landscape = self._landscape(scenario, issuer, folder, port, access_log=contender.name == LOGGED)
            began = time.perf_counter()
            with ExitStack() as stack:
                with pinned(self.core):
                    running = stack.enter_context(contender.start(landscape))
                yield Entrant(
                    scenario=scenario,
                    contender=contender.name,
                    port=running.port,
                    pids=running.pids,
                    prefixes=landscape.prefixes[:: max(1, scenario.routes // scenario.called)],
                    issuer=issuer,
                    folder=folder,
                    first=first_200(running, f"{landscape.prefixes[0]}/open") - began,
                )

    def direct(self, scenario: Scenario) -> Entrant:
        """The scenario's API itself, called with a token by whoever makes the load."""
        issuer = Issuer(scenario.lifetime, self._key, issued=1)
        return Entrant(
            scenario=scenario,
            contender=DIRECT,
            port=self._port(scenario, issuer),
            pids=(),
            prefixes=[""],
            issuer=issuer,
            folder=self.folder,
            headers={"Authorization": f"Bearer {self._key}.1"},
        )

    def _port(self, scenario: Scenario, issuer: Issuer) -> int:
        if scenario.api == "nginx":
            return self.upstream.tls_port if scenario.tls else self.upstream.port
        return self._backdrop.api(issuer, delay=LATE if scenario.api == "late" else 0.0)

    def _landscape(self, scenario: Scenario, issuer: Issuer, folder: Path, upstream: int, *, access_log: bool) -> Landscape:
        return Landscape(
            folder=folder,
            upstream=upstream,
            token_url=f"http://127.0.0.1:{self._backdrop.token_endpoint(issuer)}/token",
            client_id=CLIENT[0],
            client_secret=CLIENT[1],
            token=f"{self._key}.1",
            token_lifetime=scenario.lifetime,
            tls=scenario.tls,
            ca=self.upstream.ca if scenario.tls else None,
            routes=scenario.routes,
            access_log=access_log,
        )


def first_200(running: Running, path: str) -> float:
    """The moment (perf_counter) at which a contender answered a GET with 200; it is asked until then.

    Raises:
        NotReadyError: it did not for too long, or it ended.
    """
    until, answer = time.perf_counter() + READY, b""
    while time.perf_counter() < until and not any(ended(pid) for pid in running.pids):
        try:
            answer = call(running.port, path)
        except OSError:
            answer = b""
        if answer.startswith(b"HTTP/1.1 200 "):
            return time.perf_counter()
        time.sleep(LOOK)
    said = running.said.read_text(encoding="utf-8", errors="replace")
    raise NotReadyError(f"{answer[:200].decode(errors='replace')}\n{said[-2000:]}".strip())


def call(port: int, path: str) -> bytes:
    """The beginning of the answer to one GET, over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=READY) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(1 << 16)


def ended(pid: int) -> bool:
    """Whether a child of ours has ended; whoever started it still waits for it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
