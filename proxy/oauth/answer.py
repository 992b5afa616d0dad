"""What the answer of a token endpoint holds, whatever its form, and the paths into it.

Pure; nothing here raises, whatever the bytes are. HTML holds nothing, whatever it is called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import parse_qsl

from proxy.oauth import xml

if TYPE_CHECKING:
    from proxy.oauth.exchange import TokenResponse

Decoded = Mapping[str, object] | list[object] | str | None

MAX_FORM = 128 << 10  # characters of a form; decoding it costs more than JSON does, and none is so long
MAX_FIELDS = 1000  # of a form
_FORM = "application/x-www-form-urlencoded"
_TEXT = frozenset({"", "text/plain", "application/jwt", "application/octet-stream"})
_HEADER = re.compile(r"header:([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})")  # RFC 9110 §5.6.2
_MEMBERS = re.compile(r"[^\s.][^.\x00-\x1f\x7f]*(?:\.[^.\x00-\x1f\x7f]+)*(?<!\s)")
_BRACKETS = re.compile(r"\[['\"]?([^\[\]'\"]*)['\"]?\]")
_INDEX = re.compile(r"[0-9]{1,6}")
_EXPIRED = re.compile(r";\s*max-age\s*=\s*(?:-|0+\s*(?:;|\Z))", re.IGNORECASE)
_LONGEST = 256  # characters of a path


def decoded(response: TokenResponse) -> Decoded:
    """The answer's members, its list, or its text; None: nothing that a token endpoint says, such as HTML."""
    try:
        text = response.body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    read = _json(text)
    if isinstance(read, Mapping | list):
        return read  # also where it is called HTML, as PHP does unless told otherwise
    if "html" in kind:
        return None
    if "xml" in kind:
        return xml.decoded(text.encode())
    if isinstance(read, str):
        return read.strip() or None
    if text.startswith("<"):
        return None
    if kind == _FORM:
        return _form(text)
    return text or None if kind in _TEXT else None


@dataclass(frozen=True, slots=True)
class Path:
    """Where in an answer something stands: `data.0.token`, `$` for all of a text, `header:X-Token`, `cookies`.

    Names of members and indexes of lists with dots between; a name that holds dots itself is found too.
    """

    text: str
    SCHEMA: ClassVar[dict[str, object]] = {
        "type": "string",
        "minLength": 1,
        "description": "where in the answer: data.0.token, $ for all of a text, header:X-Token, or cookies",
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """The Path that a YAML value says.

        Raises:
            ValueError: not text, or not of this form; the sentence says how to write what other tools write.
        """
        if not isinstance(value, str) or not value:
            raise ValueError("expected a path into the answer, such as data.token")
        if value.startswith("header:") and not _HEADER.fullmatch(value):
            raise ValueError("expected the name of a header, such as header:X-Token")
        if value.startswith(("$.", "$[")) or _BRACKETS.search(value):
            plain = _BRACKETS.sub(r".\1", value).removeprefix("$").strip(".")
            raise ValueError(
                f"expected names and numbers with dots between: write {plain}"
                if cls._fits(plain)
                else "expected a path such as data.0.token"
            )
        if not cls._fits(value):
            raise ValueError("expected a path such as data.0.token: names and numbers with single dots between")
        return cls(value)

    @staticmethod
    def _fits(value: str) -> bool:
        return len(value) <= _LONGEST and _MEMBERS.fullmatch(value) is not None

    def find(self, response: TokenResponse, answer: Decoded) -> object | None:
        """What stands there, in the type in which it was sent; None: nothing, or null."""
        if found := _HEADER.fullmatch(self.text):
            return response.headers.get(found[1].lower())
        match self.text:
            case "cookies":
                return _cookies(response.cookies)
            case "$":
                return answer if isinstance(answer, str) else None  # where text is the rule, an object is an error's
            case path:
                return _member(answer, path.split("."))

    def __str__(self) -> str:
        return self.text


def _json(text: str) -> object:
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _form(text: str) -> Mapping[str, object] | None:
    """The fields of a form; the first of a name counts."""
    if len(text) > MAX_FORM:
        return None
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    return dict(reversed(fields)) or None


def _member(value: object, names: list[str]) -> object | None:
    """What `names` lead to; the longest literal name is tried first. Each member of the answer is seen once at most."""
    if not names:
        return value
    match value:
        case list() if _INDEX.fullmatch(names[0]):
            index = int(names[0])
            return _member(value[index], names[1:]) if index < len(value) else None
        case Mapping():
            for length in range(len(names), 0, -1):
                name = ".".join(names[:length])
                if name in value and (found := _member(value[name], names[length:])) is not None:
                    return found
    return None


def _cookies(lines: tuple[str, ...]) -> str | None:
    """The pairs of Set-Cookie lines (RFC 6265 §4.2.1) for a Cookie header; the last of a name counts, one that is taken back does not."""
    pairs: dict[str, str] = {}
    for line in lines:
        name, _, value = map(str.strip, line.partition(";")[0].partition("="))
        pairs.pop(name, None)
        if name and value and not _EXPIRED.search(line):
            pairs[name] = value
    return "; ".join(f"{name}={value}" for name, value in pairs.items()) or None
