"""Secrets that a program prints: it is run without a shell, and ended with all that it started when its time is over.

One that may not be ended, since it runs as another user, is left behind; nobody waits for it longer than for others.
What it prints is never told; an error names the program alone, since its arguments may be secret too.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import selectors
import signal
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, Any

from proxy.secrets import SecretUnreadableError
from proxy.secrets.files import MAX_SECRET, text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

ENDING = 1.0  # seconds that a program which was ended may take to be gone
LATE = 2.0  # seconds after a program's time in which its thread has told what came of it
DOUBTED_AFTER = 30.0  # seconds: a text that a server refused is made anew, but no more often; as long as a first cool-down


class Program:
    """One run of a program; it gets the environment and no input, and has `timeout` seconds.

    Args:
        kill: sends a signal to a process group.
    """

    def __init__(self, command: Sequence[str], timeout: float, kill: Callable[[int, int], None] = os.killpg) -> None:
        self.timeout = timeout
        self._command = command
        self._kill = kill
        self._lock = threading.Lock()  # guards the rest
        self._process: subprocess.Popen[bytes] | None = None  # while its id is its own: from its start until it is waited for
        self._given_up = False
        self._out_of_reach = False  # whether no signal of ours may reach it

    def printed(self) -> str:
        """What it prints, without its last line ends; the caller waits for it.

        Raises:
            SecretUnreadableError: it cannot be started, fails, takes too long, or prints nothing, too much, or what is not UTF-8.
        """
        program = self._command[0]
        process = self._started()
        try:
            held, code = self._heard(process)
        except TimeoutError:
            raise self.late() from None
        if len(held) <= MAX_SECRET and code:
            told = f"exited with status {code}" if code > 0 else f"was ended by signal {-code}"
            raise SecretUnreadableError(f"secret command {program} {told}")
        return text(held, f"the output of secret command {program}")

    def late(self) -> SecretUnreadableError:
        """Why there is nothing when its time is over."""
        left = ", and runs on as another user, whom bearerd may not end" if self._out_of_reach else ""
        return SecretUnreadableError(f"secret command {self._command[0]} took longer than {self.timeout:g} s{left}")

    def end(self) -> None:
        """End it with what it started; one that has not begun yet ends as soon as it has. Nobody is held up."""
        self._given_up = True
        if not self._lock.acquire(blocking=False):  # it is just being started, and ended by who starts it; or just over
            return
        try:
            if self._process is not None:
                self._kill(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:  # all have ended by themselves
            return
        except PermissionError:
            self._out_of_reach = True
        finally:
            self._lock.release()

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            with self._lock:
                self._process = subprocess.Popen(  # noqa: S603  # the user's own program, said in the configuration; no shell reads it
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # it may hold the secret
                    start_new_session=True,  # so that what it started can be ended with it
                )
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or "it cannot be started"
            raise SecretUnreadableError(f"secret command {self._command[0]}: {reason}") from exc
        if self._given_up:
            self.end()
        return self._process

    def _heard(self, process: subprocess.Popen[bytes]) -> tuple[bytes, int]:
        """Its output and its status; raises TimeoutError. Nobody listens to it any more, and it has ended if it may be ended."""
        until = time.monotonic() + self.timeout
        try:
            with process.stdout or contextlib.nullcontext() as pipe:
                held = _until_its_end(pipe, until) if pipe else b""
            if len(held) <= MAX_SECRET:
                _wait(process, until)
        finally:
            if process.returncode is None:
                self.end()
            with self._lock:
                self._process = None
            _reap(process)
        return held, process.returncode


def _until_its_end(pipe: IO[bytes], until: float) -> bytes:
    """What comes, up to one byte more than a secret has; raises TimeoutError where somebody holds the pipe open for too long."""
    held = b""
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while len(held) <= MAX_SECRET:
            if not ready.select(max(0.0, until - time.monotonic())):
                raise TimeoutError
            piece = os.read(pipe.fileno(), MAX_SECRET + 1 - len(held))
            if not piece:
                break
            held += piece
    return held


def _wait(process: subprocess.Popen[bytes], until: float) -> None:
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None  # the original tells the arguments


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait until it is gone; one that stays is waited for by a thread of its own, so that it leaves no zombie."""
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name="secret command left behind", daemon=True).start()


async def apart(program: Program) -> str:
    """What a program prints; it is waited for on a thread of its own, since name resolution needs the common ones.

    Whoever asks has an answer LATE seconds after the program's time, even where its start hangs.

    Raises:
        SecretUnreadableError: as `Program.printed`.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()

    def tell(value: str | Exception) -> None:
        if done.cancelled():
            return
        if isinstance(value, Exception):
            done.set_exception(value)
        else:
            done.set_result(value)

    def run() -> None:
        value: str | Exception
        try:
            value = program.printed()
        except Exception as exc:  # noqa: BLE001  # it is raised where it is waited for
            value = exc
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, value)

    threading.Thread(target=run, name="secret command", daemon=True).start()
    try:
        async with asyncio.timeout(program.timeout + LATE):
            return await done
    except TimeoutError:
        program.end()
        raise program.late() from None
    except asyncio.CancelledError:
        program.end()
        raise


class Kept:
    """A text that was costly to get, for a while; those who ask at once wait for one task, and the last who leaves ends it.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._text: str | None = None
        self._made = self._until = 0.0
        self._task: asyncio.Task[str] | None = None  # while one is on its way; it belongs to all who wait
        self._waiting = 0  # how many do

    async def get(self, make: Callable[[], Coroutine[Any, Any, str]], keep: float) -> str:
        """The text, made anew where `keep` seconds are over; what `make` raises passes through, and nothing is kept then."""
        if self._text is not None and self._clock() < self._until:
            return self._text
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._renew(make, keep))
            self._task.add_done_callback(_heard)
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._task.cancel()  # does nothing to one that is done
                self._task = None

    @property
    def last(self) -> str:
        """What was got last, though its time may be over; "" where nothing was."""
        return self._text or ""

    def doubt(self) -> None:
        """A server did not take the text: it is kept until it is DOUBTED_AFTER seconds old, and no longer."""
        self._until = min(self._until, self._made + DOUBTED_AFTER)

    async def _renew(self, make: Callable[[], Coroutine[Any, Any, str]], keep: float) -> str:
        self._until = -math.inf
        self._text = made = await make()
        self._made = self._clock()
        self._until = self._made + keep
        return made


def _heard(task: asyncio.Task[str]) -> None:
    """Whoever waited may have left: a failure that nobody hears is none of the loop's business."""
    if not task.cancelled():
        task.exception()
