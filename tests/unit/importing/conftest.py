"""Entries as a reader of the YAML finds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from proxy.importing.entries import Entry
from proxy.importing.writing import Places, Written, write

Translate = Callable[[bytes, str], list[Entry]]


@dataclass(frozen=True)
class Import:
    """What an export came to."""

    entries: list[Entry]
    written: Written

    @property
    def credentials(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.written.material)["credentials"]
        return found

    @property
    def one(self) -> dict[str, Any]:
        (found,) = self.credentials.values()
        assert isinstance(found, dict)
        return found

    @property
    def routes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] | None = yaml.safe_load(self.written.routes)["routes"]
        return found or []  # none but comments

    @property
    def left(self) -> set[str]:
        """The keys that stayed behind and matter."""
        return {left.key for entry in self.entries for left in entry.left if left.matters}

    @property
    def idle(self) -> set[str]:
        """The keys that mean nothing here."""
        return {left.key for entry in self.entries for left in entry.left if not left.matters}


Bring = Callable[..., Import]


@pytest.fixture
def bring() -> Bring:
    """Translates and writes."""

    def bring(translate: Translate, export: object, places: Places | None = None) -> Import:
        data = export if isinstance(export, bytes) else json.dumps(export).encode()
        entries = translate(data, "file-name")
        return Import(entries, write("test", entries, (), places or Places(routes_apart=True)))

    return bring
