"""The peers that come as packages, installed under build/ at the versions and hashes that stand beside this file.

A lock file that is newer than what was installed of it installs it anew; otherwise nothing is done.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from tests.bench.contenders.process import BUILT, HERE, built

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = BUILT / "python"
NODE = BUILT / "node"


def from_pypi() -> Path:
    """Where the packages of requirements.txt are.

    Raises:
        UnavailableError: they cannot be installed here.
    """
    lock = HERE / "requirements.txt"
    if not _fresh(PYTHON, lock):
        shutil.rmtree(PYTHON, ignore_errors=True)
        options = "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"
        built([sys.executable, "-m", "pip", "install", *options, "--target", PYTHON, "-r", lock], HERE)
        _done(PYTHON)
    return PYTHON


def from_npm() -> Path:
    """The folder that has the node_modules of package-lock.json.

    Raises:
        UnavailableError: they cannot be installed here.
    """
    lock = HERE / "package-lock.json"
    if not _fresh(NODE, lock):
        NODE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, NODE)
        built(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], NODE)
        _done(NODE)
    return NODE


def _fresh(folder: Path, lock: Path) -> bool:
    done = folder / ".done"
    return done.exists() and done.stat().st_mtime >= lock.stat().st_mtime


def _done(folder: Path) -> None:
    (folder / ".done").touch()
