"""bearerd as a process of its own, started from files like any other.

It is gone when this one is: asked by SIGTERM, then killed, and where the kernel offers it, leashed to us.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

START = 20.0  # seconds until it listens
STOP = 3.0  # seconds from SIGTERM to SIGKILL
LOOK = 0.02  # seconds between two looks at its log
SHOWN = 5  # lines of a log that says why it did not start


class NotStartedError(Exception):
    """bearerd did not come to listen."""


class Process:
    """A running `bearerd run`; `url` and `admin_url` are where it listens.

    Raises:
        NotStartedError: on entry; the text is what it said.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.log = folder / "bearerd.log"
        self.url = ""
        self.admin_url = ""
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = _popen(self._folder, self._environment, log)
        try:
            self._await_listeners()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it, at the latest after STOP seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await_listeners(self) -> None:
        until = time.monotonic() + START
        while not (self.url and self.admin_url):
            if not self.running or time.monotonic() > until:
                lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
                raise NotStartedError("\n".join(lines[-SHOWN:]) or "it said nothing")
            time.sleep(LOOK)
            places = _places(self.log)
            self.url, self.admin_url = places.get("proxy", ""), places.get("admin", "")


def refused(folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit status and standard error of a `bearerd run` that is expected not to start.

    Raises:
        NotStartedError: it did start, or was not done within START seconds.
    """
    process = _popen(folder, environment, subprocess.DEVNULL, subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=START)
    except subprocess.TimeoutExpired:
        raise NotStartedError("a configuration that should be refused was not") from None
    finally:
        process.kill()
        process.wait()
    return process.returncode, said.decode("utf-8", "replace").strip()


def _popen(folder: Path, environment: Mapping[str, str], out: IO[bytes] | int, err: int = subprocess.STDOUT) -> subprocess.Popen[bytes]:
    setpriv = shutil.which("setpriv")  # util-linux
    leash = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BEARERD_")}
    path = os.pathsep.join([str(Path(proxy.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])  # we run elsewhere
    return subprocess.Popen(  # noqa: S603  # our own interpreter with our own arguments
        [*leash, sys.executable, "-m", "proxy", "run", "--config", "proxy.yaml"],
        cwd=folder,
        env={**inherited, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        process_group=0,  # Ctrl-C is ours to answer
    )


def _places(log: Path) -> dict[str, str]:
    """Where the log says that each listener is."""
    places: dict[str, str] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("event") == "listening":
            places[str(told["listener"])] = f"http://{told['address']}"
    return places
