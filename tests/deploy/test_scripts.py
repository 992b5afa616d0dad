"""The shell around the project: the scripts keep shellcheck's rules, the Makefile has the commands that the documents name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("script", [".ci/run", "tests/setup"])
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    """The script is executable, quotes what it should and ends where it fails."""
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, ROOT / script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert (ROOT / script).stat().st_mode & 0o111
    assert "set -euo pipefail" in (ROOT / script).read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "image", "lock", "clean"])
def test_make_knows_and_tells_the_target(target: str) -> None:
    """`make help` lists the command, and make can plan it."""
    told = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True, timeout=60)
    assert target in {line.split()[0] for line in told.stdout.splitlines() if line[:1].isalpha()}
    planned = subprocess.run(["make", "-C", ROOT, "--dry-run", target], capture_output=True, text=True, check=False, timeout=60)
    assert planned.returncode == 0, planned.stderr
