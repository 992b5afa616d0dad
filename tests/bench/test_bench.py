"""The benchmark measures what it says: a few calls of it, so that it never rots."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from tests.bench.__main__ import bench
from tests.bench.load import API, call

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_tells_a_ratio_and_one_token_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both loads run through to the end, and all calls through bearerd took one token request."""
    await bench(calls=400, rounds=1, folder=tmp_path)
    said = capsys.readouterr().out
    ratios = [float(ratio) for ratio in re.findall(r"ratio +([0-9.]+) of the direct rate", said)]
    assert len(ratios) == 2
    assert all(0 < ratio < 2 for ratio in ratios)
    assert "; 1 token request(s)" in said


async def test_it_counts_no_refused_call() -> None:
    """An answer other than the API's 200 ends the load instead of making it look fast."""
    api = await asyncio.get_running_loop().create_server(API, "127.0.0.1", 0)
    async with api:
        with pytest.raises(RuntimeError, match="not the API's answer"):
            await call(api.sockets[0].getsockname()[1], b"GET / HTTP/1.1\r\n\r\n", calls=3, connections=1)
