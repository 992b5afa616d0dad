"""What one call costs in the express lane without a socket, part by part: `python -m tests.bench.parts`.

Each figure is the least of many short runs, so that a busy machine adds little to it; the kernel's and the event loop's share is not in it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from proxy.egress import Egress
from proxy.http.active import ActiveRoute, RouteToken
from proxy.http.address import UpstreamURL
from proxy.http.body import MemoryBudget
from proxy.http.cutter import Limits
from proxy.http.express import ExpressServer
from proxy.http.handler import Handler
from proxy.http.inject import Injected
from proxy.http.listener import ClientServer
from proxy.http.obtain import World
from proxy.http.opening import Opening
from proxy.http.plain import REQUEST_LINE, read_fields, read_response
from proxy.http.routing import Route, RouteTable, request_line, split_target, upstream_path
from proxy.http.upstream import Resolver
from proxy.http.upstream.connection import Connection
from proxy.logs import Logs
from proxy.metrics import Metrics
from proxy.oauth.events import Fanout
from proxy.oauth.source import CachedTokenSource
from proxy.oauth.store import TokenStore
from proxy.oauth.token import Token, TokenKey

if TYPE_CHECKING:
    from collections.abc import Callable

ALIKE = b"GET /api/orders?id=7 HTTP/1.1\r\nHost: localhost:6750\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n"
OTHER = b"GET /api/orders?id=%d HTTP/1.1\r\nHost: localhost:6750\r\nUser-Agent: load\r\nAccept: */*\r\nX-Request-Id: %032x\r\n\r\n"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 22:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n"
    b"Connection: keep-alive\r\nX-Request-Id: %032x\r\n\r\n" + b"x" * 1024
)
RUNS, CALLS = 200, 200


class Transport(asyncio.Transport):
    """Takes bytes and forgets them."""

    def __init__(self) -> None:
        super().__init__()
        self._ends = socket.socketpair()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self._ends[0], "peername": ("127.0.0.1", 1)}.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        for end in self._ends:
            end.close()


def least(call: Callable[[], object]) -> float:
    """Microseconds."""
    best = float("inf")
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, time.perf_counter() - began)
    return best / CALLS * 1e6


class Lane:
    """One caller's connection, one upstream's, one route with a token at hand."""

    def __init__(self) -> None:
        self.route = Route(prefix="/api", upstream=UpstreamURL.parse("http://127.0.0.1:1/base"), name="r", credential="crm")
        self.metrics, self.key = Metrics(), TokenKey("fingerprint")
        store = TokenStore(max_tokens=100, clock=time.monotonic)
        now = time.monotonic()
        store.put(self.key, Token("t", now, now + 3600, now + 3600, now + 3600, headers=((b"Authorization", b"Bearer " + b"t" * 60),)))
        clocks: dict[str, Any] = {"clock": time.monotonic, "wall": time.time, "chance": lambda: 0.0}
        self.source = CachedTokenSource("crm", self.key, self._no_fetch, store, Fanout(), **clocks)
        opened = Opening(Resolver(time.monotonic), Egress())
        self.active = ActiveRoute(
            own=opened(self.route),
            opened=opened,
            injected=Injected.of(self.route, epoch=time.time, unique=lambda: "u"),
            memory=MemoryBudget(1 << 20),
            metrics=self.metrics.route("r"),
            token=RouteToken("crm", self.source, self.key, ()),
        )
        self.logs = Logs(lambda _: None, access=False)
        world = World(clock=time.monotonic, epoch=time.time, chance=lambda: 0.0, sleep=asyncio.sleep, new_id=lambda: "id")
        self.handler = Handler(RouteTable([self.route]), {"r": self.active}, metrics=self.metrics, logs=self.logs, world=world)
        limits = Limits(10, 75, 32768, 128)
        self.server = ExpressServer(ClientServer(self.handler.serve, limits, self.handler.refuse), limits, lambda: self.handler)
        self.front, self.upstream = self.server(), Connection("routes.r")
        self.ends = Transport(), Transport()
        self.front.connection_made(self.ends[0])
        self.upstream.connection_made(self.ends[1])
        self.active.own.pool._idle.append(self.upstream)
        self.count = 0

    async def _no_fetch(self, _: TokenKey) -> Token:
        raise AssertionError("the token is at hand")

    def alike(self) -> None:
        """One whole call, like the last one."""
        self.front.data_received(ALIKE)
        self.upstream.data_received(ANSWER % 7)

    def other(self) -> None:
        """One whole call that differs from the last one, in its query and in a header."""
        self.count += 1
        self.front.data_received(OTHER % (self.count, self.count))
        self.upstream.data_received(ANSWER % 7)

    def upstream_taken(self) -> None:
        """A connection from the pool and back."""
        connection = cast("Connection", self.active.own.pool.take(idempotent=True))
        connection.settle(clean=True)
        self.active.own.pool.release(connection)

    def counted(self) -> None:
        """Everything that is counted of a call."""
        self.active.metrics.started()
        self.active.metrics.upstream(0.001)
        self.active.metrics.finished("GET", 200, 0.002)

    def parts(self) -> dict[str, Callable[[], object]]:
        """What can be measured, by what it is."""
        block = (OTHER % (7, 7)).split(b"\r\n", 1)[1][:-2]
        head = (ANSWER % 7).split(b"\r\n\r\n")[0]
        host, path = b"localhost:6750", b"/api/orders"
        return {
            "a whole call like the one before": self.alike,
            "a whole call that differs": self.other,
            "  request line": lambda: REQUEST_LINE.match(ALIKE),
            "  header fields": lambda: read_fields(block, 128),
            "  target taken apart": lambda: split_target(b"/api/orders?id=7", host),
            "  route": lambda: self.handler.find(host, "GET", path),
            "  line towards the upstream": lambda: request_line(b"GET", upstream_path(self.route, path), b"id=7"),
            "  token": lambda: self.source.peek(self.key, time.monotonic()),
            "  upstream connection, taken and given back": self.upstream_taken,
            "    of that, whether bytes came unasked (poll)": self.upstream.alive,
            "  answer's head": lambda: read_response(head, lambda _, value: value, bodiless=False),
            "  metrics": self.counted,
        }


async def measure() -> None:
    """Print the table."""
    lane = Lane()
    for name, part in lane.parts().items():
        sys.stdout.write(f"{name:<48} {least(part):6.2f} us\n")
    await lane.server.shutdown(0.1)
    for end in lane.ends:
        end.abort()
    lane.logs.close()


if __name__ == "__main__":
    asyncio.run(measure())
