"""What a contender used, as the kernel counts it: processor time and resident memory of all its processes.

A process's clock runs for every thread that it has or had, so nothing that was spent is lost; a process that ended is told, not guessed.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PROC = Path("/proc")
SCHED = 2  # CPUCLOCK_SCHED of the kernel's posix-timers.h: nanoseconds that the scheduler gave, user and system


def parent_in(stat: str) -> int:
    """The parent's id in a /proc/PID/stat; the program's name before it may hold spaces and brackets."""
    return int(stat.rpartition(")")[2].split()[1])


def resident_in(status: str) -> int:
    """Bytes of VmRSS in a /proc/PID/status; 0 for a process that has ended and is not yet waited for."""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def clock_of(pid: int) -> int:
    """The id of the clock that runs while any thread of the process does, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | SCHED


def family(roots: Iterable[int], parents: Mapping[int, int]) -> frozenset[int]:
    """`roots` and all that descends from them, by a table of each process's parent."""
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return frozenset(found)


def parents() -> dict[int, int]:
    """The parent of every process that runs now."""
    table = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                table[int(entry.name)] = parent_in((entry / "stat").read_text(encoding="utf-8", errors="replace"))
            except (FileNotFoundError, ProcessLookupError):  # it ended since
                continue
    return table


@dataclass(frozen=True)
class Account:
    """What each process had used at one moment, in nanoseconds, and what was resident, in bytes."""

    used: Mapping[int, int]
    resident: int

    def since(self, before: Account) -> float:
        """Seconds of processor time since `before`.

        Raises:
            ProcessLookupError: a process of then is gone, and what it used with it.
        """
        gone = before.used.keys() - self.used.keys()
        if gone:
            raise ProcessLookupError(f"{len(gone)} process(es) ended while they were measured")
        return sum(used - before.used.get(pid, 0) for pid, used in self.used.items()) / 1e9


def account(roots: Iterable[int]) -> Account:
    """What `roots` and their descendants have used until now."""
    used, resident = {}, 0
    for pid in family(roots, parents()):
        try:
            used[pid] = time.clock_gettime_ns(clock_of(pid))
            resident += resident_in((PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError):  # it ended since; `since` tells whether that matters
            used.pop(pid, None)
    return Account(used, resident)


def cores() -> tuple[int, int]:
    """The core for whoever is measured and the one for all others; twice the same where there is but one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This thread, and what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
