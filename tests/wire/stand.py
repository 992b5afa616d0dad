"""One lane in this process, from a caller's connection to an upstream that keeps what it is sent.

A caller's connection is no socket: what is fed to it arrives as it was cut, and how it ended is known to the letter.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from proxy.http.cutter import Limits
from proxy.http.upstream import Resolver
from tests.fakes.raw import RawUpstream, say
from tests.unit.http.conftest import Tokens, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.fakes.raw import Exchange, Reply

FEW = 6  # turns of the loop without any news, after which none will come where no request is in service
APART = 3  # turns between two parts
PATIENCE = 20.0  # seconds
LIMITS = Limits(head_timeout=60, idle_timeout=75, head_limit=8 << 10, max_headers=40)

_TIMES = re.compile(rb"[0-9]+ ms")  # in Proxy-Status

End = Literal["open", "end", "reset"]


class Line(asyncio.Transport):
    """The server's end of a caller's connection; `got` is what the caller got, `ended` how it ended for the caller."""

    def __init__(self) -> None:
        self._socket = socket.socket()  # never connected: it keeps the options that are set on it
        super().__init__({"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 6750), "socket": self._socket})
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._waiting: list[bytes] = []  # parts that came while nobody read
        self._reading = True
        self.got = bytearray()
        self.ended: End = "open"

    @classmethod
    def to(cls, protocol: asyncio.BaseProtocol) -> Self:
        """A connection that a caller has just opened."""
        line = cls()
        line.set_protocol(protocol)
        protocol.connection_made(line)
        return line

    def feed(self, data: bytes) -> None:
        """The caller's bytes arrive, in one piece; after the end they are nobody's."""
        if self.ended != "open":
            return
        if not self._reading:
            self._waiting.append(data)
            return
        assert self._protocol is not None
        self._protocol.data_received(data)

    def half_close(self) -> None:
        """The caller sends no more."""
        assert self._protocol is not None
        if self.ended == "open" and not self._protocol.eof_received():
            self.close()

    def leave(self) -> None:
        """The caller is gone, unless the connection has ended before."""
        if self.ended == "open":
            self._end("end")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._loop.call_soon(self._catch_up)

    def write(self, data: Any) -> None:
        if self.ended == "open":
            self.got += data

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """A caller that takes everything at once needs none."""

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.ended != "open"

    def close(self) -> None:
        if self.ended == "open":
            self._end("end")

    def abort(self) -> None:
        if self.ended == "open":
            on, seconds = struct.unpack("ii", self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
            self._end("reset" if on and not seconds else "end")

    def _catch_up(self) -> None:
        while self._waiting and self._reading:
            self.feed(self._waiting.pop(0))

    def _end(self, how: End) -> None:
        self.ended = how
        self._loop.call_soon(self._lose)

    def _lose(self) -> None:
        assert self._protocol is not None
        self._protocol.connection_lost(None)
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of an exchange: what the upstream was sent, what the caller got, and how its connection ended."""

    requests: tuple[bytes, ...]
    fragments: tuple[bytes, ...]  # of requests that never became whole
    got: bytes
    ended: End


@dataclass(frozen=True, slots=True)
class Sayings:
    """What the upstream answers: each request its own, then always the last; `ends` ends the connection behind it."""

    raws: tuple[bytes, ...] = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)
    ends: Literal["", "end", "reset"] = ""

    def replies(self, cut: int | None, pause: Pause) -> list[Reply]:
        """One for each answer; with `cut` each is sent in two parts."""
        return [self._reply(raw, cut, pause) for raw in self.raws]

    def _reply(self, raw: bytes, cut: int | None, pause: Pause) -> Reply:
        whole = say(raw if cut is None else raw[cut:], close=self.ends == "end", cut=self.ends == "reset")

        async def reply(exchange: Exchange) -> None:
            if cut:
                await exchange.send(raw[:cut])
                await pause(APART)
            await whole(exchange)

        return reply


@dataclass(frozen=True, slots=True)
class Pause:
    """Lets so many turns of the loop pass, each of them at least `seconds` long.

    `enough` of them without any news mean that none will come of a request in service.
    """

    seconds: float = 0.0
    enough: int = 60

    async def __call__(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(self.seconds)


@dataclass
class Stand:
    """A lane between a caller and an upstream: one route at `/`, with tokens unless `options` say otherwise."""

    lane: str
    pause: Pause
    upstream: RawUpstream
    options: Mapping[str, Any] = field(default_factory=dict)  # of the route
    tokens: Tokens = field(default_factory=Tokens)

    async def __aenter__(self) -> Self:
        resolver = Resolver(lambda: 0.0)  # whose one answer never grows old: a lookup is another thread's, whose time no turn tells
        await resolver.resolve("127.0.0.1", self.upstream.port, allow_link_local=False, key="")
        self.walk = Walk(self.upstream, self.tokens, limits=LIMITS, level="error", lane=self.lane, resolver=resolver)
        await self.walk.start(**{"credential": "crm", **self.options})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.walk.stop()

    async def warm(self) -> None:
        """A token and an idle connection are at hand."""
        if self.walk.active.own.pool.idle and (self.walk.active.token is None or self.tokens.fetches == 1):
            return
        await self.cool()
        self.upstream.renew()
        seen = await self.exchange([b"GET /warm HTTP/1.1\r\nHost: a\r\n\r\n"], Sayings())
        assert seen.got.startswith(b"HTTP/1.1 200 "), seen

    def account(self) -> list[object]:
        """What was told of all exchanges: access lines without their times, and what was counted."""
        lines = [{name: value for name, value in line.items() if name not in {"ts", "seconds"}} for line in self.walk.access()]
        samples = (sample for metric in self.walk.metrics.registry.collect() for sample in metric.samples)
        counts = {
            f"{sample.name}{sorted(sample.labels.items())}": sample.value
            for sample in samples
            if sample.name.startswith("bearerd_") and sample.name.endswith(("_total", "_count"))
        }
        return [*lines, counts]

    async def cool(self) -> None:
        """Neither of them is."""
        self.tokens.current, self.tokens.fetches = None, 0
        pool = self.walk.active.own.pool
        while pool.idle:
            pool._idle.pop().abort()

    async def exchange(self, parts: list[bytes], sayings: Sayings, *, cut: int | None = None, half_close: bool = False) -> Seen:
        """A caller sends `parts`, one after the other, and the upstream says its `sayings`, each in two parts if there is a `cut`."""
        self.upstream.renew()
        *first, self.upstream.reply = sayings.replies(cut, self.pause)
        self.upstream.script.extend(first)
        line = Line.to(self.walk.clients())
        await self.pause(1)
        for part in parts:
            line.feed(part)
            await self.pause(APART)
        if half_close:
            line.half_close()
        await self._settled(line)
        got, ended = _TIMES.sub(b"0 ms", line.got), line.ended
        line.leave()
        await self._settled(line)
        requests = tuple(request.head.raw + request.body.raw for request in self.upstream.requests)
        return Seen(requests, tuple(self.upstream.fragments), got, ended)

    async def _settled(self, line: Line) -> None:
        news, still = self._news(line), 0
        async with asyncio.timeout(PATIENCE):
            while still < self._enough():
                await self.pause(1)
                before, news = news, self._news(line)
                still = still + 1 if news == before else 0

    def _enough(self) -> int:
        return self.pause.enough if self.walk.handler.running or self.walk.active.own.pool.active else FEW

    def _news(self, line: Line) -> tuple[object, ...]:
        pool = self.walk.active.own.pool
        return len(line.got), line.ended, len(self.upstream.requests), len(self.upstream.fragments), pool.idle, pool.active
