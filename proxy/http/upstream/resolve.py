"""Names to addresses: cached for seconds, the old answer on a failure, forbidden addresses refused every time.

Nothing is connected to that was not checked after it was resolved (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from proxy.addresses import forbidden_address
from proxy.errors import UpstreamAddressRefusedError, UpstreamDNSError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohappyeyeballs import AddrInfoType

CACHE_FOR = 10.0  # seconds
PATIENCE = 1.0  # seconds that a lookup may take while an old answer is at hand


class Resolver:
    """Resolves a host and port to socket addresses."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, list[AddrInfoType]]] = {}
        self._running: dict[tuple[str, int], asyncio.Task[list[AddrInfoType]]] = {}  # one lookup per name, whoever waits

    async def resolve(self, host: str, port: int, *, allow_link_local: bool, key: str) -> list[AddrInfoType]:
        """The addresses of `host`, none of them forbidden; `key` names the YAML key that says the host.

        Raises:
            UpstreamDNSError: the name does not resolve, and never did.
            UpstreamAddressRefusedError: it resolves to a link-local or metadata address.
        """
        found = await self._lookup(host, port, key)
        if allow_link_local:
            return found
        allowed = [info for info in found if not forbidden_address(str(info[4][0]))]
        if not allowed:
            raise UpstreamAddressRefusedError("the name resolves to a link-local or metadata address", key=key, log_detail=host)
        return allowed

    async def _lookup(self, host: str, port: int, key: str) -> list[AddrInfoType]:
        until, known = self._known.get((host, port), (0.0, []))
        if known and self._clock() < until:
            return known
        try:
            async with asyncio.timeout(PATIENCE if known else None):
                return await asyncio.shield(self._started(host, port))
        except (OSError, UnicodeError) as exc:  # gaierror and TimeoutError are OSErrors; a label over 63 bytes is a UnicodeError
            if known:
                return known
            raise UpstreamDNSError("the upstream's name does not resolve", key=key, log_detail=f"{host}: {exc}") from exc

    def _started(self, host: str, port: int) -> asyncio.Task[list[AddrInfoType]]:
        running = self._running.get((host, port))
        if running is None:
            running = self._running[host, port] = asyncio.create_task(self._ask(host, port))
            running.add_done_callback(_look_at)  # those who waited may have left
        return running

    async def _ask(self, host: str, port: int) -> list[AddrInfoType]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        finally:
            del self._running[host, port]
        self._known[host, port] = (self._clock() + CACHE_FOR, list(found))
        return list(found)


def _look_at(lookup: asyncio.Task[list[AddrInfoType]]) -> None:
    if not lookup.cancelled():
        lookup.exception()
