"""The Dockerfile and the three locks: linted, hashed, naming no host, and the image gets nothing but what runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from proxy.settings import load

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-image.txt", "requirements-build.txt")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; .*)? \\$", re.MULTILINE)
HASHED = re.compile(r"(#.*\n)*([a-z0-9-]+==\S+( ; [^\\\n]*)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+)+")


def pins(lock: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / lock).read_text(encoding="utf-8")))


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9-]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


def test_hadolint_has_nothing_to_say() -> None:
    """The Dockerfile keeps hadolint's rules, and shellcheck's in its RUN lines."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_pins_and_hashes_alone(lock: str) -> None:
    """Every line is a pinned package or one of its hashes: no index, no URL, no host."""
    assert HASHED.fullmatch((ROOT / lock).read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_small_locks_agree_with_the_tested_one(lock: str) -> None:
    """What the image holds and what builds it are the versions that the tests ran with."""
    assert pins(lock).items() <= pins("requirements.txt").items()


def test_the_locks_cover_what_pyproject_declares() -> None:
    """A dependency that is declared is locked; what only development needs does not reach the image."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    runtime, build = named(project["project"]["dependencies"]), named(groups["build"])
    development = named([each for each in groups["dev"] if isinstance(each, str)])
    assert runtime <= pins("requirements-image.txt").keys()
    assert build <= pins("requirements-build.txt").keys()
    assert runtime | build | development <= pins("requirements.txt").keys()
    assert not (build | development) & pins("requirements-image.txt").keys()


def test_the_context_holds_what_the_dockerfile_copies() -> None:
    """Each file that a COPY names is let through by .dockerignore and is in the checkout."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE) for name in line.split()[:-1]}
    let_through = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_the_configuration_of_the_image_proof_loads() -> None:
    """What continuous integration starts the image with is a configuration of this version."""
    assert [route.prefix for route in load([ROOT / "tests" / "deploy" / "image.yaml"]).routes] == ["/orders"]
