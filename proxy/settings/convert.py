"""The typed walk: a node and an annotated type in, a value out.

Strict: text is no number and a number is no text; every mismatch is a finding at its own place, and the walk goes on.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from proxy.oauth.template import Template
from proxy.secrets import Secret
from proxy.secrets.sources import parse as secret_of
from proxy.settings import words
from proxy.settings.problems import Findings, join, shown
from proxy.settings.source import Entry, Node, article
from proxy.units import FilePath

FAILED: Final = object()  # stands for a value that is a finding already
_NAMES: dict[Any, tuple[str, frozenset[str]]] = {
    str: ("text", frozenset({"text"})),
    int: ("an integer", frozenset({"integer"})),
    float: ("a number", frozenset({"integer", "number"})),
    bool: ("true or false", frozenset({"boolean"})),
}
_UNQUOTED = {int: re.compile(r"\d+"), float: re.compile(r"\d+(\.\d+)?"), bool: re.compile(r"true|false")}
_ITEM = re.compile(r"[\w./:-]{1,64}", re.ASCII)  # what a list of one can be shown with: no list of ours holds secrets
_BOUNDS = ("over", "of at least", "under", "of at most")


@cache
def fields(struct: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The keys of a struct, with their types resolved."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def takes_none(kind: Any) -> bool:
    """Whether null is a value of this type."""
    return get_origin(kind) in {Union, UnionType} and NoneType in get_args(kind)


class Conversion:
    """Converts nodes, and tells what is wrong with them to one Findings."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def fail(self, node: Node, text: str) -> object:
        """A finding at this node; returns FAILED."""
        self._findings.add(node.place, node.key, text)
        return FAILED

    def missing(self, node: Node, name: str) -> None:
        """A finding: a required key is not there."""
        self._findings.add(node.place, join(node.key, name), words.missing(name))

    def build(self, node: Node, struct: type[msgspec.Struct]) -> Any:
        """A struct from a mapping, or FAILED; keys that failed have their default, and are findings."""
        values = self.keys(node, fields(struct))
        return self.made(struct, values) if values is not None else FAILED

    def made(self, struct: type[msgspec.Struct], values: dict[str, object]) -> Any:
        """A struct from those of `values` that are its fields, or FAILED when a required one is not among them."""
        known = fields(struct)
        if any(field.required and name not in values for name, field in known.items()):
            return FAILED
        return struct(**{field.name: values[name] for name, field in known.items() if name in values})

    def keys(
        self, node: Node, known: dict[str, msgspec.structs.FieldInfo], *, partial: bool = False, besides: frozenset[str] = frozenset()
    ) -> dict[str, object] | None:
        """The values of a mapping's keys that are there and right; None when it is no mapping.

        `besides` are keys that somebody else reads; `partial` asks for no required key. None is missing that an unknown key stood for.
        """
        if node.kind != "mapping":
            such = f" such as {example}" if (example := words.section(node.key)) else ""
            self.fail(node, f"expected a mapping of keys{such}, got {article(node.kind)}")
            return None
        names = [*known, *besides]
        for name, entry in node.entries.items():
            if name not in known and name not in besides:
                self._findings.add(entry.place, entry.node.key, self.unknown(node, name, names))
        values = {name: self._field(node, field) for name, field in known.items() if name in node.entries}
        there = words.explained(node.key, node.entries, names).union(node.entries)
        for name, field in known.items():
            if field.required and not partial and name not in there:
                self.missing(node, name)
        return {name: value for name, value in values.items() if value is not FAILED}

    def unknown(self, node: Node, name: str, known: list[str]) -> str:
        """What to say of a key that this mapping does not have."""
        return words.answer(node.key, name, known)

    def _field(self, node: Node, field: msgspec.structs.FieldInfo) -> object:
        child = node.entries[field.encode_name].node
        if child.kind == "nothing" and not field.required and not takes_none(field.type) and _is_section(field.type):
            return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        if child.kind == "nothing" and field.required:
            return self.fail(child, words.empty(field.encode_name))
        value = self.value(child, field.type)
        if field.required and value == "":
            return self.fail(child, "expected text, got an empty one")
        return value

    def value(self, node: Node, kind: Any) -> Any:
        """What the node says as a value of type `kind`, or FAILED."""
        origin, arguments = get_origin(kind), get_args(kind)
        if takes_none(kind):
            inner = next(argument for argument in arguments if argument is not NoneType)
            return None if node.kind == "nothing" else self.value(node, inner)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.build(_written_out(node, kind), kind)
        if origin is tuple:
            return self._list(node, arguments[0])
        if origin is dict:
            return self._mapping(node, arguments[1])
        if kind is Secret:
            return self.secret(node)
        return self.word(node, kind)

    def _list(self, node: Node, kind: Any) -> Any:
        if node.kind != "list":
            return self.fail(node, _no_list(node, kind))
        values = [self.value(item, kind) for item in node.items]
        return tuple(value for value in values if value is not FAILED)

    def _mapping(self, node: Node, kind: Any) -> Any:
        if node.kind != "mapping":
            return self.fail(node, f"expected a mapping of names to values, got {article(node.kind)}")
        values = {name: self.value(entry.node, kind) for name, entry in node.entries.items()}
        return {name: value for name, value in values.items() if value is not FAILED}

    def secret(self, node: Node) -> Any:
        """The place of a secret that can be read now, or FAILED; one that a program says is not asked for."""
        try:
            secret = secret_of(plain(node)).relative_to(Path(node.place.file).parent)
            if secret.at_hand:
                secret.read().encode()
        except UnicodeError:
            return self.fail(node, "the secret is not UTF-8 text")
        except ValueError as exc:
            hint = "; put it in quotes" if node.kind in {"integer", "number", "boolean", "date"} else ""
            return self.fail(node, f"{exc}{hint}")
        return secret

    def word(self, node: Node, kind: Any) -> Any:
        """A value that is written as one word, or FAILED; {env: NAME} may stand for one that is text, and is then no template."""
        if node.kind == "mapping" and set(node.entries) == {"env"} and _may_be_text(kind):
            found = self._variable(node)
            if found is None:
                return FAILED
            if kind is Template:
                return Template((found,))
            node = Node(node.key, node.place, "text", found)
        if kind is Template and node.kind != "text":
            return self._leaf(node, str)
        if get_origin(kind) is Literal:
            return self.choice(node, get_args(kind))
        if hasattr(kind, "parse"):
            try:
                return kind.parse(plain(node))
            except ValueError as exc:
                return self.fail(node, str(exc))
        return self._leaf(node, kind)

    def _variable(self, node: Node) -> str | None:
        name = node.entries["env"].node
        if name.kind != "text" or not name.value:
            self.fail(node, "expected the name of an environment variable")
            return None
        try:
            found = os.environ.get(name.value, "")
            found.encode()
        except UnicodeError:
            self.fail(node, f"environment variable {shown(name.value)} is not UTF-8 text")
            return None
        if not found:
            self.fail(node, f"environment variable {shown(name.value)} is not set")
        return found or None

    def choice(self, node: Node, choices: tuple[object, ...]) -> Any:
        """The one of `choices` that the node says, or FAILED."""
        for choice in choices:
            if type(choice) is type(node.value) and choice == node.value:
                return choice
        return self.fail(node, words.wrong_choice(node.key, node.value, choices) + _boolean_hint(node))

    def _leaf(self, node: Node, kind: Any) -> Any:
        base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        name, kinds = _NAMES[base]
        if node.kind not in kinds:
            return self.fail(node, f"expected {name}, got {article(node.kind)}{_quotes_hint(node, base)}")
        if kind is FilePath:
            return str(Path(node.place.file).parent / node.value)
        try:
            return msgspec.convert(node.value, kind)
        except (msgspec.ValidationError, OverflowError):
            said = words.later(node.key, node.value)
            return self.fail(node, said or f"expected {_bounded(name, kind)}")


def _written_out(node: Node, struct: type[msgspec.Struct]) -> Node:
    """The mapping that a text stands for, where a struct says by SHORT which of its fields that is."""
    short: str | None = getattr(struct, "SHORT", None)
    if short is None or (node.kind == "mapping" and set(node.entries) != {"env"}) or node.kind == "nothing":
        return node
    return Node(node.key, node.place, "mapping", entries={short: Entry(node.place, node)})


def _is_section(kind: Any) -> bool:
    return get_origin(kind) in {tuple, dict} or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))


def _no_list(node: Node, kind: Any) -> str:
    example = words.section(node.key)
    if not _is_section(kind) and node.kind in {"text", "integer"} and _ITEM.fullmatch(node.word):
        return f"expected a list: write [{node.word}]"
    return f"expected a list such as [{example or 'a, b'}], got {article(node.kind)}"


def _bounded(name: str, kind: Any) -> str:
    """`an integer from 100 to 599`, `a number over 0 and under 1`."""
    meta = get_args(kind)[1] if get_origin(kind) is Annotated else msgspec.Meta()
    if meta.ge is not None and meta.le is not None:
        return f"{name} from {meta.ge} to {meta.le}"
    bounds = [f"{word} {bound}" for word, bound in zip(_BOUNDS, (meta.gt, meta.ge, meta.lt, meta.le), strict=True) if bound is not None]
    return f"{name} {' and '.join(bounds)}".strip()


def _may_be_text(kind: Any) -> bool:
    base = get_args(kind)[0] if get_origin(kind) in {Annotated, Literal} else kind
    return isinstance(base, str) or base is str or hasattr(base, "parse")


def _boolean_hint(node: Node) -> str:
    if node.kind != "boolean" or node.word.lower() in {"true", "false"}:
        return ""
    return f"; YAML reads {node.word} as the boolean {str(node.value).lower()}: put it in quotes"


def _quotes_hint(node: Node, base: Any) -> str:
    if node.kind == "text" and base in _UNQUOTED and _UNQUOTED[base].fullmatch(node.word):
        return "; leave out the quotes"
    if base is not str or node.kind in {"list", "mapping", "nothing"}:
        return _boolean_hint(node)
    return _boolean_hint(node) or "; put it in quotes"


class _Unreadable:
    """What a date or binary value of YAML is to a type that parses: nothing it knows."""


def plain(node: Node) -> Any:
    """The node as plain lists, dicts and scalars."""
    match node.kind:
        case "list":
            return [plain(item) for item in node.items]
        case "mapping":
            return {name: plain(entry.node) for name, entry in node.entries.items()}
        case "date" | "binary value":
            return _Unreadable()
        case _:
            return node.value
