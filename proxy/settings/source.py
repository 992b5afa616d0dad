"""YAML text to nodes, each with its place and its key.

Nothing is lost on the way: a duplicate key, a boolean that was meant as a word and every line are still known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import yaml
from yaml.reader import Reader

from proxy.settings.problems import Findings, Place, join, quoted

MAX_DEPTH = 32  # nested lists and mappings; ours need six
MAX_NODES = 200_000  # in one file, aliases counted as often as they are used
Kind = Literal["text", "integer", "number", "boolean", "nothing", "date", "binary value", "list", "mapping"]
_KINDS: dict[str, Kind] = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "null": "nothing",
    "timestamp": "date",
    "binary": "binary value",
}
_CORE = "tag:yaml.org,2002:"
_TAGS = {
    **dict.fromkeys(("!env", "!env_var", "!envvar", "!environment"), "{env: NAME}"),
    **dict.fromkeys(("!file", "!include", "!path"), "{file: PATH}"),
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SAID = re.compile(r" ?(['\"])(?!<)[^'\"]{2,}\1")  # what PyYAML quotes may be part of a secret
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML 1.1 §4.1.4


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place, and what it holds."""

    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value: its key path, its place, and for a scalar the word that was written."""

    key: str
    place: Place
    kind: Kind
    value: Any = field(default=None, repr=False)
    word: str = field(default="", repr=False)
    entries: dict[str, Entry] = field(default_factory=dict, repr=False)
    items: tuple[Node, ...] = field(default=(), repr=False)

    def get(self, *names: str) -> Node | None:
        """The node under these keys, or None."""
        node: Node | None = self
        for name in names:
            entry = node.entries.get(name) if node is not None else None
            node = entry.node if entry else None
        return node

    def nearest(self, *names: str) -> Node:
        """The node under these keys, or the innermost one on the way that is there."""
        found = self.get(*names)
        return found if found is not None else self.nearest(*names[:-1])


class _RefusedError(Exception):
    def __init__(self, place: Place, text: str) -> None:
        super().__init__(text)
        self.place = place
        self.text = text


def parse(data: bytes, file: str, findings: Findings) -> Node | None:
    """The node of a whole file, an empty mapping for an empty one; None after a syntax error, which is then a finding."""
    text = ""
    try:
        text = _decode(data, file)
        return _Builder(_LOADER(text), file, findings).document()
    except _RefusedError as exc:
        findings.add(exc.place, "", exc.text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        findings.add(place, "", f"not valid YAML: {_syntax(exc, text)}")
    except (yaml.YAMLError, RecursionError, ValueError):
        findings.add(Place(file), "", "not valid YAML")
    return None


def _syntax(exc: yaml.MarkedYAMLError, text: str) -> str:
    """What PyYAML says, without what may be part of a secret; what to do, where one character tells."""
    mark = exc.problem_mark
    found = ""
    if mark is not None and any(said in str(exc.problem) for said in ("cannot start any token", "tab character")):
        found = _BREAK.split(text)[mark.line][mark.column :]
    match found[:1]:
        case "\t":
            return "a tab; indent with spaces"
        case "%" | "@" | "`" as sign:
            return f"a value cannot begin with {sign}; put it in quotes"
        case _:
            told = ", ".join(_SAID.sub("", part) for part in (exc.context, exc.problem) if part)
            line = _BREAK.split(text)[mark.line : mark.line + 1] if mark is not None else []  # the end may be a line of its own
            flow = any("${" in part for part in line) and "flow" in str(exc.context)
            return told + ("; inside { } and [ ], put a text with ${...} in quotes" if flow else "")


def _decode(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = data[: exc.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise _RefusedError(Place(file, line, column), "the file is not UTF-8 text") from None
    if found := Reader.NON_PRINTABLE.search(text):
        before_text = text[: found.start()]
        place = Place(file, before_text.count("\n") + 1, len(before_text) - before_text.rfind("\n"))
        raise _RefusedError(place, f"the character U+{ord(found[0]):04X} may not stand in YAML")
    return text


class _Builder:
    """Builds nodes from one loader's events."""

    def __init__(self, loader: Any, file: str, findings: Findings) -> None:
        self._loader = loader
        self._file = file
        self._findings = findings
        self._anchors: dict[str, Node] = {}
        self._left = MAX_NODES

    def document(self) -> Node:
        """The one document of the stream."""
        self._loader.get_event()
        if self._loader.check_event(yaml.StreamEndEvent):
            return Node("", Place(self._file, 1, 1), "mapping")
        self._loader.get_event()
        node = self._node("", 0)
        self._loader.get_event()
        end = self._loader.get_event()
        if not isinstance(end, yaml.StreamEndEvent):
            raise _RefusedError(self._place(end), "a second document begins; one file holds one")
        return replace(node, kind="mapping", value=None) if node.kind == "nothing" else node

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, key: str, depth: int) -> Node:
        event = self._loader.get_event()
        place = self._place(event)
        self._spend(place, depth)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, key, depth)
        if event.tag is not None and not event.tag.startswith(_CORE) and event.tag != "!":
            meant = _TAGS.get(event.tag.lower())
            text = f"YAML knows no such tag; write {meant}" if meant else "YAML reads a value that begins with ! as a tag; put it in quotes"
            raise _RefusedError(place, text)
        match event:
            case yaml.ScalarEvent():
                node = self._scalar(event, key, place)
            case yaml.SequenceStartEvent():
                node = Node(key, place, "list", items=tuple(self._items(key, depth)))
            case _:
                node = Node(key, place, "mapping", entries=self._entries(key, depth))
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _spend(self, place: Place, depth: int) -> None:
        self._left -= 1
        if depth > MAX_DEPTH:
            raise _RefusedError(place, f"nested more than {MAX_DEPTH} levels deep")
        if self._left < 0:
            raise _RefusedError(place, f"more than {MAX_NODES} values, aliases included")

    def _alias(self, event: Any, key: str, depth: int) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise _RefusedError(
                self._place(event),
                "YAML reads a value that begins with * as an alias, and no anchor above has its name; put a text in quotes",
            )
        return self._moved(node, key, depth)

    def _moved(self, node: Node, key: str, depth: int) -> Node:
        self._spend(node.place, depth)
        entries = {name: replace(e, node=self._moved(e.node, join(key, name), depth + 1)) for name, e in node.entries.items()}
        items = tuple(self._moved(item, f"{key}[{i}]", depth + 1) for i, item in enumerate(node.items))
        return replace(node, key=key, entries=entries, items=items)

    def _scalar(self, event: Any, key: str, place: Place) -> Node:
        word: str = event.value
        if any("\ud800" <= char <= "\udfff" for char in word):
            raise _RefusedError(place, "half a surrogate pair is no text")
        tag: str = event.tag or self._loader.resolve(yaml.ScalarNode, word, event.implicit)
        kind = _KINDS.get(tag.removeprefix(_CORE), "text")
        try:
            value = _scalar_value(kind, word)
        except ValueError:
            kind, value = "text", word
        return Node(key, place, kind, value, word)

    def _items(self, key: str, depth: int) -> Iterator[Node]:
        index = 0
        while not self._loader.check_event(yaml.SequenceEndEvent):
            yield self._node(f"{key}[{index}]", depth + 1)
            index += 1
        self._loader.get_event()

    def _entries(self, key: str, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        while not self._loader.check_event(yaml.MappingEndEvent):
            name = self._node(key, depth + 1)
            node = self._node(join(key, name.word), depth + 1)
            if name.kind == "text" and name.word == "<<":
                merged.append(node)
            elif self._is_new_key(name, entries, key):
                entries[name.word] = Entry(name.place, node)
        self._loader.get_event()
        for node in merged:
            self._merge(node, key, entries, depth)
        return entries

    def _is_new_key(self, name: Node, entries: dict[str, Entry], key: str) -> bool:
        if name.kind == "boolean":
            text = f"YAML reads the key {quoted(name.word)} as the boolean {str(name.value).lower()}; put it in quotes"
        elif name.kind != "text":
            text = f"a key must be text, got {article(name.kind)}; put it in quotes"
        elif name.word in entries:
            text = f"the key is said twice; first in line {entries[name.word].place.line}"
            key = join(key, name.word)
        else:
            return True
        self._findings.add(name.place, key, text)
        return False

    def _merge(self, node: Node, key: str, entries: dict[str, Entry], depth: int) -> None:
        for source in node.items if node.kind == "list" else (node,):
            if source.kind != "mapping":
                self._findings.add(source.place, key, "<< takes a mapping: an alias such as *name, or a list of them")
            for name, entry in source.entries.items():
                if name not in entries:
                    entries[name] = replace(entry, node=self._moved(entry.node, join(key, name), depth))


def _scalar_value(kind: Kind, word: str) -> object:
    match kind:
        case "boolean":
            return word.lower() in {"yes", "true", "on"}
        case "integer":
            return yaml.constructor.SafeConstructor().construct_yaml_int(yaml.ScalarNode("", word))
        case "number":
            return yaml.constructor.SafeConstructor().construct_yaml_float(yaml.ScalarNode("", word))
        case "nothing":
            return None
        case _:
            return word


def under(node: Node, defaults: Node) -> Node:
    """The mapping `node` with `defaults` wherever it says nothing, at every depth."""
    entries = dict(defaults.entries)
    for name, entry in node.entries.items():
        below = entries.get(name)
        both = below is not None and below.node.kind == entry.node.kind == "mapping"
        entries[name] = Entry(entry.place, under(entry.node, below.node)) if both and below is not None else entry
    return replace(node, entries=entries)


def article(kind: str) -> str:
    """`kind` with its article, as a message says it."""
    return kind if kind in {"nothing", "text"} else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
