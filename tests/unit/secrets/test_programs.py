"""proxy/secrets/programs.py: a program prints a secret, within its time, and no error shows what it printed."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from proxy.secrets import SecretUnreadableError, programs
from proxy.secrets.files import MAX_SECRET
from proxy.secrets.programs import DOUBTED_AFTER, Kept, Program, apart

if TYPE_CHECKING:
    from pathlib import Path

FAILURES = {
    "a status": ("import sys; print('hunter2'); sys.exit(3)", "exited with status 3"),
    "a signal": ("import os; print('hunter2', flush=True); os.kill(os.getpid(), 15)", "was ended by signal 15"),
}
OUTPUTS = {
    "nothing": ("", "is empty"),
    "not text": (r"import sys; sys.stdout.buffer.write(b'hunter2\xff')", "is not UTF-8 text"),
    "too much, without an end": ("import sys\nwhile True: sys.stdout.write('x' * 4096)", f"is over {MAX_SECRET} bytes"),
}


def python(code: str, *arguments: str, timeout: float = 20) -> str:
    return Program([sys.executable, "-S", "-c", code, *arguments], timeout).printed()


def refused(code: str, *arguments: str, timeout: float = 20) -> str:
    with pytest.raises(SecretUnreadableError) as caught:
        python(code, *arguments, timeout=timeout)
    return str(caught.value)


def test_what_it_prints_is_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its last line end; the environment goes along, arguments reach it as they are, and it has no input."""
    monkeypatch.setenv("NAME", "value")
    code = "import os, sys; print(os.environ['NAME'], sys.argv[1], repr(sys.stdin.read()))"

    assert python(code, "$HOME; `id`") == "value $HOME; `id` ''"


@pytest.mark.parametrize(("code", "reason"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_told_by_its_status(code: str, reason: str) -> None:
    """The program is named, and neither its arguments nor its output."""
    assert refused(code, "a-secret-argument") == f"secret command {sys.executable} {reason}"


@pytest.mark.parametrize(("code", "reason"), OUTPUTS.values(), ids=OUTPUTS)
def test_an_output_that_is_no_secret_is_refused(code: str, reason: str) -> None:
    """Even one that never ends is."""
    assert refused(code) == f"the output of secret command {sys.executable} {reason}"


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """A grandchild that holds the output open ends too."""
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))"
    )
    began = time.monotonic()

    assert refused(code, str(note), timeout=2) == f"secret command {sys.executable} took longer than 2 s"

    assert time.monotonic() - began < 20
    assert ended(int(note.read_text()))


def ended(pid: int) -> bool:
    """Whether the process ends: a killed one needs a moment."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 10)[0])
    finally:
        os.close(watched)


@pytest.mark.parametrize(("program", "reason"), [("/nowhere/at-all", "No such file or directory"), ("a\0b", "it cannot be started")])
def test_a_program_that_cannot_start_is_refused(program: str, reason: str) -> None:
    """The system's reason is told."""
    with pytest.raises(SecretUnreadableError) as caught:
        Program([program, "a-secret-argument"], 5).printed()

    assert str(caught.value) == f"secret command {program}: {reason}"


def test_a_pipe_that_is_held_open_by_a_session_of_its_own() -> None:
    """What a program left behind, where no signal to its group reaches it, is waited for no longer than the program."""
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(6)'], start_new_session=True)\n"
        "print('hunter2')"
    )
    began = time.monotonic()

    assert refused(code, timeout=1) == f"secret command {sys.executable} took longer than 1 s"

    assert time.monotonic() - began < 5


def test_a_program_that_closes_its_output_and_hangs() -> None:
    """Its time counts until it has ended."""
    code = "import os, time; print('hunter2', flush=True); os.close(1); time.sleep(60)"

    assert refused(code, timeout=1) == f"secret command {sys.executable} took longer than 1 s"


def test_a_program_that_is_given_up_first() -> None:
    """Ended before it began, it ends as soon as it has begun."""
    program = Program([sys.executable, "-S", "-c", "import time; time.sleep(60)"], 50)
    program.end()

    with pytest.raises(SecretUnreadableError, match="was ended by signal 9"):
        program.printed()


def test_a_program_that_may_not_be_ended() -> None:
    """One that runs as another user survives its time, and whoever asked for its secret does not wait for it."""
    began, seen = time.monotonic(), []

    def forbidden(group: int, _: int) -> None:
        seen.append(group)
        raise PermissionError

    program = Program([sys.executable, "-S", "-c", "import time; time.sleep(60)"], 0.5, forbidden)
    try:
        with pytest.raises(SecretUnreadableError) as caught:
            program.printed()
        assert time.monotonic() - began < 20
        assert str(caught.value).endswith("took longer than 0.5 s, and runs on as another user, whom bearerd may not end")
    finally:
        os.killpg(seen[0], signal.SIGKILL)
    assert ended(seen[0])


def test_a_group_that_is_gone_is_no_fault() -> None:
    """Where all have ended by themselves before the signal came, only the time is told."""

    def gone(group: int, number: int) -> None:
        os.killpg(group, number)
        raise ProcessLookupError

    program = Program([sys.executable, "-S", "-c", "import time; time.sleep(60)"], 0.5, gone)
    with pytest.raises(SecretUnreadableError, match=r"took longer than 0\.5 s$"):
        program.printed()


class Hanging(Program):
    """A program whose start hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__(["hanging"], 0.1)
        self.go = threading.Event()

    def printed(self) -> str:
        with self._lock:
            self.go.wait()
        return "late"


async def test_a_start_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait for a program is without an end, and the loop waits for no lock."""
    monkeypatch.setattr(programs, "LATE", 0.1)
    program = Hanging()
    try:
        async with asyncio.timeout(20):
            with pytest.raises(SecretUnreadableError, match=r"^secret command hanging took longer than 0\.1 s$"):
                await apart(program)
    finally:
        program.go.set()


async def test_programs_leave_the_common_threads_alone(tmp_path: Path) -> None:
    """However many wait for programs that hang, work for the loop's own threads, such as name resolution, begins at once."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    waiting = [asyncio.create_task(apart(Program(["cat", str(gate)], 50))) for _ in range(4)]
    await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await loop.getaddrinfo("localhost", 80)
    assert [task.done() for task in waiting] == [False] * 4

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_whoever_leaves_ends_the_program(tmp_path: Path) -> None:
    """A program that nobody waits for any more is ended, so that none outlives bearerd."""
    note = tmp_path / "pid"
    os.mkfifo(note)
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    waiting = asyncio.create_task(apart(Program([sys.executable, "-S", "-c", code, str(note)], 50)))
    await asyncio.sleep(0)
    pid = int(await asyncio.to_thread(note.read_text))  # until it runs

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended(pid)


class Made:
    """Makes a text of each letter, in order, when it may."""

    def __init__(self, *texts: str | Exception) -> None:
        self.texts = list(texts)
        self.calls = 0
        self.may = asyncio.Event()
        self.may.set()
        self.begun = asyncio.Event()

    async def __call__(self) -> str:
        self.calls += 1
        self.begun.set()
        await self.may.wait()
        made = self.texts.pop(0)
        if isinstance(made, Exception):
            raise made
        return made


async def test_a_text_is_kept_for_its_time() -> None:
    """It is made once, and anew when its time is over."""
    now, make = [0.0], Made("a", "b")
    kept = Kept(lambda: now[0])
    got = [await kept.get(make, 10)]
    now[0] = 9.9
    got.append(await kept.get(make, 10))
    now[0] = 10.0
    got.append(await kept.get(make, 10))

    assert got == ["a", "a", "b"]


async def test_those_who_ask_at_once_share_one_run() -> None:
    """Even where nothing is kept; one who leaves takes nothing from the others."""
    make = Made("a", "b")
    make.may.clear()
    kept = Kept(lambda: 0.0)
    waiting = [asyncio.create_task(kept.get(make, 0)) for _ in range(100)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    make.may.set()

    assert set(await asyncio.gather(*waiting)) == {"a"}
    assert await kept.get(make, 0) == "b"
    assert make.calls == 2


async def test_a_failure_is_not_kept() -> None:
    """What could not be made is tried again at once, and an older text does not stand in for it."""
    now, make = [0.0], Made("a", SecretUnreadableError("no"), "b")
    kept = Kept(lambda: now[0])
    await kept.get(make, 1)
    now[0] = 2.0

    with pytest.raises(SecretUnreadableError):
        await kept.get(make, 1)
    now[0] = 0.5

    assert await kept.get(make, 1) == "b"


async def test_a_failure_that_nobody_hears() -> None:
    """Where all who waited have left, the loop is not told of it."""
    make = Made(SecretUnreadableError("no"))
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    make.may.clear()
    kept = Kept(lambda: 0.0)
    waiting = asyncio.create_task(kept.get(make, 0))
    await make.begun.wait()
    make.may.set()
    waiting.cancel()  # in the same turn, so that it fails before anybody can end it
    await asyncio.wait([waiting])
    del kept
    gc.collect()

    assert (told, make.texts) == ([], [])


async def test_the_last_who_leaves_ends_the_run() -> None:
    """No run goes on for nobody, and whoever asks after that gets one of its own."""
    make = Made("a")
    make.may.clear()
    kept = Kept(lambda: 0.0)
    waiting = [asyncio.create_task(kept.get(make, 0)) for _ in range(2)]
    await make.begun.wait()
    shared = kept._task
    assert shared is not None
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    make.may.set()

    assert await kept.get(make, 0) == "a"
    assert (shared.cancelled(), make.calls) == (True, 2)


@pytest.mark.parametrize(("age", "expected"), [(0.0, "a"), (DOUBTED_AFTER - 1, "a"), (DOUBTED_AFTER, "b"), (200.0, "b")])
async def test_a_doubted_text_is_made_anew(age: float, expected: str) -> None:
    """At once, but no more often than a refused client is asked about."""
    now, make = [0.0], Made("a", "b")
    kept = Kept(lambda: now[0])
    await kept.get(make, 300)
    now[0] = age
    kept.doubt()

    assert await kept.get(make, 300) == expected


async def test_a_doubted_text_does_not_stay_for_its_time() -> None:
    """One that is too young when it is refused is made anew as soon as it is not."""
    now, make = [0.0], Made("a", "b")
    kept = Kept(lambda: now[0])
    await kept.get(make, 300)
    kept.doubt()
    now[0] = DOUBTED_AFTER

    assert await kept.get(make, 300) == "b"
