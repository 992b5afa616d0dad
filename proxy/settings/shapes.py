"""What a preset's value has to look like: a host, a base, a URL or a name, without what the preset writes around it.

What is said of a wrong value shows no part of it but a host or a name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.http.address import UpstreamURL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~%-]{0,127}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def wrong(shape: str, value: str, around: Iterable[str]) -> str | None:
    """What to write in place of `value`, or None where it is right; `around` are the texts that the preset puts behind it."""
    whole = value.strip().rstrip("/")
    for text in sorted(around, key=len, reverse=True):
        if whole.endswith(text):
            before = whole.removesuffix(text)
            return f"the provider adds {text} itself; write {_before(before, shape)}"
    return SHAPES[shape](value)


def _before(text: str, shape: str) -> str:
    bare = text if shape == "url" else _SCHEME.sub("", text)
    return _shown(bare) or "what stands before it"


def _host(value: str) -> str | None:
    if _authority(value):
        return None
    bare = _SCHEME.sub("", value.strip()).partition("/")[0]
    return f"expected a host without scheme, path or space; write {_shown(bare) or 'one such as login.example'}"


def _base(value: str) -> str | None:
    """A host, and the path under which the server stands where it has one."""
    try:
        UpstreamURL.parse(f"https://{value}")
    except ValueError:
        return _host(value)
    if _SCHEME.match(value) or value.endswith("/"):
        return f"expected a host, and a path behind it where there is one; write {_SCHEME.sub('', value).rstrip('/')}"
    return None


def _url(value: str) -> str | None:
    if value != value.strip() or value.endswith("/") or "?" in value or "#" in value:
        return "expected a URL without a space, query or / at its end; write one such as https://login.example"
    try:
        UpstreamURL.parse(value)
    except ValueError:
        return f"expected a URL; write one such as https://{_shown(value) or 'login.example'}"
    return None


def _name(value: str) -> str | None:
    if _NAME.fullmatch(value):
        return None
    bare = value.strip().strip("/")
    told = f"; write {bare}" if _NAME.fullmatch(bare) else ""
    return f"expected a name without spaces or /{told}"


def _authority(value: str) -> bool:
    try:
        return UpstreamURL.parse(f"https://{value}").path == "" and "/" not in value
    except ValueError:
        return False


def _shown(value: str) -> str:
    return value if _authority(value) and not _SCHEME.match(value) else ""


SHAPES: Mapping[str, Callable[[str], str | None]] = {"host": _host, "base": _base, "url": _url, "name": _name}
