"""Where a key stands in the files: `credentials.crm.token_url` -> `security-material.yaml:5:16`.

For commands that a person runs; callers are told the key alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from proxy.settings.problems import Findings, Place
from proxy.settings.single import FLAGS, variable
from proxy.settings.source import Node, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Places:
    """The places of a configuration's keys, from the files that it was read from."""

    def __init__(self, files: Iterable[str]) -> None:
        nodes = [_read(file) for file in files]
        self._nodes = [node for node in nodes if node is not None]
        self._without_files = not nodes

    def tell(self, key: str) -> str | None:
        """`security-material.yaml:5:16`, or the flag where there is no file: `--token-url ($BEARERD_TOKEN_URL)`; None: unknown."""
        if self._without_files:
            flag = key.rpartition(".")[2].replace("_", "-")
            return f"--{flag} (${variable(flag)})" if flag in FLAGS else None
        place = self.find(key)
        return str(place) if place else None

    def find(self, key: str) -> Place | None:
        """The place of `key`, or of the innermost part of it that is written; None: no file has it."""
        first, _, rest = key.partition(".")
        for node in self._nodes:
            match first:
                case "credentials" | "routes":
                    found = _inside(_members(node, first), rest)
                case _:
                    found = node.nearest(*key.split(".")).place if node.get(first) else None
            if found is not None:
                return found
        return None


def _read(file: str) -> Node | None:
    try:
        return parse(Path(file).read_bytes(), file, Findings())
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


def _inside(members: Iterable[tuple[str, Place, Node]], rest: str) -> Place | None:
    """A name may hold dots: the longest one that begins `rest` is meant."""
    fitting = [(name, place, node) for name, place, node in members if rest == name or rest.startswith(f"{name}.")]
    if not fitting:
        return None
    name, place, node = max(fitting, key=lambda member: len(member[0]))
    names = rest.removeprefix(name).removeprefix(".").split(".")
    found = node.nearest(*names)
    return place if found is node else found.place
