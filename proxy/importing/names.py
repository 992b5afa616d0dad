"""Names of an export to names of ours: aliases, environment variables.

A name is given once; the next that would be the same is numbered.
"""

from __future__ import annotations

import re

_NOT_IN_AN_ALIAS = re.compile(r"[^A-Za-z0-9._-]+")
_NOT_IN_A_VARIABLE = re.compile(r"[^A-Z0-9]+")
_LONGEST = 64  # characters of an alias
_RESERVED = "none"  # a route's word for no credential


class Names:
    """Gives names that are told apart without regard to case, as some file systems do."""

    def __init__(self) -> None:
        self._aliases: set[str] = set()
        self._variables: set[str] = set()

    def alias(self, name: str) -> str:
        """The alias for a name: letters, digits, `.`, `_` and `-`, at most 64."""
        base = _NOT_IN_AN_ALIAS.sub("-", name).strip("._-")[:_LONGEST].rstrip("._-") or "imported"
        return _new(base if base != _RESERVED else f"{base}-1", "-", self._aliases)

    def variable(self, alias: str, name: str) -> str:
        """The environment variable for a secret of an alias: ALIAS_CLIENT_SECRET."""
        text = _NOT_IN_A_VARIABLE.sub("_", f"{alias}_{name}".upper()).strip("_")
        return _new(f"_{text}" if text[:1].isdigit() else text, "_", self._variables)


def _new(base: str, separator: str, taken: set[str]) -> str:
    name, count = base, 1
    while name.casefold() in taken:
        count += 1
        end = f"{separator}{count}"
        name = base[: _LONGEST - len(end)] + end if separator == "-" else base + end
    taken.add(name.casefold())
    return name
