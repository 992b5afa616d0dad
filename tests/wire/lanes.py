"""The same bytes down two lanes, whole and cut, and every difference in what came of them.

A difference is told only if it is there slowly too: what one lane had not done yet when both were looked at is none.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes.raw import RawUpstream
from tests.wire.stand import Pause, Sayings, Seen, Stand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHORT = 400  # bytes; of longer messages not every offset is tried
SPREAD = 16  # offsets tried in long ones for no reason

QUICKLY = Pause()
PATIENTLY = Pause(0.02, 12)  # longer than a tick of the express lane, which waits for one with a body that is not whole

Pair = tuple[Stand, Stand]
How = Literal["whole", "byte by byte", "request", "answer"]
Cut = tuple[How, int]


@dataclass(frozen=True, slots=True)
class Case:
    """What a caller sends, and what the upstream says to it."""

    sent: bytes
    sayings: Sayings = field(default_factory=Sayings)
    half_close: bool = False  # the caller sends no more after it
    cold: bool = False  # neither a token nor a connection is at hand


@dataclass(frozen=True, slots=True)
class Difference:
    """A case that two lanes do not agree on, and where it was cut."""

    name: str
    cut: Cut
    seen: tuple[Seen, Seen]

    def __str__(self) -> str:
        one, other = self.seen
        kind, offset = self.cut
        lines = [f"{self.name}, {kind} {offset}:"]
        for part in ("requests", "fragments", "got", "ended"):
            first, second = getattr(one, part), getattr(other, part)
            if first != second:
                lines += [f"  {part}:", f"    {first!r}"[:2000], f"    {second!r}"[:2000]]
        return "\n".join(lines)


def offsets(data: bytes) -> Iterator[int]:
    """Where `data` is cut: everywhere; where it is long, around the ends of its first lines, near both ends, and here and there."""
    if len(data) <= SHORT:
        yield from range(1, len(data))
        return
    ends = {at for at in range(4 * SHORT) if data[at : at + 2] == b"\r\n"} | {0, len(data)}
    around = {at + near for at in ends for near in range(-1, 6)}  # inside of an end of line, of two, and behind them
    yield from sorted(at for at in around | {len(data) * step // SPREAD for step in range(SPREAD)} if 0 < at < len(data))


def differences(
    cases: Mapping[str, Case], lanes: tuple[str, str], *, cut: How, options: Mapping[str, Any] | None = None
) -> list[Difference]:
    """What `lanes` do not agree on, with these options of the route; `cut` in two parts at every offset, or not."""
    return asyncio.run(_differences(cases, lanes, cut, options or {}))


async def _differences(cases: Mapping[str, Case], lanes: tuple[str, str], cut: How, options: Mapping[str, Any]) -> list[Difference]:
    found = []
    async with AsyncExitStack() as running:
        shared = await _pair(running, lanes, QUICKLY, options)
        for name, case in cases.items():
            suspects = [at for at, seen in await _compared(case, shared, _cuts(case, cut)) if seen[0] != seen[1]]
            if not suspects:
                continue
            async with AsyncExitStack() as again:
                own = await _pair(again, lanes, PATIENTLY, options)
                found += [Difference(name, at, seen) for at, seen in await _compared(case, own, suspects) if seen[0] != seen[1]]
    return found


def accounts(cases: Mapping[str, Case], lanes: tuple[str, str]) -> tuple[list[object], list[object]]:
    """What each of `lanes` tells of the cases, each whole: access lines, then counts."""
    return asyncio.run(_accounts(cases, lanes))


async def _accounts(cases: Mapping[str, Case], lanes: tuple[str, str]) -> tuple[list[object], list[object]]:
    async with AsyncExitStack() as running:
        one, other = pair = await _pair(running, lanes, QUICKLY, {})
        for case in cases.values():
            await _compared(case, pair, [("whole", 0)])
    return one.account(), other.account()


def _cuts(case: Case, cut: How) -> Iterable[Cut]:
    if cut in {"whole", "byte by byte"}:
        return [(cut, 0)] if cut == "whole" or len(case.sent) <= SHORT else []
    return [(cut, at) for at in offsets(case.sent if cut == "request" else case.sayings.raws[0])]


async def _pair(running: AsyncExitStack, lanes: tuple[str, str], pause: Pause, options: Mapping[str, Any]) -> Pair:
    upstream = await running.enter_async_context(RawUpstream())
    one, other = [await running.enter_async_context(Stand(lane, pause, upstream, options)) for lane in lanes]
    return one, other


async def _compared(case: Case, pair: Pair, cuts: Iterable[Cut]) -> list[tuple[Cut, tuple[Seen, Seen]]]:
    return [(cut, (await _seen(pair[0], case, cut), await _seen(pair[1], case, cut))) for cut in cuts]


async def _seen(stand: Stand, case: Case, cut: Cut) -> Seen:
    kind, at = cut
    await (stand.cool() if case.cold else stand.warm())
    parts = [case.sent]
    if kind == "request":
        parts = [case.sent[:at], case.sent[at:]]
    elif kind == "byte by byte":
        parts = [bytes([byte]) for byte in case.sent]
    return await stand.exchange(parts, case.sayings, cut=at if kind == "answer" else None, half_close=case.half_close)
