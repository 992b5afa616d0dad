"""An export's bytes to plain lists, mappings and texts: JSON, Atom, and the lines of a properties file.

What is broken is told with its line and column, and never quoted.
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET  # a document type is refused below, so that no entity is ever expanded

MAX_FILE = 4 << 20  # bytes
MAX_DEPTH = 32  # lists and mappings within one another
_DATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"  # OData v2: the properties, and what is said of them
_META = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"
_ATOM = "{http://www.w3.org/2005/Atom}"
_LINE = re.compile(r"((?:\\.|[^\\:=\s])+)\s*[:=]?\s*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


class WrongFileError(ValueError):
    """The file is none of what was asked for; line and column count from 1, line 0 is the file as a whole."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


def read(data: bytes, *, xml: bool = False, properties: bool = False) -> Any:
    """What the export says; `xml` and `properties` are understood beside JSON where they are allowed.

    Raises:
        WrongFileError: too large, no text, or broken.
    """
    if len(data) > MAX_FILE:
        raise WrongFileError(f"the file is over {MAX_FILE} bytes")
    text = _decode(data, latin=properties)
    match text.lstrip()[:1]:
        case "":
            raise WrongFileError("the file is empty")
        case "<" if xml:
            return _atom(text)
        case "{" | "[":
            return _json(text)
        case _ if properties:
            return _properties(text)
        case _:
            raise WrongFileError(f"expected JSON{' or Atom XML' if xml else ''}", 1, 1)


def _decode(data: bytes, *, latin: bool) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        if latin and data.lstrip()[:1] not in {b"{", b"["}:
            return data.decode("latin-1")  # what Java writes
        before = data[: exc.start]
        raise WrongFileError("the file is not UTF-8 text", before.count(b"\n") + 1, len(before) - before.rfind(b"\n")) from None


def _json(text: str) -> Any:
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as exc:
        raise WrongFileError(f"not valid JSON: {exc.msg}", exc.lineno, exc.colno) from None
    except RecursionError:
        raise WrongFileError(f"nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as exc:  # a number of thousands of digits
        raise exc if isinstance(exc, WrongFileError) else WrongFileError("not valid JSON: a number is too long") from None
    _check(found, MAX_DEPTH)
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise WrongFileError("a key is said twice in one object, and one of the two would be lost")
    return found


def _check(value: Any, depth: int) -> None:
    """Refuses what YAML cannot hold."""
    match value:
        case str():
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise WrongFileError("half a surrogate pair is no text")
        case list() | dict():
            if not depth:
                raise WrongFileError(f"nested more than {MAX_DEPTH} levels deep")
            for part in value if isinstance(value, list) else (*value, *value.values()):
                _check(part, depth - 1)
        case _:
            pass


class _NoDoctype(ET.TreeBuilder):
    def doctype(self, *_about: str | None) -> None:
        raise WrongFileError("a document type is not read; an Atom export has none")


def _atom(text: str) -> Any:
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314  # as above
    try:
        parser.feed(text)
        root = parser.close()
    except ET.ParseError as exc:
        line, column = exc.position
        raise WrongFileError("not valid XML", line, column + 1) from None
    entries = [_entry(entry, MAX_DEPTH) for entry in ([root] if root.tag == f"{_ATOM}entry" else root.iterfind(f"{_ATOM}entry"))]
    if not entries and root.tag != f"{_ATOM}feed":
        raise WrongFileError("expected an Atom feed or entry with OData properties", 1, 1)
    return entries


def _entry(entry: ET.Element, depth: int) -> dict[str, Any]:
    """The properties of an entry, and by its link's title what is expanded in it."""
    properties = entry.find(f"{_ATOM}content/{_META}properties")
    properties = entry.find(f"{_META}properties") if properties is None else properties
    found: dict[str, Any] = {} if properties is None else _values(properties, depth)
    category = entry.find(f"{_ATOM}category")
    if category is not None:
        found["__metadata"] = {"type": category.get("term", "")}
    for link in entry.iterfind(f"{_ATOM}link"):
        inline = link.find(f"{_META}inline")
        if inline is not None and depth:
            items = inline.iterfind(f"{_ATOM}feed/{_ATOM}entry")
            found[link.get("title", "")] = [_entry(item, depth - 1) for item in items]
    return found


def _values(properties: ET.Element, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in properties:
        name = element.tag.removeprefix(_DATA)
        if name in found:
            raise WrongFileError("a property is said twice in one entry, and one of the two would be lost")
        if element.get(f"{_META}null") == "true":
            found[name] = None
        else:
            found[name] = _values(element, depth - 1) if len(element) and depth else element.text or ""
    return found


def _properties(text: str) -> dict[str, str]:
    """`Key=value` lines as Java writes them."""
    found: dict[str, str] = {}
    lines = iter(enumerate(re.split("\r\n|[\r\n]", text), 1))
    for number, first in lines:
        line = first.lstrip()
        if not line or line[0] in "#!":
            continue
        while len(line) - len(line.rstrip("\\")) & 1:
            line = line[:-1] + next(lines, (0, ""))[1].lstrip()
        parts = _LINE.fullmatch(line)
        if parts is None or ("=" not in line and ":" not in line):
            raise WrongFileError("expected JSON, or lines of the form Key=value", number, 1)
        key, value = (_ESCAPE.sub(_unescaped, part) for part in parts.groups())
        if key in found:
            raise WrongFileError("the key is said twice; one file holds one destination", number, 1)
        found[key] = value.rstrip()
    _check(found, 1)
    return found


def _unescaped(found: re.Match[str]) -> str:
    said = found[1]
    return chr(int(said[1:], 16)) if len(said) > 1 else _ESCAPES.get(said, said)
