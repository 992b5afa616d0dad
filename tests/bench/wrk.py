"""Load by wrk: one thread that keeps some connections busy, and what it counted, exactly.

An answer that is missing a number, or that wrk did not give, is an error and never a zero.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.running import leashed

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "BENCH "
ERRORS = ("connect", "read", "write", "status", "timeout")
DONE = (Path(__file__).parent / "done.lua").read_text(encoding="utf-8")


class LoadError(Exception):
    """wrk did not do its work; the message is what it said."""


@dataclass(frozen=True)
class Load:
    """What wrk is told: connections that each have one call under way at any time."""

    connections: int = 32
    method: str = "GET"
    path: str = "/open"
    body: int = 0  # bytes of each request's body
    headers: Mapping[str, str] = field(default_factory=dict)
    varied: int = 1  # requests that differ, in their query and in a header, and take turns


@dataclass(frozen=True)
class Counted:
    """What wrk counted: answers, the bytes of them with their heads, and what went wrong by kind."""

    requests: int
    bytes: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: Mapping[str, int]


def counted(said: str) -> Counted:
    """What wrk counted, from what it said.

    Raises:
        LoadError: it did not end as it should.
    """
    lines = [line for line in said.splitlines() if line.startswith(MARK)]
    if len(lines) != 1:
        raise LoadError(said.strip() or "wrk said nothing")
    found: dict[str, int] = json.loads(lines[0].removeprefix(MARK))
    return Counted(
        requests=found["requests"],
        bytes=found["bytes"],
        seconds=found["duration_us"] / 1e6,
        p50_us=found["p50_us"],
        p99_us=found["p99_us"],
        errors={name: found[name] for name in ERRORS if found[name]},
    )


VARIED = """\
local paths, made, turn = {%s}, {}, 0
init = function()
  for at = 1, %d do
    wrk.headers["X-Request-Id"] = "request-" .. at
    made[at] = wrk.format(nil, paths[(at - 1) %% #paths + 1] .. "?id=" .. at)
  end
end
request = function()
  turn = turn %% #made + 1
  return made[turn]
end"""


def script(load: Load, prefixes: list[str]) -> str:
    """The Lua that wrk runs: it makes its one request once, or those that differ, which then take turns over the prefixes."""
    lines = [f"wrk.method = {json.dumps(load.method)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in load.headers.items()]
    if load.body:
        lines.append(f'wrk.body = string.rep("x", {load.body})')
    requests = max(load.varied, len(prefixes))
    if requests > 1:
        lines.append(VARIED % (", ".join(json.dumps(each + load.path) for each in prefixes), requests))
    return "\n".join([*lines, DONE])


def run(load: Load, port: int, prefixes: list[str], seconds: float, folder: Path) -> Counted:
    """One load of 127.0.0.1:`port`. wrk knows only whole seconds; another time is ended as a person would end it, by SIGINT.

    Raises:
        LoadError: wrk failed.
    """
    file = folder / "load.lua"
    file.write_text(script(load, prefixes), encoding="utf-8")
    url = f"http://127.0.0.1:{port}{prefixes[0]}{load.path}"
    whole = seconds == int(seconds)
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{int(seconds) + (not whole)}s", "--timeout", "10s", "-s", str(file), url]
    if not whole:
        command = ["timeout", "--signal=INT", str(seconds), *command]
    done = subprocess.run(leashed(*command), capture_output=True, text=True, timeout=seconds + 30, check=False)
    return counted(done.stdout + done.stderr)
