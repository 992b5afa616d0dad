"""Text with `${...}` in it, which stands for what is known only when a request is made.

Pure: a Template knows names; who renders it says what they stand for. Nothing here shows literal text, which may be a secret.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import quote

from proxy.oauth import vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_DEPTH = 8  # functions within functions
_OPEN = re.compile(r"(?<!\$)\$+\{")
_OPEN_OR_END = re.compile(r"(?<!\$)\$+\{|\)\}")
_FUNCTION = re.compile(r"([A-Za-z0-9_]{0,64})\(")
_NAME = re.compile(r"[^{}]*")
_DOLLARS_BEFORE_BRACE = re.compile(r"(?<!\$)(\$+)(?=\{)")
_LAST_DOLLARS = re.compile(r"(?<!\$)(\$+)\Z")


def _base64(text: str) -> str:
    return b64encode(_bytes(text)).decode()


def _sha256_hex(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def _urlencode(text: str) -> str:
    return quote(_bytes(text), safe="")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # a JSON answer may hold half a character


FUNCTIONS: dict[str, Callable[[str], str]] = {"base64": _base64, "sha256_hex": _sha256_hex, "urlencode": _urlencode}


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str


@dataclass(frozen=True, slots=True)
class _Call:
    function: str
    argument: _Parts


_Parts = tuple[str | _Reference | _Call, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Template:
    """Text with `${name}` and `${function(text)}` in it; `$${` is a literal `${`.

    A run of dollars before a brace is read in pairs, each a literal dollar; an odd one out begins a reference.
    """

    parts: _Parts
    SCHEMA: ClassVar[dict[str, object]] = {
        "type": "string",
        "description": "text; ${name} in it stands for a value known when the request is made",
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """The Template that a YAML value says.

        Raises:
            ValueError: not text, a `${` without its end, an unknown name or function, or functions nested too deep.
        """
        if not isinstance(value, str):
            raise ValueError("expected text; numbers, true and false stand in quotes here")  # noqa: TRY004  # a wrong value, as for every type here
        return cls(_Reader(value).text(depth=0))

    @property
    def source(self) -> str:
        """The text that parses to this template."""
        return _written(self.parts)

    @property
    def names(self) -> frozenset[str]:
        """What it refers to, inside functions too: `client_id`, `step1.data.sid`, `now+7d:%Y`."""
        return frozenset(_names(self.parts))

    @property
    def constant(self) -> bool:
        """Whether it refers to nothing."""
        return not self.names

    def render(self, look_up: Callable[[str], str]) -> str:
        """The text, with what `look_up` says for each name; what that raises passes through."""
        return _rendered(self.parts, look_up)

    def fold(self, known: Mapping[str, str]) -> Template:
        """This template with the names that `known` has replaced by their text."""
        return Template(_folded(self.parts, known))

    def __repr__(self) -> str:
        return f"Template({', '.join(sorted(self.names))})"


class _Reader:
    """Reads one text from left to right, each character once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def text(self, *, depth: int) -> _Parts:
        """The parts up to the end, or up to and with `)}` inside a function."""
        if depth > MAX_DEPTH:
            raise ValueError(f"functions stand in one another more than {MAX_DEPTH} deep")
        mark = _OPEN_OR_END if depth else _OPEN
        parts: list[str | _Reference | _Call] = []
        while found := mark.search(self._text, self._at):
            parts.append(self._text[self._at : found.start()])
            self._at = found.end()
            if found[0] == ")}":
                return _joined(parts)
            dollars = len(found[0]) - 1
            parts.append("$" * (dollars // 2))
            parts.append(self._reference(depth) if dollars % 2 else "{")
        if depth:
            raise ValueError("a function in ${...} does not end with )}")
        return _joined([*parts, self._text[self._at :]])

    def _reference(self, depth: int) -> _Reference | _Call:
        if function := _FUNCTION.match(self._text, self._at):
            if function[1] not in FUNCTIONS:
                raise ValueError(f"${{{function[1]}(...)}} is no function; known are {', '.join(FUNCTIONS)}")
            self._at = function.end()
            return _Call(function[1], self.text(depth=depth + 1))
        name = self._name()
        if not vocabulary.known(name):
            raise ValueError(vocabulary.unknown(name))
        return _Reference(name)

    def _name(self) -> str:
        name = _NAME.match(self._text, self._at)
        end = name.end() if name else self._at
        if self._text[end : end + 1] != "}":
            raise ValueError("a ${ has no } after its name; a literal ${ is written $${")
        found = self._text[self._at : end]
        self._at = end + 1
        return found


def _joined(parts: list[str | _Reference | _Call]) -> _Parts:
    """The parts with no empty text and no two texts in a row, so that equal templates are equal."""
    joined: list[str | _Reference | _Call] = []
    text: list[str] = []
    for part in (*parts, None):
        if isinstance(part, str):
            text.append(part)
            continue
        if whole := "".join(text):
            joined.append(whole)
        text = []
        if part is not None:
            joined.append(part)
    return tuple(joined)


def _written(parts: _Parts) -> str:
    return "".join(_part_written(part, last=index + 1 == len(parts)) for index, part in enumerate(parts))


def _part_written(part: str | _Reference | _Call, *, last: bool) -> str:
    match part:
        case str():
            text = _DOLLARS_BEFORE_BRACE.sub(r"\1\1", part)
            return text if last else _LAST_DOLLARS.sub(r"\1\1", text)
        case _Reference(name):
            return f"${{{name}}}"
        case _Call(function, argument):
            return f"${{{function}({_written(argument)})}}"


def _names(parts: _Parts) -> set[str]:
    found: set[str] = set()
    for part in parts:
        match part:
            case _Reference(name):
                found.add(name)
            case _Call(_, argument):
                found |= _names(argument)
    return found


def _rendered(parts: _Parts, look_up: Callable[[str], str]) -> str:
    return "".join(_part_rendered(part, look_up) for part in parts)


def _part_rendered(part: str | _Reference | _Call, look_up: Callable[[str], str]) -> str:
    match part:
        case str():
            return part
        case _Reference(name):
            return look_up(name)
        case _Call(function, argument):
            return FUNCTIONS[function](_rendered(argument, look_up))


def _folded(parts: _Parts, known: Mapping[str, str]) -> _Parts:
    return _joined([_part_folded(part, known) for part in parts])


def _part_folded(part: str | _Reference | _Call, known: Mapping[str, str]) -> str | _Reference | _Call:
    match part:
        case _Reference(name):
            return known.get(name, part)
        case _Call(function, argument):
            return _Call(function, _folded(argument, known))
        case _:
            return part
