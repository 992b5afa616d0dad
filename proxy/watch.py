"""Tells when a configuration file changed, however it was changed: in place, by rename, by a swapped symlink.

Content decides: a change without a new content is none. Files are looked at, since a network's or a container's folder may send no events.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

EVERY = 0.5  # seconds from look to look

Look = tuple[tuple[int, ...] | None, ...]


async def changes(files: Iterable[str], *, until: asyncio.Event) -> AsyncGenerator[None, None]:
    """Yields after each change of any of `files`, `until` that happens.

    What changed is read at the next look: who writes is done by then, and nothing that came within one tick of the file's clock is missed.
    """
    paths = tuple(Path(file) for file in files)
    if not paths:
        return
    seen = await asyncio.to_thread(_look, paths)  # before the content: what comes between the two is a change
    known = await asyncio.to_thread(_digest, paths)
    changed = False
    while not await _is_over(until):
        look = await asyncio.to_thread(_look, paths)
        read, changed, seen = changed, look != seen, look
        now = await asyncio.to_thread(_digest, paths) if read else known
        if now != known:
            known = now
            yield


async def _is_over(until: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(EVERY):
            return await until.wait()
    except TimeoutError:
        return False


def _look(paths: tuple[Path, ...]) -> Look:
    """What shows that a file may have changed, without reading it."""
    return tuple(_facts(path) for path in paths)


def _facts(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def mark(file: str) -> str:
    """A digest of the file's content now; a missing file is a content of its own."""
    return _digest((Path(file),))


def _digest(paths: tuple[Path, ...]) -> str:
    """One digest over all contents; a missing file is a content of its own."""
    total = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError:
            content = b"\0missing"
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()
