"""Where a key stands in the files: `credentials.crm.token_url` -> `security-material.yaml:5:16`.

For the log and for commands that a person runs; callers are told the key alone.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.settings.problems import Findings, Place
from proxy.settings.single import FLAGS, variable
from proxy.settings.source import Node, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SECTIONS = frozenset({"credentials", "routes"})  # whose members have names
_INDEX = re.compile(r"\[(\d*)\]$")
Named = dict[str, tuple[Place, Node]]
_FLAGS = {"listeners[0].address": "listen", "admin.address": "admin"}  # keys that have another name as a flag


class Places:
    """The places of a configuration's keys, in its files as they are now; parsed when the first key is asked for."""

    def __init__(self, files: Sequence[str]) -> None:
        self._texts = [(file, data) for file in files if (data := _content(file)) is not None]
        self._files = files

    def tell(self, key: str) -> str | None:
        """`security-material.yaml:5:16`, or the flag where there is no file: `--token-url ($BEARERD_TOKEN_URL)`; None: unknown."""
        if not self._files:
            flag = _FLAGS.get(key) or key.rpartition(".")[2].replace("_", "-")
            return f"--{flag} (${variable(flag)})" if flag in FLAGS else None
        place = self.find(key)
        return str(place) if place else None

    def find(self, key: str) -> Place | None:
        """The place of `key`, or of what it belongs to: a route, an alias, a section, a file; None: there is no such route or alias."""
        first, _, rest = key.partition(".")
        if first in _SECTIONS:
            return next((place for named in self._named[first] if (place := self._inside(named, first, rest)) is not None), None)
        path = list(_steps(key))
        said = next((node for node in self._nodes if _reached(node, path)), None)
        return _nearest(said, path).place if said is not None else Place(self._files[0])

    @cached_property
    def _nodes(self) -> list[Node]:
        nodes = [parse(data, file, Findings()) for file, data in self._texts]
        return [node for node in nodes if node is not None]

    @cached_property
    def _named(self) -> dict[str, list[Named]]:
        """By section, the members of each file by their names, of two with one name the first."""
        return {section: [_by_name(_members(node, section)) for node in self._nodes] for section in _SECTIONS}

    def _inside(self, named: Named, section: str, rest: str) -> Place | None:
        """A name may hold dots: the longest one that begins `rest` is meant."""
        name = rest
        while name not in named and "." in name:
            name = name.rpartition(".")[0]
        if name not in named:
            return None
        place, member = named[name]
        names = rest.removeprefix(name).removeprefix(".").split(".")
        found = member.get(*names) or (self._default(names) if section == "routes" else None) or member.nearest(*names)
        return place if found is member else found.place

    def _default(self, names: list[str]) -> Node | None:
        """What `defaults` say for every route."""
        return next((found for node in self._nodes if (found := node.get("defaults", *names)) is not None), None)


def _content(file: str) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError:
        return None


def _members(node: Node, section: str) -> Iterator[tuple[str, Place, Node]]:
    """Name, place and node of every credential, or of every route under each of its names."""
    if section == "credentials":
        for alias, entry in (found.entries if (found := node.get(section)) else {}).items():
            yield alias, entry.place, entry.node
        return
    for route in found.items if (found := node.get(section)) else ():
        said = {name: child.word for name in ("name", "prefix", "host") if (child := route.get(name))}
        for name in (said.get("name"), said.get("prefix"), said.get("host", "") + said.get("prefix", "")):
            if name:
                yield name, route.place, route


def _by_name(members: Iterable[tuple[str, Place, Node]]) -> Named:
    named: Named = {}
    for name, place, node in members:
        named.setdefault(name, (place, node))
    return named


def _steps(key: str) -> Iterator[str | int]:
    """`listeners[1].address` as listeners, 1, address; `listeners[]` is the first one."""
    for part in key.split("."):
        index = _INDEX.search(part)
        yield part[: index.start()] if index else part
        if index:
            yield int(index[1] or 0)


def _reached(node: Node, path: list[str | int]) -> Node | None:
    """The node one step further."""
    match path[0]:
        case int(index):
            return node.items[index] if index < len(node.items) else None
        case name:
            return node.get(name)


def _nearest(node: Node, path: list[str | int]) -> Node:
    """The node at the end of `path`, or the innermost one on the way that is there."""
    further = _reached(node, path) if path else None
    return _nearest(further, path[1:]) if further is not None else node
