"""docs/import.md against the tables of the translators: every key of theirs, both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy.importing import cpi, destination_keys, service_key

if TYPE_CHECKING:
    from proxy.importing.rules import Rule

DOCS = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")
SECTIONS = dict(part.split("\n", 1) for part in re.split(r"\n###? ", DOCS)[1:])


def row(key: str, rule: Rule) -> str:
    if rule.ours == "-":
        ours = "as it is here"
    elif rule.ours:
        ours = f"`{rule.ours}`"
    else:
        ours = "stays behind" if rule.matters else "of no meaning"
    return f"| `{key}` | {ours} | {rule.why} |"


def rows(section: str, heading: str = "| their key | ours | |") -> list[str]:
    return SECTIONS[section].partition(f"{heading}\n")[2].partition("\n\n")[0].strip().splitlines()[1:]


@pytest.mark.parametrize("entity", cpi.KEYS)
def test_cpi(entity: str) -> None:
    """An entity's table is the translator's."""
    assert rows(entity) == [row(key, rule) for key, rule in cpi.KEYS[entity].items()]


def test_destinations() -> None:
    """The tables of keys and of what stands beside a destination are the translator's."""
    families = [row(f"{name}*", family.rule) for name, family in destination_keys.FAMILIES.items()]
    assert rows("Destinations of SAP BTP") == [row(key, rule) for key, rule in destination_keys.KEYS.items()] + families
    around = [f"| `{key}` | {why} |" for key, why in destination_keys.AROUND.items()]
    assert rows("Destinations of SAP BTP", "| beside it | |") == around


def test_types_of_authentication() -> None:
    """Every type has a row with the type here."""
    found = dict(
        re.findall(
            r"^\| `(\w+)` \| `?([\w ]+)`? \|", "\n".join(rows("Destinations of SAP BTP", "| Authentication | type | |")), re.MULTILINE
        )
    )
    assert found == {
        name: "stays behind" if kind.blocked else kind.ours or "a route alone" for name, kind in destination_keys.KINDS.items()
    }


def test_service_keys() -> None:
    """The table of a service key is the translator's."""
    assert rows("Service keys") == [row(key, rule) for key, rule in service_key.KEYS.items()]
