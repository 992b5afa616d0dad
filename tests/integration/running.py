"""bearerd as a process of its own: started on free ports, listened to, and ended by SIGTERM.

Everything it says is kept, so that a test can look for secrets in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml
from aiohttp import ClientSession

from tests.fakes.witness import WITNESS, Mark
from tests.integration.configured import secrets_in, secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROOT = Path(__file__).parents[2]
START = 60.0  # seconds until it listens
STOP = 60.0  # seconds from SIGTERM to its end; test_stopping promises less
PAGES = "/metrics", "/healthz", "/readyz"


def leashed(*command: str) -> list[str]:
    """A command that the kernel kills when the test process ends, however that happens; its pid is the program's own."""
    setpriv = shutil.which("setpriv")  # util-linux; elsewhere the fixtures alone end it
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else list(command)


@dataclass(slots=True)
class Bearerd:
    """A running `python -m proxy run`; `url` is where an application calls."""

    config: Path | None  # None: what to serve is said by `arguments` alone
    env: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    url: str = ""
    admin_url: str = ""
    _process: subprocess.Popen[str] | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _said: threading.Condition = field(default_factory=threading.Condition)  # guards out, err
    _told_to_end: bool = False
    _mark: Mark = field(default_factory=WITNESS.begin)
    _known: set[str] = field(default_factory=set, repr=False)  # secrets that it was started with; a reload may bring others

    def __enter__(self) -> Self:
        self._known = self._secrets()
        self._process = subprocess.Popen(
            leashed(sys.executable, "-m", "proxy", "run", *(["--config", str(self.config)] if self.config else []), *self.arguments),
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for stream, lines in ((self._process.stdout, self.out), (self._process.stderr, self.err)):
            thread = threading.Thread(target=self._listen, args=(stream, lines), daemon=True)
            thread.start()
            self._threads.append(thread)
        try:
            self.url, self.admin_url = self._addresses()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        pages = self._pages()
        try:
            code = self._process.returncode if self._process.returncode is not None else self.stop()
        finally:
            self.kill()
            self._search(pages)
        assert code == 0, f"bearerd ended with {code}\n{self.said}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        """The port of `url`."""
        return int(self.url.rsplit(":", 1)[1])

    @property
    def said(self) -> str:
        """Everything on its standard output and standard error so far."""
        with self._said:
            return "\n".join([*self.out, *self.err])

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Its JSON lines, or those of one event."""
        with self._said:
            lines = [json.loads(line) for line in self.out if line.startswith("{")]
        return [line for line in lines if not name or line.get("event") == name]

    def wait_for(self, found: Callable[[dict[str, Any]], bool], *, seconds: float = 60.0) -> dict[str, Any]:
        """The first JSON line for which `found` holds, said or yet to be said.

        Raises:
            TimeoutError: there was none within `seconds`.
        """
        until = time.monotonic() + seconds
        while True:
            for line in self.events():
                if found(line):
                    return line
            with self._said:
                if time.monotonic() > until or (self._process and self._process.poll() is not None):
                    break
                self._said.wait(0.2)
        raise TimeoutError(f"no such line\n{self.said}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._told_to_end |= number in {signal.SIGTERM, signal.SIGINT}
        self._process.send_signal(number)

    async def change_credential(self, alias: str, **options: object) -> None:
        """Give a credential other options, and wait until they hold."""
        assert self.config is not None
        before = len(self.events("config_reloaded"))
        told = yaml.safe_load(self.config.read_text())
        told["credentials"][alias] |= options
        self.config.write_text(yaml.safe_dump(told))
        self.signal(signal.SIGHUP)
        await asyncio.to_thread(self.wait_for, lambda _: len(self.events("config_reloaded")) > before)

    def stop(self) -> int:
        """SIGTERM, unless it is ending already, and its exit status."""
        if not self._told_to_end:
            self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = STOP) -> int:
        """Its exit status, at the latest after `seconds`."""
        assert self._process is not None
        code = self._process.wait(seconds)
        for thread in self._threads:
            thread.join(5)
        return code

    def kill(self) -> None:
        """End it at once, if it still runs."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.kill()
        self.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    async def admin(self, path: str) -> tuple[int, str]:
        """Status and body of a page of the admin listener."""
        async with ClientSession() as session, session.get(self.admin_url + path) as response:
            return response.status, await response.text()

    async def metrics(self) -> dict[str, float]:
        """Every sample of /metrics, keyed as Prometheus writes it: `name{label="value"}`."""
        _, text = await self.admin("/metrics")
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of bearerd_`name` that carry all `labels`."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        samples = await self.metrics()
        return sum(
            value for key, value in samples.items() if re.split("[{]", key)[0] == f"bearerd_{name}" and all(pair in key for pair in wanted)
        )

    def _pages(self) -> list[str]:
        """The admin pages as they are now, if it still runs."""
        pages = []
        for page in PAGES if self._process and self._process.poll() is None else ():
            with suppress(OSError), _opened(f"{self.admin_url}{page}") as response:
                pages.append(response.read().decode())
        return pages

    def _secrets(self) -> set[str]:
        return secrets_in(self.arguments, self.env) | (secrets_of(self.config, self.env) if self.config else set())

    def _search(self, pages: list[str]) -> None:
        WITNESS.search(
            self._mark, [self.said, *pages], self._known | self._secrets(), name=str(self.config or self.arguments), kind="bearerd"
        )

    def _listen(self, stream: Any, lines: list[str]) -> None:
        for line in stream:
            with self._said:
                lines.append(line.rstrip("\n"))
                self._said.notify_all()

    def _addresses(self) -> tuple[str, str]:
        proxy = self.wait_for(lambda line: line.get("event") == "listening" and line.get("listener", "proxy") == "proxy", seconds=START)
        admin = self.wait_for(lambda line: line.get("event") == "listening" and line.get("listener") == "admin", seconds=START)
        return f"http://{proxy['address']}", f"http://{admin['address']}"


def ran(
    *arguments: str, config: Path | None = None, env: Mapping[str, str] | None = None, secrets: Iterable[str] = (), timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """What `python -m proxy ARGUMENTS --config CONFIG` came to; all that it says is searched for the configuration's secrets and `secrets`.

    Raises:
        subprocess.TimeoutExpired: it took longer than `timeout` seconds.
    """
    mark, added = WITNESS.begin(), env or {}
    done = subprocess.run(
        leashed(sys.executable, "-m", "proxy", *arguments, *(["--config", str(config)] if config else [])),
        cwd=ROOT,
        env={**os.environ, **added},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    known = {*secrets, *secrets_in(arguments, added), *(secrets_of(config, added) if config else ())}
    WITNESS.search(mark, [done.stdout, done.stderr], known, name=f"bearerd {' '.join(arguments)}", kind=f"bearerd {arguments[0]}")
    return done


def _opened(url: str) -> Any:
    try:
        return urlopen(url, timeout=60)  # noqa: S310  # the address that bearerd said
    except HTTPError as refused:  # a page that says no is a page
        return refused


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process, from the kernel."""

    pid: int

    def restart_peak(self) -> None:
        """Let the peak begin at what is resident now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def now(self) -> int:
        """Bytes resident now."""
        return self._read("VmRSS")

    def peak(self) -> int:
        """Most bytes resident since `restart_peak`."""
        return self._read("VmHWM")

    def _read(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) << 10


def write_config(folder: Path, routes: Sequence[Mapping[str, Any]], credentials: Mapping[str, Any], extra: Mapping[str, Any]) -> Path:
    """proxy.yaml in `folder`, with listeners on free ports and every event logged, unless `extra` says otherwise."""
    config = {
        "version": 1,
        "listeners": [{"address": "127.0.0.1:0"}],
        "admin": {"address": "127.0.0.1:0"},
        "credentials": dict(credentials),
        "routes": list(routes),
        **extra,
        "log": {"level": "debug", **extra.get("log", {})},
    }
    path = folder / "proxy.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return path
