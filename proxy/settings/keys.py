"""Every key that a configuration may have, with its type and default in words.

The models are the one source: documentation and schema are compared with, or made from, what is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from proxy.http.address import UpstreamURL
from proxy.http.routing import Route
from proxy.oauth.answer import Path
from proxy.oauth.exchange import Resource, Scope
from proxy.oauth.grants import GRANTS
from proxy.oauth.options import RequestOptions
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.secrets import Secret
from proxy.settings.convert import fields, takes_none
from proxy.settings.credentials import every_field
from proxy.settings.model import SettingsFile
from proxy.settings.words import either
from proxy.units import Bytes, FilePath, Seconds

_WORDS: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Seconds: "duration",
    Bytes: "size",
    Secret: "secret",
    UpstreamURL: "URL",
    FilePath: "file",
    Scope: "text or list of text",
    Resource: "text or list of text",
    Template: "template",
    Tree: "any value",
    Path: "path",
    RequestOptions: "keys of token_request",  # said once in full
}
_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its path with [] for list items and * for aliases, its type, its default (`required` where there is none)."""

    path: str
    type: str
    default: str


def every_key() -> Iterator[Key]:
    """All keys, in the order of the models."""
    yield from _keys("", SettingsFile)
    yield Key("defaults", "mapping of route keys", "{}")
    yield Key("routes", "list of routes", "required")
    yield from _keys("routes[].", Route)
    yield Key("credentials", "mapping of aliases", "{}")
    yield Key("credentials.*.type", either(list(GRANTS)), "required")
    for name, field in sorted(every_field().items(), key=lambda item: not item[1].required):
        yield from _key(f"credentials.*.{name}", field)


def _keys(prefix: str, struct: type[msgspec.Struct]) -> Iterator[Key]:
    for name, field in fields(struct).items():
        yield from _key(prefix + name, field)


def _key(path: str, field: msgspec.structs.FieldInfo) -> Iterator[Key]:
    kind = inner(field.type)
    if section(kind):
        yield from _keys(f"{path}.", kind)
    elif get_origin(kind) is tuple and section(get_args(kind)[0]):
        yield from _keys(f"{path}[].", get_args(kind)[0])
    else:
        yield Key(path, type_words(kind), "required" if field.required else default_words(default(field)))


def inner(kind: Any) -> Any:
    """The type itself where null is allowed too."""
    return next(argument for argument in get_args(kind) if argument is not NoneType) if takes_none(kind) else kind


def section(kind: Any) -> bool:
    """Whether it is a mapping with keys of its own."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in _WORDS


def default(field: msgspec.structs.FieldInfo) -> Any:
    """The value of a key that is left out."""
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def type_words(kind: Any) -> str:
    """A type as the documentation says it."""
    if kind in _WORDS:
        return _WORDS[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return either([default_words(choice) for choice in arguments])
    if origin is tuple:
        return f"list of {type_words(arguments[0])}"
    if origin is dict:
        return f"mapping of {type_words(arguments[1])}"
    if origin is Annotated:
        meta = arguments[1]
        bounds = [f"{sign} {getattr(meta, name)}" for name, sign in _SIGNS.items() if getattr(meta, name) is not None]
        return f"{type_words(arguments[0])} {', '.join(bounds)}"
    raise TypeError(f"no words for {kind}")


def default_words(value: object) -> str:
    """A default as YAML writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case Seconds():
            return f"{value * 1000:g}ms" if 0 < value < 1 else f"{value / 60:g}m" if value % 60 == 0 and value > 60 else f"{value:g}s"  # noqa: PLR2004  # up to a minute in seconds
        case Bytes():
            return _size(value)
        case RequestOptions():
            return "{}"
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case str():
            return value if value.strip() else f'"{value}"'
        case _:
            return str(value)


def _size(value: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value and value % size == 0:
            return f"{value // size}{unit}"
    return str(value)
