"""Takes a response apart as it arrives: interim heads, the final head, the body without its framing.

What is not plainly HTTP/1.1 is refused; bytes behind the end are told, never used.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from proxy.http.wire import ChunkScanner, MalformedError, check_unfinished, parse_response_head, response_framing

if TYPE_CHECKING:
    from proxy.http.wire import Framing, ResponseHead

MAX_HEAD = 256 << 10  # bytes of one response head
MAX_HEADERS = 512
MAX_INTERIM = 16  # interim responses before the final one
SWITCHING_PROTOCOLS = 101


class ResponseReader:
    """Reads the response to one request with `method`."""

    def __init__(self, method: bytes) -> None:
        self._method = method
        self._buffer = bytearray()
        self._interim = 0
        self.framing: Framing | None = None  # of the body; None until the final head
        self._remaining = 0
        self._scanner: ChunkScanner | None = None
        self.heads: deque[ResponseHead] = deque()
        self.pieces: deque[bytes] = deque()
        self.begun = False  # a byte has arrived
        self.done = False
        self.spilled = False  # bytes came behind the end
        self.keep_alive = False

    @property
    def in_body(self) -> bool:
        """Whether the final head has arrived, and the end has not."""
        return self.framing is not None and not self.done

    def feed(self, data: bytes) -> int:
        """Take bytes apart into `heads` and `pieces`; the number of body bytes among them.

        Raises:
            MalformedError: not HTTP/1.1, an unasked 101, or over a bound.
        """
        self.begun = True
        if self.done:
            self.spilled = True
            return 0
        if self.framing is not None:
            return self._feed_body(data)
        self._buffer += data
        while self.framing is None:
            end = self._buffer.find(b"\r\n\r\n")
            if (len(self._buffer) if end < 0 else end) > MAX_HEAD:
                raise MalformedError("the response head is too large")
            if end < 0:
                check_unfinished(self._buffer)
                return 0
            raw = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            self._take_head(parse_response_head(raw, MAX_HEADERS))
        rest = bytes(self._buffer)
        self._buffer.clear()
        return self.feed(rest) if rest else 0

    def feed_eof(self) -> None:
        """The connection ended: that is the end of a body without other framing (RFC 9112 §6.3)."""
        if self.framing is not None and self.framing.kind == "close":
            self.done = True

    def _take_head(self, head: ResponseHead) -> None:
        if head.status < 200:  # noqa: PLR2004  # RFC 9110 §15.2: interim
            self._interim += 1
            if head.status == SWITCHING_PROTOCOLS:
                raise MalformedError("a 101 that nobody asked for")
            if self._interim > MAX_INTERIM:
                raise MalformedError("too many interim responses")
        else:
            framing = response_framing(self._method, head)
            options = b",".join(head.values(b"connection")).lower().replace(b" ", b"").replace(b"\t", b"").split(b",")
            self.keep_alive = framing.kind != "close" and b"close" not in options and (head.minor == 1 or b"keep-alive" in options)
            self.framing, self._remaining = framing, framing.length
            self._scanner = ChunkScanner() if framing.kind == "chunked" else None
            self.done = framing.kind in {"none", "length"} and not framing.length
        self.heads.append(head)

    def _feed_body(self, data: bytes) -> int:
        if self._scanner is not None:
            found = self._scanner.feed(data)
            self.pieces += found
            self.done, self.spilled = self._scanner.done, bool(self._scanner.rest)
            return sum(map(len, found))
        if self.framing is not None and self.framing.kind == "length":
            self.spilled = len(data) > self._remaining
            data = data[: self._remaining] if self.spilled else data
            self._remaining -= len(data)
            self.done = not self._remaining
        self.pieces.append(data)
        return len(data)
