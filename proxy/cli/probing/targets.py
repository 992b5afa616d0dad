"""What is probed: an alias, a route, or a route with its alias.

Pure: settings and the arguments in, targets out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.settings.problems import quoted
from proxy.settings.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from proxy.http.routing import Route
    from proxy.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Target:
    """A credential's alias and a route that uses it; None where there is none."""

    alias: str | None
    route: Route | None


class UnknownNameError(Exception):
    """An argument is neither an alias nor a route; `lines` say so, one for each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


def chosen(settings: Settings, names: Sequence[str]) -> list[Target]:
    """The targets of these aliases and routes (by name or prefix), in the configuration's order; all where none is named.

    A route without `probe.path` is a target where it is named, or where no other shows its alias.

    Raises:
        UnknownNameError: there are others among the names.
    """
    known = {*settings.credentials, *(name for route in settings.routes for name in (route.name, route.prefix))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownNameError([_unknown(name, known) for name in unknown])
    if not names:
        return [*_by_alias(settings, settings.credentials), *_open(settings)]
    named = [_target(route) for route in settings.routes if {route.name, route.prefix} & set(names)]
    found = [*_by_alias(settings, [alias for alias in settings.credentials if alias in names]), *named]
    return [target for index, target in enumerate(found) if target not in found[:index]]


def _by_alias(settings: Settings, aliases: Iterable[str]) -> list[Target]:
    targets: list[Target] = []
    for alias in aliases:
        using = [route for route in settings.routes if route.credential == alias]
        called = [route for route in using if route.probe.path is not None]
        targets += [Target(alias, route) for route in called or using[:1]] or [Target(alias, None)]
    return targets


def _open(settings: Settings) -> list[Target]:
    """The routes that need no token and say what to call."""
    return [_target(route) for route in settings.routes if route.credential == "none" and route.probe.path is not None]


def _target(route: Route) -> Target:
    return Target(None if route.credential == "none" else route.credential, route)


def _unknown(name: str, known: Iterable[str]) -> str:
    near = nearest(name, sorted(known))
    return f"no alias or route {quoted(name)}" + (f"; did you mean {quoted(near)}?" if near else "")
