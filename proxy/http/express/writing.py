"""What an answer needs of its caller's connection: bytes out, flow control, a visible cut.

Whoever streams waits in `drain`; whoever works in callbacks is told by `pause_writing` and `resume_writing`.
"""

from __future__ import annotations

import asyncio

from proxy.http.headers import Caller
from proxy.http.presence import cut


class Writing(asyncio.Protocol):
    """The sending half of a caller's connection."""

    __slots__ = ("_address", "_left", "_writable", "begun", "transport", "writing_paused", "written")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._address = ""  # once it was asked for
        self._left = 0  # bytes that the caller had not taken at the last look
        self._writable: asyncio.Future[None] | None = None
        self.writing_paused = False
        self.begun: bool = False  # a byte of the final response was written
        self.written = 0  # bytes of responses so far

    @property
    def peername(self) -> object:
        """The caller's address; a tuple on TCP."""
        return self.transport.get_extra_info("peername") if self.transport is not None else None

    def write(self, data: bytes) -> None:
        """Send bytes to the caller.

        Raises:
            ConnectionResetError: the caller left.
        """
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client left")
        self.written += len(data)
        self.transport.write(data)

    def send(self, data: bytes) -> None:
        """Send bytes to the caller; one who left is told by `client_left`."""
        if self.transport is not None:
            self.written += len(data)
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the caller takes more.

        Raises:
            ConnectionError: the caller left.
        """
        while self.writing_paused and self.transport is not None:
            self._writable = asyncio.get_running_loop().create_future()
            try:
                await self._writable
            finally:
                self._writable = None

    @property
    def pending(self) -> int:
        """Bytes that the caller has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def stands_still(self) -> bool:
        """Whether the caller took nothing since the last time that this was asked."""
        before, self._left = self._left, self.pending
        return before == self._left

    def close(self) -> None:
        """End the connection when everything is sent."""
        if self.transport is not None:
            self.transport.close()

    def end_rest(self) -> None:
        """End a connection that rests; a caller that takes nothing is cut, since an end would wait for it."""
        if self.pending:
            self.cut()
        else:
            self.close()

    def cut(self) -> None:
        """End the connection so that the caller sees an answer cut short: a reset, not an end."""
        if self.transport is not None:
            cut(self.transport)

    def force_close(self) -> None:
        """The end of a stop: an answer in progress is cut, since an end would make it look whole."""
        if self.begun:
            self.cut()
        elif self.transport is not None:
            self.transport.abort()

    @property
    def address(self) -> str:
        """Where the caller is; "unix" on a Unix socket."""
        if not self._address:
            peer = self.peername
            self._address = str(peer[0]) if isinstance(peer, tuple) else "unix"
        return self._address

    def caller(self, host: bytes) -> Caller:
        """Where a request for `host` came from."""
        return Caller("http", host, self.address)

    def _wake(self, error: ConnectionError | None = None) -> bool:
        """The caller takes more, or left; whether somebody waited for it."""
        if self._writable is None or self._writable.done():
            return False
        if error is None:
            self._writable.set_result(None)
        else:
            self._writable.set_exception(error)
        return True
