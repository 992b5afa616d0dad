"""Secrets that a program prints: it is run without a shell, and ended with all that it started when its time is over.

What it prints is never told; an error names the program alone, since its arguments may be secret too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from proxy.secrets import SecretUnreadableError
from proxy.secrets.files import MAX_SECRET, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def printed(command: Sequence[str], timeout: float) -> str:
    """What a program prints, without its last line ends; it gets the environment and no input, and has `timeout` seconds.

    Raises:
        SecretUnreadableError: it cannot be started, fails, takes too long, or prints nothing, too much, or what is not UTF-8.
    """
    program = command[0]
    try:
        process = subprocess.Popen(  # noqa: S603  # the user's own program, said in the configuration; no shell reads it
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may hold the secret
            start_new_session=True,  # so that what it started can be ended with it
        )
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "it cannot be started"
        raise SecretUnreadableError(f"secret command {program}: {reason}") from exc
    held, overdue = _read(process, timeout)
    if overdue:
        raise SecretUnreadableError(f"secret command {program} took longer than {timeout:g} s")
    if len(held) <= MAX_SECRET and process.returncode:
        code = process.returncode
        told = f"exited with status {code}" if code > 0 else f"was ended by signal {-code}"
        raise SecretUnreadableError(f"secret command {program} {told}")
    return text(held, f"the output of secret command {program}")


def _read(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bool]:
    """Its output, and whether its time was over; it has ended then."""
    overdue = threading.Event()

    def out_of_time() -> None:
        overdue.set()
        _end(process)

    timer = threading.Timer(timeout, out_of_time)
    timer.daemon = True
    timer.start()
    try:
        with process:
            held = process.stdout.read(MAX_SECRET + 1) if process.stdout else b""
            if len(held) > MAX_SECRET:
                _end(process)
    finally:
        timer.cancel()
    return held, overdue.is_set()


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)


class Kept:
    """A text that was costly to get, for a while; those who ask at once wait for one run.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the rest
        self._text: str | None = None
        self._until = 0.0

    def get(self, make: Callable[[], str], keep: float) -> str:
        """The text, made anew where `keep` seconds are over; what `make` raises passes through, and nothing is kept then."""
        with self._lock:
            if self._text is None or self._clock() >= self._until:
                self._text = None
                self._text = make()
                self._until = self._clock() + keep
            return self._text
