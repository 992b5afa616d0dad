"""JSON Schemas for editors: `python -m proxy.settings.schema` writes config/schema/*.json, `--check` compares.

What a key means is said in docs/configuration.md alone; types and defaults come from the models.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import msgspec

from proxy.http.routing import Route
from proxy.oauth.answer import Path as AnswerPath
from proxy.oauth.grants import GRANTS
from proxy.oauth.options import RequestOptions
from proxy.oauth.signing.jose import SECRET_ALGS
from proxy.oauth.signing.keys import ALGS
from proxy.oauth.tree import Tree
from proxy.secrets import Secret
from proxy.secrets.sources import SCHEMA as SECRET_SCHEMA
from proxy.settings import providers
from proxy.settings.convert import fields, takes_none
from proxy.settings.credentials import every_field, grant_struct
from proxy.settings.keys import default, default_words, inner, section
from proxy.settings.model import SettingsFile
from proxy.settings.routes import ITS_OWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "configuration.md"
FOLDER = ROOT / "config" / "schema"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"$ref": "#/$defs/variable"}
_SAID = {"description": "said together with the other one", "not": {"type": "null"}}
_ROUTE = {"$ref": "#/$defs/route"}  # its required keys may come from `defaults`
_DEFS = {
    "variable": {
        "type": "object",
        "description": "the text that an environment variable holds",
        "properties": {"env": {"type": "string", "minLength": 1}},
        "required": ["env"],
        "additionalProperties": False,
    },
    "secret": SECRET_SCHEMA,
}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_CELLS = 4  # key, type, default, meaning

Schema = dict[str, Any]


def meanings(docs: str) -> dict[str, tuple[str, str, str]]:
    """key -> (type, default, meaning), from the tables of docs/configuration.md."""
    rows: dict[str, tuple[str, str, str]] = {}
    for line in docs.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == _CELLS:
            rows[cells[0].strip("`")] = (cells[1], cells[2].strip("`"), cells[3])
    return rows


def schemas(docs: str) -> dict[str, Schema]:
    """File name -> schema, for proxy.yaml and for security material."""
    writer = _Writer({key: meaning for key, (_, _, meaning) in meanings(docs).items()})
    credentials, types = writer.credentials()
    top = writer.mapping("", fields(SettingsFile))
    route = {"route": {**writer.mapping("routes[]", fields(Route)), "required": []}}
    top["properties"] |= {
        "defaults": writer.told("defaults", {**_ROUTE, "properties": dict.fromkeys(sorted(ITS_OWN), False)}),
        "routes": writer.told("routes", {"type": "array", "items": {**_ROUTE, "required": ["prefix"]}}),
        "credentials": credentials,
    }
    material = {"type": "object", "properties": {"credentials": credentials}, "additionalProperties": False}
    return {
        "proxy.schema.json": {"$schema": _DRAFT, "title": "bearerd: proxy.yaml", "$defs": {**_DEFS, **route, **types}, **top},
        "security-material.schema.json": {
            "$schema": _DRAFT,
            "title": "bearerd: security material",
            "$defs": {**_DEFS, **types},
            **material,
        },
    }


class _Writer:
    def __init__(self, meaning: dict[str, str]) -> None:
        self._meaning = meaning

    def told(self, key: str, schema: Schema) -> Schema:
        """The schema with what the key means."""
        meaning = self._meaning.get(key)
        return {"description": meaning.replace("`", ""), **schema} if meaning else schema

    def mapping(self, path: str, known: dict[str, msgspec.structs.FieldInfo]) -> Schema:
        """An object with these keys and no other."""
        return {
            "type": "object",
            "properties": {name: self._field(f"{path}.{name}" if path else name, field) for name, field in known.items()},
            "required": [name for name, field in known.items() if field.required],
            "additionalProperties": False,
        }

    def credentials(self) -> tuple[Schema, Schema]:
        """The mapping of aliases, and the definitions that it refers to: each key once, and for each type the keys that it has."""
        every = self.mapping("credentials.*", every_field())["properties"]
        defs = {f"key.{name}": schema for name, schema in every.items()}
        defs |= {name: self._credential(name, fields(grant_struct(name))) for name in GRANTS}
        defs["preset"] = self._credential("", every_field())  # `provider` says what is left out, its type among it
        chosen = [{"if": _says("type", name), "then": {"$ref": f"#/$defs/{name}"}} for name in GRANTS]
        told = self.told("credentials.*.type", {"enum": list(GRANTS)})
        each = {
            "type": "object",
            "properties": {"type": told},
            "anyOf": [{"required": ["type"]}, {"required": ["provider"]}],
            "allOf": [*chosen, {"if": {"not": {"required": ["type"]}}, "then": {"$ref": "#/$defs/preset"}}],
        }
        return self.told("credentials", {"type": "object", "additionalProperties": each}), defs

    def _credential(self, name: str, known: dict[str, msgspec.structs.FieldInfo]) -> Schema:
        """A credential of one type; `provider` may say what is left out."""
        required = [key for key, field in known.items() if field.required]
        properties = {key: {"$ref": f"#/$defs/key.{key}"} for key in known}
        whole: Schema = {"properties": {"type": {"const": name} if name else True, **properties}, "additionalProperties": False}
        if name and required:
            whole["anyOf"] = [{"required": required}, {"required": ["provider"]}]
        if {"token_url", "issuer"} <= known.keys():
            whole["not"] = {"required": ["token_url", "issuer"], "properties": dict.fromkeys(("token_url", "issuer"), _SAID)}
        return whole

    def _field(self, path: str, field: msgspec.structs.FieldInfo) -> Schema:
        kind = inner(field.type)
        schema = self._type(path, kind)
        if takes_none(field.type):
            schema = {"anyOf": [schema, {"type": "null"}]}
        kind = get_args(kind)[0] if get_origin(kind) is tuple else kind
        if section(kind):
            return {"description": (kind.__doc__ or "").partition("\n")[0], **schema}
        schema = {**schema, **_CHOICES.get(path, dict)()}
        if not field.required and kind is not Secret:
            schema = {**schema, "default": _plain(default(field))}
        return self.told(path, schema)

    def _type(self, path: str, kind: Any) -> Schema:
        origin, arguments = get_origin(kind), get_args(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            path = "credentials.*.token_request" if kind is RequestOptions else path
            spelled = self.mapping(path, fields(kind))
            return {"anyOf": [_word(fields(kind)[kind.SHORT].type), spelled]} if hasattr(kind, "SHORT") else spelled
        if origin is tuple:
            return {"type": "array", "items": self._type(f"{path}[]", arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self._type(path, arguments[1])}
        return _word(kind)


_CHOICES: dict[str, Callable[[], Schema]] = {  # texts of which there are few, though their type does not say so
    "credentials.*.provider": lambda: {"anyOf": [{"enum": list(providers.names())}, {"type": "null"}]},
    "credentials.*.assertion.alg": lambda: {"anyOf": [{"enum": list(_algs())}, _VARIABLE, {"type": "null"}]},
}


def _algs() -> Iterator[str]:
    """Every algorithm that a key or a secret signs with, each once."""
    yield from dict.fromkeys([*(alg for algs in ALGS.values() for alg in algs), *SECRET_ALGS])


def _says(key: str, value: str) -> Schema:
    """What is true of a mapping with this value."""
    return {"properties": {key: {"const": value}}, "required": [key]}


def _word(kind: Any) -> Schema:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Secret:
        return {"$ref": "#/$defs/secret"}
    if kind is Tree:
        return {}
    if hasattr(kind, "SCHEMA"):
        return {"anyOf": [{key: value for key, value in kind.SCHEMA.items() if key != "description"}, _VARIABLE]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is Annotated:
        meta = arguments[1]
        bounds = {word: getattr(meta, name) for name, word in _BOUNDS.items() if getattr(meta, name) is not None}
        return {**_word(arguments[0]), **bounds}
    plain = {"type": _PLAIN[kind]}
    return {"anyOf": [plain, _VARIABLE]} if kind is str else plain


def _plain(value: Any) -> Any:
    """A default as JSON; a duration or size as users write it."""
    match value:
        case tuple() if any(isinstance(item, msgspec.Struct) for item in value):
            return [{name: _plain(getattr(item, name)) for name in item.__struct_fields__} for item in value]
        case tuple():
            return list(value)
        case bool() | str() | dict() | NoneType():
            return value
        case RequestOptions():
            return {}
        case AnswerPath():
            return str(value)
        case _ if type(value) in {int, float}:
            return value
        case _:
            return default_words(value)


def main(arguments: list[str]) -> int:
    """Writes the schemas, or with --check compares them; 1 when one is not current."""
    stale = []
    for name, schema in schemas(DOCS.read_text(encoding="utf-8")).items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        file = FOLDER / name
        if "--check" in arguments:
            stale += [] if file.exists() and file.read_text(encoding="utf-8") == text else [name]
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stderr.write(f"{name} is not current; run python -m proxy.settings.schema\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
