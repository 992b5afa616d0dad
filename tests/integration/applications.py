"""Applications that call bearerd, and the parts of its answers that tests look at.

An application knows a URL and nothing of tokens.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from tests.fakes.witness import WITNESS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from multidict import CIMultiDictProxy
    from yarl import URL


@dataclass(frozen=True, slots=True)
class Got:
    """A whole answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    seconds: float

    def get(self, name: str) -> str:
        """A header's values, joined by a comma."""
        return ", ".join(self.headers.getall(name, []))

    @property
    def proxy_status(self) -> str:
        """What bearerd says it did."""
        return self.get("Proxy-Status")

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document (RFC 9457)."""
        assert self.get("Content-Type") == "application/problem+json", (self.status, self.body[:500])
        told: dict[str, Any] = json.loads(self.body)
        assert told["status"] == self.status
        return told


class Caller:
    """An HTTP client with as many connections as it needs, which changes nothing of an answer."""

    def __init__(self) -> None:
        self._session = ClientSession(connector=TCPConnector(limit=0), auto_decompress=False, timeout=ClientTimeout(total=60))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(self, url: str | URL, method: str = "GET", **options: Any) -> Got:
        """One call; redirects are not followed."""
        began = time.monotonic()
        async with self._session.request(method, url, allow_redirects=False, **options) as response:
            body = await response.read()
            got = Got(response.status, response.headers, body, time.monotonic() - began)
        own = got.get("Content-Type") == "application/problem+json"
        WITNESS.answer(f"{got.headers} {body.decode(errors='replace')}" if own else got.proxy_status)
        return got

    async def get(self, url: str | URL, **options: Any) -> Got:
        """GET."""
        return await self.call(url, **options)

    async def post(self, url: str, data: object = b"", **options: Any) -> Got:
        """POST; an asynchronous iterator is sent chunked."""
        return await self.call(url, "POST", data=BytesIO(data) if isinstance(data, bytes) else data, **options)

    async def many(self, url: str, calls: int) -> set[int]:
        """The statuses of as many calls at once."""
        return {got.status for got in await asyncio.gather(*(self.get(url) for _ in range(calls)))}


async def pieces(data: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    """A body that an HTTP client sends chunked."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def until(found: Callable[[], Awaitable[bool]], *, seconds: float = 60.0) -> float:
    """Ask again and again until `found`; the seconds that it took.

    Raises:
        TimeoutError: not within `seconds`.
    """
    began = time.monotonic()
    while not await found():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds} s")
        await asyncio.sleep(0.05)
    return time.monotonic() - began
