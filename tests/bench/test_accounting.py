"""What the kernel's files say is read as it is meant, and processes are found and counted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.accounting import Account, account, cores, family, parent_in, parents, pinned, resident_in

BURN = "import time; end = time.process_time() + 0.05\nwhile time.process_time() < end: pass\ninput()"


@pytest.mark.parametrize(
    ("stat", "parent"),
    [
        ("12 (nginx) S 7 12 12 0 -1", 7),
        ("12 (a) b (c) S 7 12 12 0 -1", 7),
        ("12 () R 1 0", 1),
    ],
)
def test_a_parent_is_found_behind_any_name(stat: str, parent: int) -> None:
    """Spaces and brackets in a program's name do not shift the columns."""
    assert parent_in(stat) == parent


@pytest.mark.parametrize(("status", "size"), [("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n", 2 << 20), ("Name:\tx\nState:\tZ\n", 0)])
def test_resident_memory_is_in_bytes(status: str, size: int) -> None:
    """kB are 1,024 bytes; a process that has ended has none."""
    assert resident_in(status) == size


@given(st.dictionaries(st.integers(2, 30), st.integers(1, 30)))
def test_a_family_is_closed(table: dict[int, int]) -> None:
    """Whoever has a parent in the family is in it, whatever the order, and circles end."""
    found = family([1], table)
    assert {pid for pid, parent in table.items() if parent in found} <= found
    assert all(pid == 1 or table[pid] in found for pid in found)


def test_a_process_that_ended_is_told() -> None:
    """What an ended process used is not taken for nothing."""
    with pytest.raises(ProcessLookupError, match="1 process"):
        Account({1: 5}, 0).since(Account({1: 4, 2: 9}, 0))


def test_a_new_process_counts_from_its_start() -> None:
    """A process that came during the load is counted with all that it used."""
    assert Account({1: 5_000_000_000, 2: 1_000_000_000}, 0).since(Account({1: 3_000_000_000}, 0)) == 3.0


def test_a_process_and_its_children_are_counted() -> None:
    """Processor time of a child of a child is in the account, in seconds, and so is its memory."""
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}], stdin=sys.stdin)"
    process = subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE)
    try:
        until = time.monotonic() + 20
        nothing = Account({}, 0)
        while len(account([process.pid]).used) < 2 or account([process.pid]).since(nothing) < 0.05:
            assert time.monotonic() < until
        assert account([process.pid]).resident > 1 << 20
    finally:
        process.communicate(b"\n")


def test_threads_are_counted() -> None:
    """What a thread used stays counted when it has ended."""
    before = account([os.getpid()])

    def burn() -> None:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass

    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    assert account([os.getpid()]).since(before) >= 0.05


def test_whoever_is_started_within_has_the_one_core() -> None:
    """A core is inherited, and given back."""
    before = os.sched_getaffinity(0)
    with pinned(cores()[0]):
        child = subprocess.run(
            [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"], capture_output=True, text=True, check=True
        )
    assert child.stdout.split() == [str(cores()[0])]
    assert os.sched_getaffinity(0) == before


def test_this_process_has_a_parent() -> None:
    """The table of all processes has ours."""
    assert parents()[os.getpid()] == os.getppid()
