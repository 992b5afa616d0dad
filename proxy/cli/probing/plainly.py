"""What a library says of a failed connection, as a person reads it: `https://login.example/token: self-signed certificate`.

Hosts and reasons stay; class names, numbers and places in a library's source go.
"""

from __future__ import annotations

import re

_RULES = (
    (re.compile(r"\b[A-Z]\w*(?:Error|Exception)(?:\b: ?|$)"), ""),
    (re.compile(r"\(\d+, (['\"])(.*)\1\)"), r"\2"),  # an exception's arguments
    (re.compile(r"\[SSL(?:: \w+)?\] | \(_ssl\.c:\d+\)|\[Errno -?\d+\] |certificate verify failed: "), ""),
    (re.compile(r"Cannot connect to host (\S+) ssl:.*? \[(.*)\]"), r"\1: \2"),
    (re.compile(r"Connect call failed \('([^']*)', (\d+)[^)]*\)"), r"\1:\2 takes no connection"),
    (re.compile(r"^(\w+://([^/:?]+|\[[^]]*\])\S*): \2:\d+: "), r"\1: "),  # the host stands there already
    (re.compile(r"[: .]+$"), ""),
)
_PLACE = re.compile(r"\w+://\S+|[\w.-]+:\d+(:.*)?|\[[0-9a-f:]+\]:\d+(:.*)?|[\w-]+(\.[\w-]+)+(:.*)?", re.ASCII)


def plainly(text: str) -> str:
    """`text` without what only a programmer reads."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def with_place(code: str, detail: str) -> str:
    """`code at URL: reason`, or `code: reason` where no place is told."""
    told = plainly(detail)
    if not told:
        return code
    return f"{code} at {told}" if _PLACE.match(told) else f"{code}: {told}"
