"""Very large bodies, fast enough for a test: an API that takes or gives them, and a caller that does, on blocking sockets.

Both ends count their bytes; nothing is kept.
"""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass, field
from typing import Self

BLOCK = bytes(1 << 20)
STALL = 1.0  # seconds without a byte taken: the reader is slower than we


@dataclass(slots=True)
class Flood:
    """An API for one connection: it counts the body of a request, then answers `give` bytes."""

    give: int = 0
    taken: int = 0
    given: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    _socket: socket.socket | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._socket is not None
        assert self._thread is not None
        self._socket.close()
        self._thread.join(10)

    def _serve(self, server: socket.socket) -> None:
        server.settimeout(30)
        connection, _ = server.accept()
        with connection:
            head, rest = read_head(connection)
            if b"chunked" in head.lower():
                self.taken = count_chunks(connection, rest)
            else:
                self.taken = len(rest) + count(connection, content_length(head) - len(rest))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.give)
            connection.settimeout(STALL)
            self._give(connection)
        self.done.set()

    def _give(self, connection: socket.socket) -> None:
        block = memoryview(BLOCK)
        while self.given < self.give:
            try:
                self.given += connection.send(block[: self.give - self.given])
            except TimeoutError:
                self.stalled.set()


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """A head, and the bytes after it that were read with it."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = connection.recv(1 << 16)
        if not part:
            raise ConnectionError(f"ended in the head: {got!r}")
        got += part
    head, _, rest = got.partition(b"\r\n\r\n")
    return head, rest


def content_length(head: bytes) -> int:
    """What a head says of its body's length; 0 where it says nothing."""
    found = re.search(rb"(?im)^content-length:[ \t]*(\d+)", head)
    return int(found[1]) if found else 0


def count(connection: socket.socket, most: int) -> int:
    """Read `most` bytes, or until the end; how many there were."""
    buffer = bytearray(1 << 20)
    taken = 0
    while taken < most:
        size = connection.recv_into(buffer, min(len(buffer), most - taken))
        if not size:
            break
        taken += size
    return taken


def count_chunks(connection: socket.socket, rest: bytes) -> int:
    """Read a chunked body of which `rest` is read already; the bytes of its chunks."""
    taken, got = 0, bytearray(rest)
    while True:
        while (end := got.find(b"\r\n")) < 0:
            got += _some(connection)
        size = int(bytes(got[:end]).split(b";")[0], 16)
        del got[: end + 2]
        missing = size + 2 - len(got)
        if missing > 0:
            if count(connection, missing) != missing:
                raise ConnectionError("ended in a chunk")
            got.clear()
        else:
            del got[: size + 2]
        taken += size
        if not size:
            return taken


def _some(connection: socket.socket) -> bytes:
    part = connection.recv(1 << 16)
    if not part:
        raise ConnectionError("ended in a chunk")
    return part


def upload(port: int, size: int, *, chunked: bool, path: str = "/flood") -> bytes:
    """POST `size` bytes; the head of the answer."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        for _ in range(size // len(BLOCK)):
            if chunked:
                connection.sendall(b"%x\r\n" % len(BLOCK))
            connection.sendall(BLOCK)
            if chunked:
                connection.sendall(b"\r\n")
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        return read_head(connection)[0]


@dataclass(slots=True)
class Download:
    """A caller that asks for a large body and reads it when it likes."""

    port: int
    path: str = "/flood"
    taken: int = 0
    head: bytes = b""
    _socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        self._socket.sendall(f"GET {self.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._socket is not None
        self._socket.close()

    def begin(self) -> None:
        """Read the head."""
        assert self._socket is not None
        self.head, rest = read_head(self._socket)
        self.taken = len(rest)

    def finish(self) -> int:
        """Read the rest; the bytes of the whole body."""
        assert self._socket is not None
        self.taken += count(self._socket, content_length(self.head) - self.taken)
        return self.taken
