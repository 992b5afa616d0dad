"""The admin listener's address, and nothing else, out of files that may be broken.

A running instance may have started with what stood there before: whatever is wrong elsewhere in a file is no matter here.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import yaml

from proxy.settings.listen import ListenAddress
from proxy.settings.model import Admin
from proxy.settings.problems import Findings
from proxy.settings.source import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_KEY = ("admin", "address")
_SECTION = re.compile(r"^admin:.*\n?(?:[ \t#].*\n?|\n)*", re.MULTILINE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Words = dict[tuple[str, ...], str]  # a scalar by the keys that lead to it


def admin_address(paths: Sequence[Path]) -> tuple[str, list[str]]:
    """What the first file says that says it, else the default; and a line for each file that makes that doubtful."""
    doubts = []
    for path in paths:
        try:
            address = _said(path.read_bytes())
            if address is not None:
                ListenAddress.parse(address)
                return address, []
        except OSError as exc:
            doubts.append(f"{path}: cannot be read: {exc.strerror}")
        except ValueError:
            doubts.append(f"{path}: no admin.address can be read in it")
    return Admin().address, doubts


def _said(data: bytes) -> str | None:
    """None: a good file that does not say it.

    Raises:
        ValueError: a broken file in which it was not found.
    """
    node = parse(data, "", Findings())
    if node is not None:
        found, name = node.get(*_KEY), node.get(*_KEY, "env")
        return _resolved({_KEY: found.word if found else "", (*_KEY, "env"): name.word if name else ""}) if found else None
    text = data.decode("utf-8", "replace")
    section = _SECTION.search(text)
    address = _resolved(_words(text)) or (_resolved(_words(section[0])) if section else "")
    if not address:
        raise ValueError("not found")
    return address


def _resolved(words: Words) -> str:
    return words.get(_KEY) or os.environ.get(words.get((*_KEY, "env"), ""), "")


def _words(text: str) -> Words:
    """The scalars of a text, as far as it is YAML."""
    found: Words = {}
    try:
        events = yaml.parse(text, Loader=_LOADER)
        for event in events:
            _walk(event, events, (), found)
    except (yaml.YAMLError, RecursionError, ValueError):
        return found
    return found


def _walk(event: Any, events: Iterator[Any], path: tuple[str, ...], found: Words) -> None:
    match event:
        case yaml.ScalarEvent():
            found.setdefault(path, event.value)
        case yaml.SequenceStartEvent():
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                _walk(item, events, (*path, "[]"), found)
        case yaml.MappingStartEvent():
            while not isinstance(name := next(events), yaml.MappingEndEvent):
                _walk(name, events, (*path, "?"), found)
                _walk(next(events), events, (*path, getattr(name, "value", "?")), found)
