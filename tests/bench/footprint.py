"""What is measured aside from the rounds: start, memory at rest, and how much memory grows while a gibibyte passes.

The bytes are counted at both ends; a number whose bytes do not agree is not told.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Self

from tests.bench.accounting import account
from tests.bench.scenarios import SCENARIOS
from tests.bench.stage import NotReadyError, call
from tests.fakes.flood import BLOCK, STALL, Download, content_length, count, count_chunks, read_head, upload
from tests.integration.running import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.bench.contender import Contender
    from tests.bench.stage import Entrant, Stage

GIB = 1 << 30
STARTS = 3
CALLS = 100  # after which memory is at rest
PATIENCE = 30.0  # seconds until a slow reader must have held the API back
WHERE = SCENARIOS["get1"]


@dataclass(slots=True)
class Reservoir:
    """An API that takes any body, and gives `GIB` bytes at /flood; it counts both. Keep-alive, a thread for each connection."""

    taken: int = 0
    given: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)  # a reader took nothing for STALL seconds
    port: int = 0
    _socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # closed by us
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while True:
                    self._answer(connection)
            except (ConnectionError, TimeoutError):  # its caller has left
                return

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        head, rest = read_head(connection)
        if b"chunked" in head.lower():
            self.taken += count_chunks(connection, rest)
        else:
            self.taken += len(rest) + count(connection, content_length(head) - len(rest))
        size = GIB if head.startswith(b"GET /flood ") else 0
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        connection.settimeout(STALL)
        block, left = memoryview(BLOCK), size
        while left:
            try:
                sent = connection.send(block[:left])
            except TimeoutError:
                self.stalled.set()
                continue
            left -= sent
            self.given += sent


def up(entrant: Entrant, api: Reservoir) -> bool:
    """1 GiB of a request; whether all of it arrived."""
    head = upload(entrant.port, GIB, chunked=False, path=f"{entrant.prefixes[0]}/up")
    return b" 200 " in head and api.taken == GIB


def down(entrant: Entrant, api: Reservoir) -> bool:
    """1 GiB of an answer; whether all of it arrived."""
    with Download(entrant.port, f"{entrant.prefixes[0]}/flood") as download:
        download.begin()
        return (download.finish(), api.given) == (GIB, GIB)


def slow(entrant: Entrant, api: Reservoir) -> bool:
    """The same, for a reader who reads nothing until the API is held back; whether it was, and all arrived."""
    with Download(entrant.port, f"{entrant.prefixes[0]}/flood") as download:
        download.begin()
        held = api.stalled.wait(PATIENCE)
        return held and (download.finish(), api.given) == (GIB, GIB)


FLOODS: Mapping[str, Callable[[Entrant, Reservoir], bool]] = {"up_mib": up, "down_mib": down, "slow_mib": slow}


def growth(stage: Stage, contender: Contender) -> Iterator[tuple[str, float]]:
    """By how many MiB a contender's peak lies above what it had at rest, for each flood whose bytes agree."""
    for name, flood in FLOODS.items():
        with Reservoir() as api, stage.entrant(contender, WHERE, upstream=api.port) as entrant:
            memory = Memory(entrant.pids[0])
            memory.restart_peak()
            before = memory.now()
            if flood(entrant, api):
                yield name, (memory.peak() - before) / 2**20


def at_rest(stage: Stage, contender: Contender) -> Iterator[tuple[str, float]]:
    """Memory (2**20 bytes) after the start and after some calls, and seconds from the start to the first 200: medians."""
    firsts, started, called = [], [], []
    for _ in range(STARTS):
        with stage.entrant(contender, WHERE) as entrant:
            firsts.append(entrant.first)
            started.append(account(entrant.pids).resident / 2**20)
            for _ in range(CALLS):
                call(entrant.port, f"{entrant.prefixes[0]}/open")
            called.append(account(entrant.pids).resident / 2**20)
    yield "first_s", median(firsts)
    yield "started_mb", median(started)
    yield "idle_mb", median(called)


def footprint(stage: Stage, contender: Contender, tell: Callable[[str], None]) -> dict[str, float]:
    """All of it, as far as it could be measured."""
    found: dict[str, float] = {}
    for part in (at_rest, growth):
        try:
            found |= part(stage, contender)
        except (NotReadyError, OSError) as failed:
            tell(f"{part.__name__}: {contender.name}: {failed}")
    return found
