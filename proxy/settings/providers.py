"""Provider presets: YAML files with a vendor's token endpoint in them, laid beneath what a credential says.

A preset is data: every key of it is a default, at every depth, and what the user writes stands above it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.settings import words
from proxy.settings.convert import FAILED
from proxy.settings.problems import Findings, Place, join, quoted
from proxy.settings.source import Entry, Node, article, parse, under

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.settings.convert import Conversion

UNTESTED = "not tested against the vendor"
_TEXTS = ("name", "documentation", "tested")
_KEYS = (*_TEXTS, "values", "credential")


@dataclass(frozen=True, slots=True)
class Value:
    """A name that a preset's templates use: what it is, and what stands for it unless the user says so (None: they have to)."""

    meaning: str
    default: Node | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """One vendor: where its documentation stands, the values it needs, and the keys that it says for a credential."""

    name: str
    documentation: str
    tested: str
    values: Mapping[str, Value]
    credential: Node


@cache
def folder() -> Path:
    """Where the presets lie: in the installed package, or in a checkout beside it."""
    installed = Path(str(resources.files("proxy"))) / "providers"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "config" / "providers"


def names() -> tuple[str, ...]:
    """Every `provider` there is, in order."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


@cache
def preset(name: str) -> Preset:
    """The preset of that name, one of `names()`.

    Raises:
        SettingsError: the file is not as a preset has to be.
    """
    path = folder() / f"{name}.yaml"
    return read(path.read_bytes(), str(path))


def read(data: bytes, file: str) -> Preset:
    """The preset that a file says.

    Raises:
        SettingsError: all that is wrong with it.
    """
    findings = Findings()
    top = parse(data, file, findings) or Node("", Place(file), "mapping")
    for key in sorted(top.entries.keys() - {*_KEYS}):
        findings.add(top.entries[key].place, key, words.answer("providers", key, _KEYS))
    name, documentation, tested = (_text(top, key, findings) for key in _TEXTS)
    if name != Path(file).stem:
        findings.add(top.nearest("name").place, "name", f"expected {Path(file).stem}, as the file is called")
    if top.get("credential", "type") is None:
        findings.add(top.nearest("credential").place, "credential.type", words.missing("type"))
    said = top.get("values")
    values = {key: _value(entry.node, findings) for key, entry in said.entries.items()} if said is not None else {}
    findings.raise_if_any()
    return Preset(name, documentation, tested, values, top.nearest("credential"))


def _value(node: Node, findings: Findings) -> Value:
    for key in sorted(node.entries.keys() - {"is", "default"}):
        findings.add(node.entries[key].place, node.key, words.answer("providers", key, ("is", "default")))
    return Value(_text(node, "is", findings), node.get("default"))


def _text(node: Node, key: str, findings: Findings) -> str:
    found = node.get(key)
    if found is None or found.kind != "text" or not found.value:
        findings.add(node.nearest(key).place, join(node.key, key), f"expected text, got {article(found.kind if found else 'nothing')}")
        return ""
    return str(found.value)


def beneath(node: Node, conversion: Conversion) -> Node:
    """A credential's node with its `provider`'s keys wherever it says nothing; what does not fit is a finding.

    The preset's keys have the place of `provider`: that is the line of the user's own that brought them.
    """
    named = node.get("provider")
    if named is None or named.kind == "nothing":
        return node
    name = conversion.choice(named, names())
    if name is FAILED:
        return node
    found = preset(name)
    whole = under(node, _rooted(_with_defaults(found), node.key, named.place))
    for value, needed in found.values.items():
        if whole.get("values", value) is None and _uses(whole, f"${{values.{value}}}"):
            _ask(whole, value, f"provider {name} needs {needed.meaning}", conversion)
    return whole


def _ask(node: Node, value: str, need: str, conversion: Conversion) -> None:
    """The finding that a value is missing, at the user's `values`, or else at their `provider`."""
    said = node.get("values")
    near = words.nearest(value, said.entries) if said is not None else None
    at = said if said is not None and said.entries else node.nearest("provider")
    hint = f"; is {quoted(near)} meant for it?" if near else ""
    conversion.fail(replace(at, key=join(join(node.key, "values"), value)), f"this key is missing: {need}{hint}")


def _with_defaults(found: Preset) -> Node:
    """The preset's keys, with the values that have a default among them."""
    place = found.credential.place
    said = {name: Entry(place, value.default) for name, value in found.values.items() if value.default is not None}
    if not said:
        return found.credential
    values = Node("values", place, "mapping", entries=said)
    return under(found.credential, replace(found.credential, entries={"values": Entry(place, values)}))


def _rooted(node: Node, key: str, place: Place) -> Node:
    """The node as if it were written under `key`, at `place`."""
    entries = {name: Entry(place, _rooted(entry.node, join(key, name), place)) for name, entry in node.entries.items()}
    items = tuple(_rooted(item, f"{key}[{index}]", place) for index, item in enumerate(node.items))
    return replace(node, key=key, place=place, entries=entries, items=items)


def _uses(node: Node, name: str) -> bool:
    """Whether a text of this node holds the template `name`: a key that the user wrote anew may need it no more."""
    return name in node.word or any(_uses(part, name) for part in (*node.items, *(entry.node for entry in node.entries.values())))
