"""XML for token endpoints that speak nothing else: a nested mapping to a document, and back.

Safe by what is left out: no DTD, so no entities and nothing external; UTF-8 alone; bounded depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

MAX_DEPTH = 32  # elements within one another
TEXT = "#text"  # the name of an element's own text, beside its attributes
_NAME = re.compile(r"[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?", re.ASCII)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # all but XML 1.0 §2.2's, which take 5 ms to compile
_WHITESPACE = " \t\r\n"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE_ESCAPES = _ESCAPES | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})


def encoded(tree: object) -> bytes:
    """The document of a mapping with one name, its root; `@name` is an attribute, `#text` the text beside it, a list repeats its element.

    Raises:
        ValueError: no single root, a name that XML has not, a character that XML cannot hold, nested too deep; shows no text.
    """
    match tree:
        case {**root} if len(root) == 1:
            ((name, value),) = root.items()
        case _:
            raise ValueError("an XML body is a mapping with one name, its root element")
    if isinstance(value, list | tuple) or name in {TEXT, "@"}:
        raise ValueError("an XML body has one root element")
    return "".join(("<?xml version='1.0' encoding='UTF-8'?>", *_element(name, value, MAX_DEPTH))).encode()


def decoded(body: bytes) -> dict[str, object] | None:
    """The root element as a mapping with one name, the inverse of `encoded`; None: no XML that is read here.

    An element with text alone is that text, without white space around it; names lose their prefix.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "<!DOCTYPE" in text:
        return None
    from xml.etree.ElementTree import ParseError, XMLParser  # noqa: PLC0415  # hardly any endpoint speaks XML

    builder = _Builder()
    try:
        parser = XMLParser(target=builder)  # noqa: S314  # no DTD comes here
        parser.feed(text)  # text, not bytes: an encoding that the document declares is not obeyed
        parser.close()
    except (ParseError, _TooDeepError):
        return None
    return builder.document


def _element(name: object, value: object, depth: int) -> Iterator[str]:
    if not depth:
        raise ValueError(f"XML elements stand in one another more than {MAX_DEPTH} deep")
    tag = _checked(name)
    if isinstance(value, list | tuple):
        if any(isinstance(item, list | tuple) for item in value):
            raise ValueError("a list in a list has no form in XML")
        for item in value:
            yield from _element(name, item, depth)
        return
    parts = value if isinstance(value, Mapping) else {TEXT: value}
    attributes = {key[1:]: item for key, item in parts.items() if str(key).startswith("@")}
    yield "".join((f"<{tag}", *(f' {_checked(key)}="{_text(item, _ATTRIBUTE_ESCAPES)}"' for key, item in attributes.items()), ">"))
    for key, item in parts.items():
        if key == TEXT:
            yield _text(item, _ESCAPES)
        elif not str(key).startswith("@"):
            yield from _element(key, item, depth - 1)
    yield f"</{tag}>"


def _checked(name: object) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise ValueError(f"{name!a:.40} is no name of an XML element or attribute")


def _text(value: object, escapes: Mapping[int, str]) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str() if not _FORBIDDEN.search(value):
            return value.translate(escapes)
        case str():
            raise ValueError("a text has a character that XML cannot hold")
        case _:
            raise ValueError("an XML attribute and #text hold text, a number, true, false or null")


class _TooDeepError(Exception):
    """A document nested deeper than anyone writes."""


class _Builder:
    """What the parser tells of a document, as nested mappings."""

    def __init__(self) -> None:
        self.document: dict[str, object] = {}
        self._open: list[tuple[dict[str, object], list[str]]] = [(self.document, [])]

    def start(self, _tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if len(self._open) > MAX_DEPTH:
            raise _TooDeepError
        self._open.append(({f"@{_local(name)}": value for name, value in attributes.items()}, []))

    def data(self, text: str) -> None:
        """A piece of the text of the innermost element."""
        self._open[-1][1].append(text)

    def end(self, tag: str) -> None:
        """The innermost element is complete."""
        members, pieces = self._open.pop()
        text = "".join(pieces).strip(_WHITESPACE)
        if members and text:
            members[TEXT] = text
        _add(self._open[-1][0], _local(tag), members or text)

    def close(self) -> None:
        """The document is complete."""


def _add(members: dict[str, object], name: str, value: object) -> None:
    """One more member; the second of a name makes them a list."""
    there = members.get(name)
    if isinstance(there, list):
        there.append(value)
    else:
        members[name] = value if there is None else [there, value]


def _local(name: str) -> str:
    return name.rpartition("}")[2]
