"""Where lines wait until a thread has written them.

The event loop never waits for the reader of the log; what finds no room is dropped and counted.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

BOUND = 4 << 20  # bytes that wait for a slow reader
DELAY = 0.1  # seconds that a line may wait for others


class LineWriter:
    """Takes lines without waiting; a thread of its own hands them to `sink`.

    Args:
        sink: writes all bytes, and may block as long as it likes.
        notice: the line that says how many lines were dropped.
        bound: bytes that may wait or be in the sink.
    """

    def __init__(self, sink: Callable[[bytes], object], notice: Callable[[int], bytes], *, bound: int = BOUND) -> None:
        self._sink = sink
        self._notice = notice
        self._bound = bound
        self._lock = threading.Lock()  # guards _lines, _size, _closed, dropped, _unsaid
        self._lines: list[bytes] = []
        self._size = 0  # bytes that wait or are in the sink
        self.dropped = 0  # lines, since the start
        self._unsaid = 0  # of them, not told by a notice yet
        self._closed = False
        self._waiting = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Takes a line, its line end included; dropped and counted where the bound is spent or the writer is closed."""
        with self._lock:
            size = self._size + len(line)
            if size > self._bound or self._closed:
                self.dropped += 1
                self._unsaid += 1
                return
            self._size = size
            self._lines.append(line)
            is_first = len(self._lines) == 1
        if is_first:  # those after it are taken with it
            self._waiting.set()

    def close(self, timeout: float = 1.0) -> None:
        """Writes what waits, for at most `timeout` seconds; then a reader that takes nothing loses it."""
        with self._lock:
            self._closed = True
        self._closing.set()
        self._waiting.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._waiting.wait()
            self._closing.wait(DELAY)
            self._waiting.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            unsaid, self._unsaid = self._unsaid, 0
        try:
            if lines or unsaid:
                self._sink(b"".join((*lines, self._notice(unsaid)) if unsaid else lines))
        except OSError:  # a closed pipe or a full disk; the next notice tells it
            self._drop(len(lines), unsaid)
        finally:
            with self._lock:
                self._size = sum(map(len, self._lines))

    def _drop(self, lines: int, unsaid: int) -> None:
        with self._lock:
            self.dropped += lines
            self._unsaid += lines + unsaid


def to_descriptor(fd: int) -> Callable[[bytes], None]:
    """A sink that writes to an open file descriptor, also where another process made it non-blocking."""

    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(fd, rest) :]
            except BlockingIOError:
                select.select((), (fd,), ())

    return write
