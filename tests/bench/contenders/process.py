"""A contender's program as a process group of its own, and where built and installed things are kept between runs.

Nothing outlives its `with`: the group is asked to end, and then made to.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.contender import Running, UnavailableError
from tests.integration.running import leashed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BUILT = ROOT / "build" / "bench"  # what `prepare` makes
GRACE = 5.0  # seconds from SIGTERM to SIGKILL


@contextmanager
def running(
    command: Sequence[str | Path],
    port: int,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    out: Path | None = None,
) -> Iterator[Running]:
    """Run `command` in `folder`. All that it says goes to `said.log`, its standard output to `out` instead if that is given."""
    said = folder / "said.log"
    with said.open("ab") as errors, (out or said).open("ab") as output:
        process = subprocess.Popen(
            leashed(*map(str, command)),
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield Running(port=port, pids=(process.pid,), said=said)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    _tell(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    _tell(process.pid, signal.SIGKILL)  # what is left of the group, too
    process.wait()


def _tell(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def built(command: Sequence[str | Path], folder: Path, *, env: Mapping[str, str] | None = None) -> None:
    """Run a command that builds or installs something, to its end.

    Raises:
        UnavailableError: it is not there, or it failed; with the end of what it said.
    """
    words = [str(word) for word in command]
    try:
        told = subprocess.run(words, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    except OSError as missing:
        raise UnavailableError(f"{words[0]}: {missing.strerror}") from missing
    if told.returncode:
        raise UnavailableError(f"{' '.join(words[:3])} ended with {told.returncode}: {(told.stderr or told.stdout)[-500:].strip()}")
