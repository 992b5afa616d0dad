"""proxy/secrets/programs.py: a program prints a secret, within its time, and no error shows what it printed."""

from __future__ import annotations

import os
import select
import sys
import time
from typing import TYPE_CHECKING

import pytest

from proxy.secrets import SecretUnreadableError
from proxy.secrets.files import MAX_SECRET
from proxy.secrets.programs import Kept, printed

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
    return printed([sys.executable, "-S", "-c", code, *arguments], timeout)


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
        printed([program, "a-secret-argument"], 5)

    assert str(caught.value) == f"secret command {program}: {reason}"


def test_a_text_is_kept_for_its_time() -> None:
    """It is made once, and anew when its time is over."""
    now, made = [0.0], iter("abc")
    kept = Kept(lambda: now[0])
    got = [kept.get(lambda: next(made), 10)]
    now[0] = 9.9
    got.append(kept.get(lambda: next(made), 10))
    now[0] = 10.0
    got.append(kept.get(lambda: next(made), 10))

    assert got == ["a", "a", "b"]


def test_a_failure_is_not_kept() -> None:
    """What could not be made is tried again at once, and an older text does not stand in for it."""
    now, made = [0.0], iter("ab")
    kept = Kept(lambda: now[0])
    kept.get(lambda: next(made), 1)
    now[0] = 2.0

    def fail() -> str:
        raise SecretUnreadableError("no")

    with pytest.raises(SecretUnreadableError):
        kept.get(fail, 1)
    now[0] = 0.5

    assert kept.get(lambda: next(made), 1) == "b"
