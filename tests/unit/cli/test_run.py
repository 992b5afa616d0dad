"""`bearerd run`: how it ends when it cannot start."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Configure

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("ours", "key"),
    [
        ({"listeners": [{"address": "127.0.0.1:0"}, {"address": "TAKEN"}], "admin": {"address": "127.0.0.1:0"}}, "listeners[1].address"),
        ({"listeners": [{"address": "127.0.0.1:0"}], "admin": {"address": "TAKEN"}}, "admin.address"),
    ],
)
def test_an_address_in_use(configure: Configure, ours: dict[str, object], key: str) -> None:
    """It is told with place and key, on standard error and in the log, and the status is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        path = configure(**json.loads(json.dumps(ours).replace("TAKEN", address)))
        line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if address in text)
        done = subprocess.run(
            [sys.executable, "-m", "proxy", "run"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    place, text = f"config/proxy.yaml:{line}:", f"cannot listen on {address}: Address already in use"
    assert (done.returncode, done.stderr.startswith(place), done.stderr.endswith(f": {key}: {text}\n")) == (1, True, True)
    (told,) = [line for line in map(json.loads, done.stdout.splitlines()) if line["event"] == "cannot_listen"]
    assert (told["level"], told["key"], told["place"].startswith(place), told["detail"]) == ("error", key, True, text)
