"""YAML to nodes: kinds, places and keys."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from proxy.settings import source
from proxy.settings.problems import Findings, Place, SettingsError
from proxy.settings.source import Node, parse

SCALARS = {
    "a": ("text", "a"),
    "'1'": ("text", "1"),
    "1": ("integer", 1),
    "0x1F": ("integer", 31),
    "1.5": ("number", 1.5),
    "true": ("boolean", True),
    "off": ("boolean", False),
    "Yes": ("boolean", True),
    "~": ("nothing", None),
    "": ("nothing", None),
    "2024-10-01": ("date", "2024-10-01"),
    "2024-99-99": ("date", "2024-99-99"),
    "0b_": ("text", "0b_"),
    "!!str 1": ("text", "1"),
    "!!binary aGk=": ("binary value", "aGk="),
    "|\n  a": ("text", "a"),
}


def parsed(text: str) -> Node:
    findings = Findings()
    node = parse(text.encode(), "f.yaml", findings)
    findings.raise_if_any()
    assert node is not None
    return node


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with both of PyYAML's parsers."""
    monkeypatch.setattr(source, "_LOADER", getattr(yaml, request.param))


@pytest.mark.parametrize(("text", "expected"), SCALARS.items())
def test_a_scalar_has_its_kind(text: str, expected: tuple[str, Any]) -> None:
    """What YAML 1.1 reads is known, and so is what it could not read."""
    node = parsed(f"k: {text}").nearest("k")

    assert (node.kind, node.value) == expected


def test_every_node_has_its_place_and_key() -> None:
    """Lines and columns count from 1, and a key's own place is kept beside its value's."""
    top = parsed("a:\n  - b: ü\n    'c.d e': [1, x]\n")

    inner = top.nearest("a").items[0]
    assert (inner.key, inner.place) == ("a[0]", Place("f.yaml", 2, 5))
    assert inner.entries["c.d e"].place == Place("f.yaml", 3, 5)
    assert (inner.nearest("c.d e").items[1].key, inner.nearest("c.d e").items[1].place) == ("a[0].'c.d e'[1]", Place("f.yaml", 3, 18))


def test_an_alias_has_the_key_of_where_it_stands() -> None:
    """The place is the anchor's, where the value is written."""
    node = parsed("a: &x {b: 1}\nc: *x\n").nearest("c", "b")

    assert (node.key, node.place, node.value) == ("c.b", Place("f.yaml", 1, 11), 1)


def test_a_merged_mapping_gives_way() -> None:
    """An own key wins over <<, wherever it stands, and an earlier source over a later one."""
    node = parsed("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2, d: 2}\nz: {d: 0, <<: [*x, *y]}\n").nearest("z")

    assert {name: entry.node.value for name, entry in node.entries.items()} == {"a": 1, "b": 1, "c": 2, "d": 0}


BROKEN = {
    "an alias to what holds it": (
        "a: &x [*x]",
        "f.yaml:1:8: YAML reads a value that begins with * as an alias, and no anchor above has its name; put a text in quotes",
    ),
    "a merge of what is not there": (
        "a: {<<: *hunter2}",
        "f.yaml:1:9: YAML reads a value that begins with * as an alias, and no anchor above has its name; put a text in quotes",
    ),
    "a merge of text": ("a: {<<: b}", "f.yaml:1:9: a: << takes a mapping: an alias such as *name, or a list of them"),
    "a key twice": ("a: 1\n'a': 2", "f.yaml:2:1: a: the key is said twice; first in line 1"),
    "a mapping as key": ("? {a: b}\n: c", "f.yaml:1:3: a key must be text, got a mapping; put it in quotes"),
    "a tab": ("a:\n\t- b", "f.yaml:2:1: not valid YAML: a tab; indent with spaces"),
    "a tab among spaces": ("a:\n  b: c\n \td: e", "f.yaml:3:2: not valid YAML: a tab; indent with spaces"),
    "a sign": ("a: @hunter2", "f.yaml:1:4: not valid YAML: a value cannot begin with @; put it in quotes"),
    "too deep": ("[" * 40 + "]" * 40, "f.yaml:1:34: nested more than 32 levels deep"),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_used_is_told(text: str, expected: str) -> None:
    """Both parsers end in the same line."""
    with pytest.raises(SettingsError) as caught:
        parsed(text)

    assert str(caught.value) == expected


def test_half_a_character_is_refused() -> None:
    """libyaml refuses the escape itself; either way it is a problem, not text that nobody can encode."""
    with pytest.raises(SettingsError, match=r"^f\.yaml:1:\d: (half a surrogate pair|not valid YAML)"):
        parsed('a: "\\ud800"')


def test_aliases_of_aliases_are_bounded() -> None:
    """A small file cannot become a large tree."""
    lines = ["a0: &a0 [" + ",".join("1" * 10) + "]"] + [f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 9)]

    with pytest.raises(SettingsError, match="more than 200000 values, aliases included"):
        parsed("\n".join(lines))


def test_a_node_does_not_show_its_value() -> None:
    """A node may be a secret."""
    assert "hunter2" not in repr(parsed("a: hunter2"))
