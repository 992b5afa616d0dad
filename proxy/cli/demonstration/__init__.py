"""The demonstration: real parts on loopback, bearerd in front, and a legacy application that calls.

It says what it saw, and its result is true only if all of it was as it should be.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from proxy.cli.demonstration.screen import heading, invitation, show
from proxy.cli.demonstration.step import Line, Outcome, Step, same, take
from proxy.cli.demonstration.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from proxy.cli.demonstration.stage import Count, Stage

__all__ = ["STEPS", "demonstrate", "stay"]

LOOK = 0.5  # seconds between two looks at bearerd while it stays up


def demonstrate(console: Console, stage: Stage, steps: Sequence[Step] = STEPS) -> bool:
    """Run and show every step, then the sum; whether all was as it should be."""
    began = time.monotonic()
    heading(console, stage)
    lines = []
    for step in steps:
        with console.status(step.done):
            line = take(step, stage)
        show(console, line)
        lines.append(line)
    lines.append(_sum(steps, stage.count(), time.monotonic() - began))
    console.print()
    show(console, lines[-1])
    wrong = [line.step.done for line in lines if line.failed]
    if wrong:
        console.print(f"{len(wrong)} of {len(lines)} lines are not as they should be: {'; '.join(wrong)}", style="bold red")
    return not wrong


def stay(console: Console, stage: Stage) -> bool:
    """Keep the parts up until an interrupt, which is raised; False when bearerd ended by itself."""
    invitation(console, stage)
    while stage.bearerd.running:
        time.sleep(LOOK)
    console.print("bearerd ended by itself", style="bold red")
    return False


def _sum(steps: Sequence[Step], seen: Count, seconds: float) -> Line:
    token_requests, again = sum(step.token_requests for step in steps), sum(step.again for step in steps)
    checks = (
        same("token requests", token_requests, seen.token_requests),
        same("calls at the API", seen.calls + again, seen.api_calls),
    )
    told = f"{seen.calls} calls, {seen.token_requests} token requests, in {seconds:.0f} s"
    evidence = f"the API saw {seen.api_calls} calls: each once, {again} of them twice"
    return Line(Step("", "in all", lambda _: outcome), outcome := Outcome(told, checks, evidence))
