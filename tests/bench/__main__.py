"""`make bench`: the same calls to the same API, directly and through bearerd, as ratios.

One process makes the calls and answers them, bearerd is another; a ratio of this machine says something, a rate does not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import uvloop

from tests.bench.load import API, call
from tests.fakes.token_server import TokenServer
from tests.integration.running import Bearerd, Memory, write_config

TICKS = os.sysconf("SC_CLK_TCK")
DIRECT = b"GET /v1/open HTTP/1.1\r\nHost: api\r\nAccept: */*\r\nAuthorization: Bearer of-the-bench\r\n\r\n"
THROUGH = b"GET /orders/open HTTP/1.1\r\nHost: api\r\nAccept: */*\r\n\r\n"


@dataclass(frozen=True)
class Run:
    """One load: its size, its length, what each call took, and the processor time of bearerd."""

    seconds: float
    each: list[float]
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Calls per second."""
        return len(self.each) / self.seconds

    def line(self, name: str) -> str:
        tail = quantiles(self.each, n=100)[98]
        return f"  {name:<10}{self.rate:>10,.0f} calls/s   median {median(self.each) * 1e6:>7,.0f} us   99 % {tail * 1e6:>7,.0f} us"


def cpu_of(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(port: int, request: bytes, calls: int, connections: int, pid: int | None = None) -> Run:
    """One load after a tenth of it as a warm-up."""
    await call(port, request, calls=max(calls // 10, connections), connections=connections)
    cpu, began = cpu_of(pid) if pid else 0.0, time.perf_counter()
    each = await call(port, request, calls=calls, connections=connections)
    return Run(time.perf_counter() - began, each, cpu_of(pid) - cpu if pid else 0.0)


async def bench(calls: int, rounds: int, folder: Path) -> None:
    api = await asyncio.get_running_loop().create_server(API, "127.0.0.1", 0)
    port = api.sockets[0].getsockname()[1]
    async with api, TokenServer() as tokens:
        route = {"prefix": "/orders", "upstream": f"http://127.0.0.1:{port}/v1", "credential": "orders"}
        credential = {
            "type": "oauth2_client_credentials",
            "token_url": tokens.token_url,
            "client_id": "bench",
            "client_secret": "of-the-bench",
        }
        bearerd = Bearerd(write_config(folder, [route], {"orders": credential}, {"log": {"level": "info", "access": False}}))
        await asyncio.to_thread(bearerd.__enter__)
        try:
            for connections in (1, 64):
                await compare(port, bearerd, calls if connections > 1 else calls // 4, connections, rounds)
            say(f"bearerd: {Memory(bearerd.pid).peak() / 2**20:.0f} MiB at most; {len(tokens.requests)} token request(s)")
        finally:
            await asyncio.to_thread(bearerd.__exit__, None, None, None)


async def compare(port: int, bearerd: Bearerd, calls: int, connections: int, rounds: int) -> None:
    """Direct and through in turn, so that both meet the same moods of the machine; the median round is told."""
    pairs = [
        (await measure(port, DIRECT, calls, connections), await measure(bearerd.port, THROUGH, calls, connections, bearerd.pid))
        for _ in range(rounds)
    ]
    direct, through = sorted(pairs, key=lambda pair: pair[1].rate / pair[0].rate)[len(pairs) // 2]
    say(f"{connections} connection(s), {rounds} x {calls:,} GETs of 1 KiB, access lines off, the median round:")
    say(direct.line("direct"))
    say(through.line("bearerd"))
    cost = through.cpu / calls * 1e6
    say(f"  ratio     {through.rate / direct.rate:>10.2f} of the direct rate; {cost:,.0f} us of processor a call in bearerd\n")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--calls", type=int, default=20_000, help="calls of one round with 64 connections")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(bench(options.calls, options.rounds, Path(folder)))


if __name__ == "__main__":
    main()
