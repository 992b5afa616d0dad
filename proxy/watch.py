"""Tells when a configuration file changed, however it was changed: in place, by rename, by a swapped symlink.

Content decides: an event without a new content is none.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Iterable

DEBOUNCE = 300  # milliseconds that several changes may take together


async def changes(files: Iterable[str], *, until: asyncio.Event) -> AsyncGenerator[None, None]:
    """Yields after each change of any of `files`, `until` that happens.

    Their folders are watched, as a mounted Kubernetes volume needs.
    """
    from watchfiles import awatch  # noqa: PLC0415  # only a configuration from files needs it

    paths = tuple(Path(file) for file in files)
    if not paths:
        return
    folders = {path.absolute().parent for path in paths}
    known = _digest(paths)
    async for _ in awatch(*folders, recursive=False, debounce=DEBOUNCE, step=50, stop_event=until):
        now = _digest(paths)
        if now != known:
            known = now
            yield


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
