"""docs/errors.md against the code: every code, its status and its RFC 9209 type, both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from proxy import errors
from proxy.http.told import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z_]+)` \| (\d{3}) \| `([a-z_]+)` \|", re.MULTILINE)
TOLD = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
TREE = re.compile(r"[├└]── (\w+)")


def family(kind: type[errors.ProxyError]) -> Iterator[type[errors.ProxyError]]:
    for member in kind.__subclasses__():
        if not member.__module__.startswith("proxy."):
            continue
        yield member
        yield from family(member)


KINDS = tuple(family(errors.ProxyError))


def test_each_code_has_its_row() -> None:
    """docs/errors.md names every code with the status and the RFC 9209 type that callers get."""
    told = {(code, int(status), kind) for code, status, kind in ROW.findall(DOCS)}
    assert told == {(kind.code, kind.status, kind.proxy_error) for kind in KINDS if "code" in vars(kind)}


def test_each_reason_has_its_row() -> None:
    """docs/errors.md names every word with which a relayed answer's details begin."""
    section = DOCS.partition("## Answers that are passed on")[2]
    words = {"token_replaced", "retried", "insufficient_scope", "refetch_failed", *REASONS}
    assert set(TOLD.findall(section)) == words


def test_the_tree_is_drawn() -> None:
    """The drawing at the top of errors.py has every class, and no other."""
    assert set(TREE.findall(errors.__doc__ or "")) == {kind.__name__ for kind in KINDS}
