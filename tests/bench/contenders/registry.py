"""Every contender by its name, in the order of the tables.

A contender is a module with a class of the `Contender` protocol, and a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.contenders.bearerd import Bearerd
from tests.bench.contenders.envoy import Envoy
from tests.bench.contenders.go import Go
from tests.bench.contenders.naive import Naive
from tests.bench.contenders.nginx import Nginx
from tests.bench.contenders.node import Approuter, Fastify

if TYPE_CHECKING:
    from tests.bench.contender import Contender

_ALL: list[Contender] = [
    Bearerd("bearerd", express=True),
    Bearerd("bearerd-plain", express=False),
    Bearerd("bearerd-logs", express=True),
    Envoy(),
    Go(),
    Nginx(),
    Naive(),
    Fastify(),
    Approuter(),
]
CONTENDERS: dict[str, Contender] = {contender.name: contender for contender in _ALL}
