"""A value of YAML whose texts are templates: the nested body of a token request, or one typed value of it.

Pure: it knows names and the places of secrets; who renders it says what they stand for. Nothing here shows literal text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from proxy.oauth.template import Template
from proxy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_DEPTH = 32  # lists and mappings within one another


@dataclass(frozen=True, slots=True)
class _Scalar:
    """A number, true, false or null; `kind` keeps 1, 1.0 and true apart, which Python takes for equal."""

    kind: type
    value: float | bool | None


@dataclass(frozen=True, slots=True)
class _List:
    items: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Mapping:
    entries: tuple[tuple[str, _Node], ...]


_Node = Template | Secret | _Scalar | _List | _Mapping


@dataclass(frozen=True, slots=True, repr=False)
class Tree:
    """Lists, mappings and scalars; the texts among the values are templates, the names of mappings are plain text."""

    root: _Node
    SCHEMA: ClassVar[dict[str, object]] = {"description": "any value; ${name} in a text stands for a value known when the request is made"}

    @classmethod
    def parse(cls, value: object) -> Self:
        """The Tree of plain lists, mappings and scalars; a Template or a Secret among them stands for itself.

        Raises:
            ValueError: a text that is no template, a value of another kind, or one nested too deep.
        """
        return cls(_grown(value, MAX_DEPTH))

    @property
    def source(self) -> object:
        """It as plain lists, mappings and scalars; a secret is a mapping that shows its place alone."""
        return _plain(self.root, lambda template: template.source, lambda secret: {"secret": repr(secret)})

    @property
    def names(self) -> frozenset[str]:
        """What its templates refer to."""
        return frozenset(name for leaf in _leaves(self.root) if isinstance(leaf, Template) for name in leaf.names)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets in it, in their order."""
        return tuple(leaf for leaf in _leaves(self.root) if isinstance(leaf, Secret))

    def render(self, look_up: Callable[[str], str], read: Callable[[Secret], str]) -> object:
        """Plain lists, mappings and scalars, with every name and secret replaced; what the two functions raise passes through."""
        return _plain(self.root, lambda template: template.render(look_up), read)

    def fold(self, known: Mapping[str, str]) -> Tree:
        """This tree with the names that `known` has replaced by their text."""
        return Tree(_folded(self.root, known))

    def __repr__(self) -> str:
        return f"Tree({', '.join(sorted(self.names))})"


def _grown(value: object, depth: int) -> _Node:
    if not depth:
        raise ValueError(f"lists and mappings stand in one another more than {MAX_DEPTH} deep")
    match value:
        case str():
            return Template.parse(value)
        case float() if not math.isfinite(value):
            raise ValueError("expected a finite number")
        case bool() | int() | float() | None:
            return _Scalar(type(value), value)
        case list() | tuple():
            return _List(tuple(_grown(item, depth - 1) for item in value))
        case dict() if all(isinstance(name, str) for name in value):
            return _Mapping(tuple((name, _grown(item, depth - 1)) for name, item in value.items()))
        case Template() | Secret():
            return value
        case _:
            raise ValueError("expected text, a number, true, false, null, a list or a mapping; put dates in quotes")


def _plain(node: _Node, text: Callable[[Template], str], secret: Callable[[Secret], object]) -> object:
    match node:
        case _Scalar(_, value):
            return value
        case _List(items):
            return [_plain(item, text, secret) for item in items]
        case _Mapping(entries):
            return {name: _plain(item, text, secret) for name, item in entries}
        case Template():
            return text(node)
        case _:
            return secret(node)


def _leaves(node: _Node) -> Iterator[Template | Secret]:
    match node:
        case _List(items):
            for item in items:
                yield from _leaves(item)
        case _Mapping(entries):
            for _, item in entries:
                yield from _leaves(item)
        case Template() | Secret():
            yield node


def _folded(node: _Node, known: Mapping[str, str]) -> _Node:
    match node:
        case _List(items):
            return _List(tuple(_folded(item, known) for item in items))
        case _Mapping(entries):
            return _Mapping(tuple((name, _folded(item, known)) for name, item in entries))
        case Template():
            return node.fold(known)
        case _:
            return node
