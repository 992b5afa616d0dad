"""Where a key stands: operators read it in the log, callers never do."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd
    from tests.integration.running import Bearerd


def line_of(path: Path, word: str) -> int:
    """The first line of a file that holds `word`, counted from 1."""
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if word in line)


async def fails_at(running: Bearerd, path: Path) -> None:
    """Waits for a failed call whose place is where `token_url` stands in the file now."""
    place = f"{path}:{line_of(path, 'token_url')}:"
    await asyncio.to_thread(
        running.wait_for,
        lambda line: (
            line["event"] == "request_failed" and line["key"] == "credentials.crm.token_url" and line.get("place", "").startswith(place)
        ),
    )


async def test_the_log_tells_a_key_with_its_place(bearerd: StartBearerd, caller: Caller) -> None:
    """A failed call's line has the place of the key to change, after a reload the new one; the caller's answer has neither."""
    credential = {"type": "oauth2_client_credentials", "token_url": "http://127.0.0.1:1/t", "client_id": "id", "client_secret": "s3cret"}
    running = bearerd({"prefix": "/crm", "upstream": "http://127.0.0.1:1", "credential": "crm"}, credentials={"crm": credential})
    path = running.config
    assert path is not None

    before = await caller.get(f"{running.url}/crm")
    await fails_at(running, path)
    path.write_text(f"# one line\n# and another\n{path.read_text()}")
    running.signal(signal.SIGHUP)
    await asyncio.to_thread(running.wait_for, lambda line: line["event"] == "config_reloaded")
    after = await caller.get(f"{running.url}/crm")
    await fails_at(running, path)

    answers = [f"{answer.headers} {answer.body!r}" for answer in (before, after)]
    assert [answer for answer in answers if path.name in answer or "credentials.crm.token_url" not in answer] == []
