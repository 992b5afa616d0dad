"""What is measured, as a table: each row a load, what stands around the contender meanwhile, and whom it is measured with.

Rows of one heat run in the same rounds, so that they can be compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.bench.upstream import BIG, SMALL
from tests.bench.wrk import Load

STEADY = "-steady"
LATE = 0.005  # seconds that the late API takes: 20 connections then are some 3,500 calls a second, at which a fast contender is half loaded
OURS = ("bearerd", "bearerd-plain")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A row. `bench.json` has those that are `listed`; the others are what they are compared with."""

    name: str
    says: str
    load: Load
    heat: str = ""  # its own if empty
    body: int = SMALL  # bytes of each answer's body
    api: Literal["nginx", "ours", "late"] = "nginx"
    routes: int = 1
    called: int = 100  # of the routes, as many in turn, from all over the table
    times: int = 1  # as long as other scenarios' loads
    warm_ups: int = 1  # as long as others'
    tls: bool = False
    lifetime: int = 3600  # seconds that a token lives
    withdraws: bool = False  # in the middle of each round, every token that was issued
    only: tuple[str, ...] = ()  # contenders; all if empty
    listed: bool = True

    def takes(self, contender: str) -> bool:
        """Whether a contender belongs here at all, whatever it can."""
        if contender == "bearerd-logs":
            return self.name == "get32"
        if contender == "direct":
            return self.api == "late"
        return not self.only or contender in self.only


GET32 = Load()
VARIED = Load(varied=100)
HERD = Load(connections=500)

_ROWS = (
    Scenario(name="get1", says="GET 1 KiB, 1 connection", load=Load(connections=1)),
    Scenario(name="get32", says="GET 1 KiB, 32 connections", load=GET32),
    Scenario(name="get256", says="GET 1 KiB, 256 connections", load=Load(connections=256)),
    Scenario(name="post10k", says="POST 10 KiB, 32 connections", load=Load(method="POST", path="/orders", body=10 << 10)),
    Scenario(name="big1m", says="GET 1 MiB, 8 connections", load=Load(connections=8, path="/big"), body=BIG),
    Scenario(name="close", says="GET 1 KiB, a connection for each call, 32 at once", load=Load(headers={"Connection": "close"})),
    Scenario(name="routes1", says="the same, 100 requests that differ, 1 route", load=VARIED, heat="routes"),
    Scenario(name="routes100", says="the same over 100 routes in turn", load=VARIED, heat="routes", routes=100),
    Scenario(name="routes10k", says="the same over 100 of 10,000 routes in turn", load=VARIED, heat="routes", routes=10_000),
    Scenario(name="tls", says="GET 1 KiB, 32 connections, the API speaks TLS", load=GET32, tls=True),
    Scenario(name="refresh", says="GET 1 KiB, 32 connections, tokens that live for a second", load=GET32, heat="refresh", lifetime=1),
    Scenario(name="refresh" + STEADY, says="the same with one token", load=GET32, heat="refresh", only=OURS, listed=False),
    Scenario(
        name="herd401",
        says="500 connections, whose token is withdrawn once under way",
        load=HERD,
        heat="herd401",
        api="ours",
        withdraws=True,
        times=8,
    ),
    Scenario(
        name="herd401" + STEADY, says="the same with one token", load=HERD, heat="herd401", api="ours", only=OURS, listed=False, times=8
    ),
    Scenario(
        name="half",
        says="20 connections to an API that takes 5 ms: about half load",
        load=Load(connections=20),
        api="late",
        listed=False,
    ),
    Scenario(
        name="vary32",
        says="get32 with 10,000 requests that differ, in query and header: who remembers a request has nothing of it",
        load=Load(varied=10_000),
        listed=False,
    ),
    Scenario(
        name="routes10k-all",
        says="all of 10,000 routes in turn: connections more than routing, where each route has its own pool",
        load=GET32,
        routes=10_000,
        called=10_000,
        times=3,
        warm_ups=5,  # until every route has a connection
        only=("bearerd", "envoy", "go", "nginx"),
        listed=False,
    ),
)

SCENARIOS = {row.name: row for row in _ROWS}


def heats(names: list[str]) -> list[list[Scenario]]:
    """The scenarios of these names, in the table's order, those of one heat together."""
    grouped: dict[str, list[Scenario]] = {}
    for row in _ROWS:
        if row.name in names:
            grouped.setdefault(row.heat or row.name, []).append(row)
    return list(grouped.values())
