"""The writer of lines: it never makes its caller wait, and tells what it lost."""

from __future__ import annotations

import os
import threading
from collections import deque
from itertools import starmap
from typing import TYPE_CHECKING

import pytest

from proxy.logs.lines import LineWriter, to_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 10  # seconds until a wait on an event has failed


class Sink:
    """Keeps what it is given; blocks while `open` is not set, and fails as often as `failures` says."""

    def __init__(self, failures: int = 0) -> None:
        self.written: list[bytes] = []
        self.entered = threading.Event()
        self.open = threading.Event()
        self.failures = failures

    def __call__(self, data: bytes) -> None:
        self.entered.set()
        assert self.open.wait(PATIENCE)
        if self.failures:
            self.failures -= 1
            raise BrokenPipeError
        self.written.append(data)


def finish(sink: Sink, writer: LineWriter) -> None:
    sink.open.set()
    writer.close(PATIENCE)


@pytest.fixture
def make() -> Iterator[Callable[..., LineWriter]]:
    """Writers that are closed, with their sinks, when the test is over."""
    made: list[tuple[Sink, LineWriter]] = []

    def writer(sink: Sink, bound: int = 1000) -> LineWriter:
        made.append((sink, LineWriter(sink, lambda lines: b"dropped %d\n" % lines, bound=bound)))
        return made[-1][1]

    yield writer
    deque(starmap(finish, made), maxlen=0)


def test_lines_arrive_in_order(make: Callable[..., LineWriter]) -> None:
    """What was put is written once, in order, by close at the latest."""
    sink = Sink()
    sink.open.set()
    writer = make(sink)
    writer.put(b"1\n")
    writer.put(b"2\n")
    writer.close(PATIENCE)
    assert b"".join(sink.written) == b"1\n2\n"
    assert writer.dropped == 0


def test_written_without_close(make: Callable[..., LineWriter]) -> None:
    """A line does not wait for others for ever."""
    sink = Sink()
    make(sink).put(b"1\n")
    assert sink.entered.wait(PATIENCE)


def test_written_each_time_without_close(make: Callable[..., LineWriter]) -> None:
    """Nor does a line that comes after others were written, however many there were."""
    sink = Sink()
    sink.open.set()
    writer = make(sink)
    deque(map(writer.put, [b"1\n", b"2\n"]), maxlen=0)
    assert sink.entered.wait(PATIENCE)
    sink.entered.clear()
    writer.put(b"3\n")
    assert sink.entered.wait(PATIENCE)


def test_blocked_sink_drops_and_tells(make: Callable[..., LineWriter]) -> None:
    """While the reader takes nothing, put returns, what is over the bound is dropped and counted, and a notice says so later."""
    sink = Sink()
    writer = make(sink, bound=20)
    writer.put(b"first\n")
    assert sink.entered.wait(PATIENCE)
    deque(map(writer.put, [b"123456\n"] * 5), maxlen=0)
    assert writer.dropped == 3
    sink.open.set()
    writer.close(PATIENCE)
    assert b"".join(sink.written) == b"first\n123456\n123456\ndropped 3\n"


def test_room_again_after_a_drop(make: Callable[..., LineWriter]) -> None:
    """A writer that dropped takes lines again once the reader has read."""
    sink = Sink()
    writer = make(sink, bound=8)
    writer.put(b"123456\n")
    assert sink.entered.wait(PATIENCE)
    writer.put(b"dropped\n")
    sink.open.set()
    writer._flush()
    writer.put(b"again\n")
    writer.close(PATIENCE)
    assert b"again\n" in b"".join(sink.written)


def test_failing_sink_counts(make: Callable[..., LineWriter]) -> None:
    """Lines that a closed pipe or a full disk refused are counted, and told when writing works again."""
    sink = Sink(failures=1)
    sink.open.set()
    writer = make(sink)
    writer.put(b"lost\n")
    writer._flush()
    writer.put(b"kept\n")
    writer.close(PATIENCE)
    assert b"".join(sink.written) == b"kept\ndropped 1\n"
    assert writer.dropped == 1


def test_close_does_not_wait_for_ever(make: Callable[..., LineWriter]) -> None:
    """A reader that takes nothing does not hold the end up."""
    sink = Sink()
    writer = make(sink)
    writer.put(b"1\n")
    assert sink.entered.wait(PATIENCE)
    writer.close(timeout=0.01)
    assert sink.written == []


def test_closed_writer_takes_nothing(make: Callable[..., LineWriter]) -> None:
    """A line that comes after close is counted as dropped."""
    sink = Sink()
    sink.open.set()
    writer = make(sink)
    writer.close(PATIENCE)
    writer.put(b"late\n")
    assert (writer.dropped, sink.written) == (1, [])


def write_and_close(fd: int, data: bytes) -> None:
    to_descriptor(fd)(data)
    os.close(fd)


def test_descriptor_that_does_not_block() -> None:
    """More than a pipe holds is written whole to a descriptor that another process made non-blocking."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    data = b"x" * (1 << 20)
    thread = threading.Thread(target=write_and_close, args=(writing, data))
    thread.start()
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == data
    thread.join(PATIENCE)
