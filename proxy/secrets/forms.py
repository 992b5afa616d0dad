"""The forms in which a secret's place is written in YAML, taken from the members' own fields.

Pure; what was said is never quoted, since it may be a secret in the wrong place.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_type_hints

from proxy.secrets import Secret
from proxy.units import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EMPTY = "the secret is empty"
_WORD = {"type": "string", "minLength": 1}


class Forms:
    """All forms of a secret.

    Args:
        sources: the members by the key that tells each from the others; their fields are the keys of its mapping.
        text: the member for a secret that is written out.
    """

    def __init__(self, sources: Mapping[str, type[Any]], text: Callable[[str], Secret]) -> None:
        self._sources = sources
        self._text = text
        self._kinds: Mapping[object, _Option] = {
            str: _Option(_word, _WORD, "NAME"),
            str | None: _Option(_word, _WORD, "NAME"),
            tuple[str, ...]: _Option(_words, {"type": "array", "items": {"type": "string"}, "minItems": 1}, "[PROGRAM, ...]"),
            Seconds: _Option(Seconds.parse, Seconds.SCHEMA, "10s"),
            Secret: _Option(self._part, {}, "SECRET"),
        }

    def parse(self, value: object) -> Secret:
        """The secret that a YAML value says.

        Raises:
            ValueError: it is none of the forms, or it is empty.
        """
        if isinstance(value, str):
            return self._text(_word(value))
        name = next((name for name in self._sources if isinstance(value, dict) and name in value), None)
        if name is None:
            raise ValueError(f"expected {self}")
        return self._made(self._sources[name], cast("dict[object, object]", value))

    @property
    def schema(self) -> dict[str, object]:
        """A JSON Schema for a secret; a part of a rotation is no rotation itself."""
        nested = {name for name, source in self._sources.items() if any(kind.read == self._part for kind in self._options(source).values())}
        plain = [_WORD, *(self._schema(source, []) for name, source in self._sources.items() if name not in nested)]
        rotations = [self._schema(self._sources[name], plain) for name in sorted(nested)]
        return {"anyOf": [*plain, *rotations], "description": f"a secret: {self}"}

    def __str__(self) -> str:
        """`text, {env: NAME} or {file: PATH}`."""
        *first, last = ["text", *map(self._form, self._sources.values())]
        return f"{', '.join(first)} or {last}"

    def _made(self, source: type[Any], said: Mapping[object, object]) -> Secret:
        options, required = self._options(source), _required(source)
        named = [name for name in self._sources if name in said]
        if len(named) > 1 and self._apart(named):
            raise ValueError(f"{' and '.join(named)} are said together; say one of them")
        if not set(required) <= said.keys() <= options.keys():
            further = [name for name in options if name not in required]
            raise ValueError(f"expected {self._form(source)}" + (f", and beside it {', '.join(further)} at most" if further else ""))
        try:
            made: Secret = source(**{name: _read(name, option, said[name]) for name, option in options.items() if name in said})
        except _EmptyError:
            raise ValueError(_EMPTY) from None
        return made

    def _apart(self, named: list[str]) -> bool:
        """Whether no one form has all these keys."""
        return not any(set(named) <= self._options(source).keys() for source in self._sources.values())

    def _part(self, value: object) -> Secret:
        found = self.parse(value)
        if found.after is not None:
            raise ValueError("one rotation does not stand in another")
        return found

    def _options(self, source: type[Any]) -> dict[str, _Option]:
        """How the fields of a member are read, by their YAML keys."""
        kinds = get_type_hints(source)
        return {each.name: self._kinds[kinds[each.name]] for each in fields(source) if each.init}

    def _form(self, source: type[Any]) -> str:
        """`{directory: PATH, name: NAME}`."""
        options = self._options(source)
        return "{" + ", ".join(f"{name}: {_shown(name, options[name])}" for name in _required(source)) + "}"

    def _schema(self, source: type[Any], part: list[dict[str, object]]) -> dict[str, object]:
        return {
            "type": "object",
            "properties": {name: option.schema or {"anyOf": part} for name, option in self._options(source).items()},
            "required": _required(source),
            "additionalProperties": False,
        }


class _Option(NamedTuple):
    """How a field's value is read from YAML, its schema, and how it is shown in a form."""

    read: Callable[[object], object]
    schema: Mapping[str, object]
    shown: str


class _EmptyError(ValueError):
    """Nothing stands where a secret or its place should."""


def _required(source: type[Any]) -> list[str]:
    return [each.name for each in fields(source) if each.init and each.default is MISSING]


def _shown(name: str, option: _Option) -> str:
    return "PATH" if name in {"file", "directory"} else option.shown


def _read(name: str, option: _Option, value: object) -> object:
    try:
        return option.read(value)
    except _EmptyError:
        raise
    except ValueError as exc:
        raise ValueError(f"{name}: {exc}") from None


def _word(value: object) -> str:
    if value == "":
        raise _EmptyError(_EMPTY)
    if isinstance(value, str):
        return value
    raise ValueError("expected text")


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value) and value[0]:
        return tuple(value)
    raise ValueError("expected a list of texts: [PROGRAM, ARGUMENT, ...]")
