"""What is wrong with a configuration, and where: Place, Problem, Warned, Findings, SettingsError.

A problem's text never holds a value that could be a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_PLAIN = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_LONGEST_QUOTE = 64  # characters of a name that are quoted back


@dataclass(frozen=True, slots=True)
class Place:
    """A file as its reader named it, line and column from 1; line 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def short(self) -> str:
        """`file:line`, to point at something from another line."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change; its text form is one line."""

    place: Place | None
    key: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place or ""), self.key, self.text) if part)


class Warned(str):
    """The line of a warning, with the rule that it comes from ("": none of the lint's) and what it says of which place."""

    __slots__ = ("problem", "rule")

    def __new__(cls, rule: str, problem: Problem) -> Self:
        line = super().__new__(cls, problem)
        line.rule, line.problem = rule, problem
        return line

    rule: str
    problem: Problem


class SettingsError(Exception):
    """The configuration cannot be used; `problems` holds all that is wrong, in order of place, `files` what was read for it."""

    def __init__(self, problems: tuple[Problem, ...], files: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
        self.files = files


class Findings:
    """Collects problems; the same one is kept once, though it was met on several ways."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._files: dict[str, int] = {}

    def reads(self, file: str) -> None:
        """`file` is read next; problems are told in the order of files."""
        self._files.setdefault(file, len(self._files))

    def add(self, place: Place | None, key: str, text: str) -> None:
        """One more problem."""
        self._problems.setdefault(Problem(place, key, text))

    def under(self, file: str, key: str) -> bool:
        """Whether something is already known to be wrong with `key` of `file`, or with a part of it."""
        return any(p.place is not None and p.place.file == file and _is_part(p.key, key) for p in self._problems)

    def raise_if_any(self) -> None:
        """Raises SettingsError where a problem was found."""
        if self._problems:
            raise SettingsError(tuple(sorted(self._problems, key=self._order)), tuple(self._files))

    def _order(self, problem: Problem) -> tuple[int, int, int]:
        place = problem.place or Place("")
        return self._files.get(place.file, len(self._files)), place.line, place.column


def _is_part(key: str, whole: str) -> bool:
    return key == whole or (key.startswith(whole) and key[len(whole)] in ".[")


def join(parent: str, name: str) -> str:
    """The key path of `name` inside `parent`; a name that would break the line is quoted."""
    return f"{parent}.{shown(name)}" if parent else shown(name)


def shown(name: str) -> str:
    """A name as it is, or quoted where it holds anything but letters, digits and `_.-`."""
    return name if _PLAIN.fullmatch(name) else quoted(name)


def quoted(name: str) -> str:
    """A name as a message quotes it: on one line, cut where it is long, escaped where it cannot be seen."""
    cut = name if len(name) <= _LONGEST_QUOTE else name[:_LONGEST_QUOTE] + "..."
    return repr(cut)
