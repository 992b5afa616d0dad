"""A TCP relay in front of a real server, which can be taken down and put up again on the same port, and can hold answers back.

While it is down, connections are refused and the open ones are gone.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(slots=True)
class Relay:
    """127.0.0.1:`port` -> 127.0.0.1:`target`."""

    target: int
    port: int = 0
    answering: asyncio.Event = field(default_factory=asyncio.Event)  # while it is not set, answers are held back
    holding: asyncio.Event = field(default_factory=asyncio.Event)  # an answer is held back
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self.answering.set()
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.down()

    async def up(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def down(self) -> None:
        """Refuse connections and drop the open ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer, self._may_answer))
        finally:
            self._writers -= {writer, back}

    async def _may_answer(self) -> None:
        if not self.answering.is_set():
            self.holding.set()
        await self.answering.wait()


async def _at_once() -> None:
    """Nothing is waited for."""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may: Callable[[], Awaitable[None]] = _at_once) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            await may()
            writer.write(data)
            await writer.drain()
    writer.close()
