"""One line of the demonstration: what is done, what is expected of it, and how it went.

A line is as it should be only if every check holds; who judges knows nothing of how it is shown.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.cli.demonstration.process import NotStartedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cli.demonstration.stage import Count, Stage


@dataclass(frozen=True, slots=True)
class Check:
    """What was expected, and what was seen."""

    what: str
    expected: str
    seen: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out, in a few words; `evidence` is quoted from where it was found."""

    told: str
    checks: tuple[Check, ...]
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A line.

    Args:
        token_requests: how many the authorization server must have counted meanwhile.
        again: how often the API must have seen a call that the application made once.
    """

    name: str
    done: str
    run: Callable[[Stage], Outcome]
    token_requests: int = 0
    again: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A step that was run."""

    step: Step
    outcome: Outcome

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.outcome.checks if not check.holds)


def same(what: str, expected: object, seen: object) -> Check:
    """Whether what was seen is what was expected."""
    return Check(what, str(expected), str(seen), expected == seen)


def says(what: str, part: str, text: str) -> Check:
    """Whether `part` stands in `text`."""
    return Check(what, f"... {part} ...", text or "nothing", part in text)


def counted(step: Step, seen: Count) -> tuple[Check, ...]:
    """Whether the servers counted what the step said."""
    return (
        same("token requests at the authorization server", step.token_requests, seen.token_requests),
        same("calls at the API", seen.calls + step.again, seen.api_calls),
    )


def take(step: Step, stage: Stage) -> Line:
    """Run a step and count what it caused; a part that gives no answer is a check that fails."""
    before = stage.count()
    try:
        outcome = step.run(stage)
    except (OSError, http.client.HTTPException, NotStartedError) as exc:
        outcome = Outcome("", (same("every part answers", "an answer", f"{type(exc).__name__}: {exc}"),))
    checks = (*outcome.checks, *counted(step, stage.count().since(before)))
    return Line(step, Outcome(outcome.told, checks, outcome.evidence))
