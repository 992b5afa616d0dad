"""proxy/watch.py: a changed file is seen, however it was changed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from proxy import watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD, NEW = b"routes: []\n", b"routes: [1]\n"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "DEBOUNCE", 60)


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A file in a volume as Kubernetes mounts one: two symlinks deep."""
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "proxy.yaml").write_bytes(OLD)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "proxy.yaml").symlink_to("..data/proxy.yaml")
    return tmp_path / "proxy.yaml"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.yaml"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def removed(plain: Path) -> None:
    plain.unlink()


async def first_change(path: Path, until: asyncio.Event) -> bool:
    async with aclosing(watch.changes([str(path)], until=until)) as changes:
        async for _ in changes:
            return True
    return False


async def seen(path: Path, step: Callable[[], object], patience: float = 3.0) -> bool:
    """Whether a change is told after the step."""
    until = asyncio.Event()
    change = asyncio.create_task(first_change(path, until))
    await asyncio.sleep(0.2)  # the kernel's watch stands by now
    step()
    await asyncio.wait({change}, timeout=patience)
    until.set()
    return await change


async def test_a_change_in_place(plain: Path) -> None:
    """As an editor writes."""
    assert await seen(plain, lambda: plain.write_bytes(NEW))


async def test_a_change_by_rename(plain: Path) -> None:
    """As a careful editor writes."""
    other = plain.with_suffix(".tmp")
    other.write_bytes(NEW)
    assert await seen(plain, lambda: other.rename(plain))


async def test_a_removal(plain: Path) -> None:
    """A missing file is a change, too: the reload will say what is wrong."""
    assert await seen(plain, plain.unlink)


@pytest.mark.usefixtures("removed")
async def test_a_file_that_comes_later(plain: Path) -> None:
    """It may be missing when watching begins."""
    assert await seen(plain, lambda: plain.write_bytes(NEW))


async def test_a_swapped_symlink(mounted: Path) -> None:
    """As Kubernetes updates a mounted volume (MUSTS 23)."""
    folder = mounted.parent
    (folder / "..2").mkdir()
    (folder / "..2" / "proxy.yaml").write_bytes(NEW)
    (folder / "..new").symlink_to("..2")
    assert await seen(mounted, lambda: (folder / "..new").rename(folder / "..data"))


@pytest.mark.parametrize("step", ["touch", "the same content", "another file"])
async def test_no_change(plain: Path, step: str) -> None:
    """An event without a new content is none."""
    steps: dict[str, Callable[[], object]] = {
        "touch": plain.touch,
        "the same content": lambda: plain.write_bytes(OLD),
        "another file": lambda: plain.with_name("other.yaml").write_bytes(NEW),
    }
    assert not await seen(plain, steps[step], patience=0.4)


async def test_no_files_end_at_once() -> None:
    """A configuration from flags has none."""
    assert [item async for item in watch.changes([], until=asyncio.Event())] == []
