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


class Resolver:
    """Resolves a host and port to socket addresses."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, list[AddrInfoType]]] = {}

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
        if self._clock() < until:
            return known
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except OSError as exc:  # gaierror is one
            if known:
                return known
            raise UpstreamDNSError("the upstream's name does not resolve", key=key, log_detail=f"{host}: {exc}") from exc
        self._known[host, port] = (self._clock() + CACHE_FOR, list(found))
        return list(found)
