"""What the benchmark and a contender agree on: the landscape that a contender stands in, and what it says of itself.

The harness measures and judges; a contender only writes its configuration, starts its program and names its processes.
`tests/bench/contenders/registry.py` has `CONTENDERS: dict[str, Contender]`, keyed by name, in the order of the tables.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


class UnavailableError(Exception):
    """This contender cannot run here; the message says what is missing. The harness tells it and goes on without."""


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """What stands around a contender while it is measured; everything listens on 127.0.0.1.

    A call of `/r7/open?x=1` goes to the upstream as `/open?x=1`: each of `prefixes` is cut off, the rest travels as it is, by any method.
    The `Host` header that the upstream gets is free. Times out after 60 s or later everywhere; bodies have no bound, and are streamed.
    """

    folder: Path  # empty, the contender's own: configuration, logs, sockets; gone afterwards
    upstream: int  # port of the API
    token_url: str  # http; answers client_credentials with HTTP Basic or in the body: access_token, token_type Bearer, expires_in
    client_id: str
    client_secret: str = field(repr=False)
    token: str = field(repr=False)  # what the upstream accepts at the start: for a contender that cannot fetch one itself
    token_lifetime: int = 3600  # seconds; 1 or 2 in `refresh`
    tls: bool = False  # the upstream speaks TLS; its certificate names 127.0.0.1 and localhost
    ca: Path | None = None  # the PEM that its certificate is checked with; set if tls
    routes: int = 1  # how many prefixes, all to the same upstream with the same credential
    access_log: bool = False  # only for `bearerd-logs`

    @property
    def prefixes(self) -> list[str]:
        """The prefixes that are routed, in the order that a person would write them."""
        return [prefix(number) for number in range(self.routes)]

    @property
    def upstream_url(self) -> str:
        """Scheme, host and port of the API, without a path."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.upstream}"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A started contender. It need not listen yet: the harness calls it until it answers 200, which is the time to the first answer."""

    port: int  # on 127.0.0.1, plain HTTP
    pids: tuple[int, ...]  # the roots; the harness finds their descendants and all threads
    said: Path  # the file that its output goes to, for the report if it does not answer


class Contender(Protocol):
    """A program that puts a token on calls: one process or thread of work (Envoy --concurrency 1, GOMAXPROCS=1, worker_processes 1).

    It is started inside `start` and inherits the affinity (one core) that the harness gave itself for that moment; it changes no affinity.
    Keep-alive in front and towards the upstream, at least 1,024 idle connections kept, no limits, no access log, no compression.
    """

    @property
    def name(self) -> str:
        """Its key in `CONTENDERS`, and its name in the tables."""

    @property
    def cannot(self) -> Mapping[str, str]:
        """Scenario -> the reason in a few words, as the documentation tells it: "a fixed header knows no refresh"."""

    def prepare(self) -> None:
        """Build or install what is needed, once, before anything is measured; at once if it is there already.

        Raises:
            UnavailableError: the machine lacks something.
        """

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        """Start the program and return as soon as it is spawned; on exit every process of it has ended, by force if need be."""


def prefix(number: int) -> str:
    """The path prefix of a route: `/r7`."""
    return f"/r{number}"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment, for programs that cannot choose one and tell it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
