"""The error that a token endpoint's answer declares, in RFC 6749's members or in a vendor's own.

Pure; nothing raises, whatever the answer holds, and nothing here is fit to be shown before it is redacted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from proxy.oauth.quoting import MAX_READ

_CODES = ("errorcode", "faultcode", "code", "type", "errortype", "status", "error", "errorid", "name")
_TEXTS = (
    "errordescription",
    "message",
    "errormessage",
    "faultstring",
    "errorsummary",
    "detail",
    "reason",
    "description",
    "msg",
    "title",
    "text",
)
_OWN_CODES = ("errorcode", "faultcode", "errorid")  # beside other members; `code` and `status` may stand beside a token
_ABOUT = frozenset({*_CODES, *_TEXTS, "success", "statuscode", "timestamp", "path", "instance", "requestid", "traceid"})
_FINE = re.compile(r"0+|20[01]|ok|success(?:ful)?|none|null|false", re.IGNORECASE)  # codes that say that nothing is wrong
_STATUSES = range(100, 600)
_MOST = 10**18  # longer numbers are no codes
_DEEPEST = 4  # mappings with nothing but a mapping in them: an envelope around what is said


class Declared(NamedTuple):
    """An error's code ("": none is said) and its text ("": none); `certain`: nothing but an error is said so."""

    code: str
    text: str
    certain: bool


NOTHING = Declared("", "", certain=False)


def declared(said: object) -> Declared:
    """What an answer, as `answer.decoded` gives it, declares; NOTHING where it declares no error.

    What is not certain counts only where the status says that something is wrong, or where there is no token. Code and text are cut
    here, before anything searches them.
    """
    code, text, certain = _declared(said)
    return Declared(code[:MAX_READ], text[:MAX_READ], certain)


def _declared(said: object) -> Declared:
    if isinstance(said, str):
        return Declared("", said, certain=False)
    body = _opened(said, _DEEPEST)
    if body is None:
        return NOTHING
    members = _members(body)
    for name in ("error", "errors", "fault"):
        if (found := _error(members.get(name), members, _DEEPEST)) is not None:
            return found
    text = _text(members)
    plain = text and members.keys() <= _ABOUT  # elsewhere a `code` may be what a login hands out
    return Declared(_first(members, _OWN_CODES) or (_first(members, ("code",)) if plain else ""), text, certain=False)


def fine(code: str) -> bool:
    """Whether a code says that nothing is wrong, as some do beside every token."""
    return not code or bool(_FINE.fullmatch(code.strip()))


def _opened(said: object, depth: int) -> Mapping[str, object] | None:
    """The mapping that says something: out of its envelope, or the first of a list of errors (Salesforce's data API)."""
    match said:
        case [first, *_]:
            return _opened(first, depth - 1) if depth else None
        case Mapping() if depth and len(said) == 1:
            [(name, inner)] = said.items()
            known = _plain(name) in {"error", "errors", "fault", *_CODES, *_TEXTS}
            return said if known or not isinstance(inner, Mapping) else _opened(inner, depth - 1)
        case Mapping() if isinstance(body := said.get("Body"), Mapping):  # SOAP, with a header beside it
            return _opened(body, depth - 1) if depth else None
        case Mapping():
            return said
        case _:
            return None


def _error(value: object, around: Mapping[str, object], depth: int) -> Declared | None:
    """What stands under `error`, `errors` or `fault`; None: nothing, as in `"error": null`, `"errors": []`."""
    match value:
        case str() if value:
            return Declared(value, _text(around), certain=True)
        case True:
            return Declared(_first(around, _OWN_CODES) or "error", _text(around), certain=True)
        case [str(first), *_]:
            return Declared("error", first, certain=True)
        case [first, *_]:
            return _error(first, around, depth - 1) if depth else Declared("error", "", certain=True)
        case Mapping() if value:
            members = _members(value)
            inner = _members(members["detail"]) if isinstance(members.get("detail"), Mapping) else {}  # Apigee's fault
            code = _first(inner, _CODES) or _first(members, _CODES) or "error"
            return Declared(code, _text(members) or _text(around), certain=True)
        case _:
            return None


def _members(said: object) -> dict[str, object]:
    """By their names in lower case without `_` and `-`: errorCode, error_code and ErrorCode are one."""
    found: dict[str, object] = {}
    for name, value in said.items() if isinstance(said, Mapping) else ():
        found.setdefault(_plain(name), value)
    return found


def _plain(name: object) -> str:
    return str(name).lower().replace("_", "").replace("-", "")


def _first(members: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of these members that is a text, or a number that does not merely repeat the status."""
    for name in names:
        match members.get(name):
            case bool() | "":
                pass
            case str(value):
                return value
            case int(value) if name in _OWN_CODES or value not in _STATUSES:
                return str(value % _MOST)
    return ""


def _text(members: Mapping[str, object]) -> str:
    return next((value for name in _TEXTS if isinstance(value := members.get(name), str) and value), "")
