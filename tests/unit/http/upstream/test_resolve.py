"""proxy/http/upstream/resolve.py: names to addresses."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from proxy.errors import UpstreamAddressRefusedError, UpstreamDNSError
from proxy.http.upstream import Resolver, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

Infos = list[Any]


def infos(*addresses: str) -> Infos:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]


class Names:
    """A resolver and what the system below it answers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.answer: Callable[[], Infos] = lambda: infos("192.0.2.1")
        self.gate = asyncio.Event()
        self.gate.set()
        self.resolver = Resolver(lambda: self.now)

    async def getaddrinfo(self, *_: object, **__: object) -> Infos:
        self.asked += 1
        await self.gate.wait()
        return self.answer()

    async def resolve(self, *, allow: bool = False) -> list[str]:
        found = await self.resolver.resolve("api.test", 443, allow_link_local=allow, key="routes.r.upstream")
        return [str(info[4][0]) for info in found]


def fail() -> Infos:
    raise socket.gaierror(-3, "Temporary failure in name resolution")


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)
    return names


@pytest.mark.parametrize(("later", "asked"), [(0.0, 1), (9.9, 1), (10.0, 2)])
async def test_an_answer_is_kept_for_ten_seconds(names: Names, later: float, asked: int) -> None:
    """And no longer."""
    await names.resolve()
    names.now += later
    assert (await names.resolve(), names.asked) == (["192.0.2.1"], asked)


async def test_the_old_answer_serves_while_names_fail(names: Names) -> None:
    """And the first new one replaces it."""
    await names.resolve()
    names.now += 3600
    names.answer = fail
    old = await names.resolve()
    names.answer = lambda: infos("192.0.2.2")
    assert (old, await names.resolve()) == (["192.0.2.1"], ["192.0.2.2"])


async def test_the_old_answer_serves_while_names_hang(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers nothing must not use up the time to connect."""
    await names.resolve()
    names.now += 3600
    monkeypatch.setattr(resolve, "PATIENCE", 0.0)
    names.gate.clear()
    old = await names.resolve()
    names.answer = lambda: infos("192.0.2.2")
    names.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (old, await names.resolve(), names.asked) == (["192.0.2.1"], ["192.0.2.2"], 2)


async def test_many_who_ask_make_one_lookup(names: Names) -> None:
    """A caller that leaves does not end it for the others."""
    names.gate.clear()
    leaves, *stay = (asyncio.create_task(names.resolve()) for _ in range(50))
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)
    names.gate.set()
    assert (await asyncio.gather(*stay), names.asked) == ([["192.0.2.1"]] * 49, 1)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long"), OSError("no")])
async def test_a_name_that_never_resolved_is_told(names: Names, error: Exception) -> None:
    """With the key that says it; the host stands in the log alone."""

    def answer() -> Infos:
        raise error

    names.answer = answer
    with pytest.raises(UpstreamDNSError) as raised:
        await names.resolve()
    assert (raised.value.key, "api.test" in str(raised.value), "api.test" in raised.value.log_detail) == ("routes.r.upstream", False, True)


@pytest.mark.parametrize(
    ("addresses", "allow", "left"),
    [
        (["169.254.169.254"], False, None),
        (["fe80::1"], False, None),
        (["::ffff:169.254.169.254"], False, None),
        (["169.254.169.254", "192.0.2.1"], False, ["192.0.2.1"]),
        (["169.254.169.254"], True, ["169.254.169.254"]),
        (["127.0.0.1", "10.0.0.1"], False, ["127.0.0.1", "10.0.0.1"]),
    ],
)
async def test_forbidden_addresses_are_left_out(names: Names, addresses: list[str], allow: bool, left: list[str] | None) -> None:  # noqa: FBT001  # a column of the table
    """Each time, from the cache too: what is connected to was checked after it was resolved."""
    names.answer = lambda: infos(*addresses)
    assert ([await judged(names, allow=allow), await judged(names, allow=allow)], names.asked) == ([left, left], 1)


async def judged(names: Names, *, allow: bool) -> list[str] | None:
    try:
        return await names.resolve(allow=allow)
    except UpstreamAddressRefusedError:
        return None
