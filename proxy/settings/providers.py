"""Provider presets: YAML files with a vendor's token endpoint in them, laid beneath what a credential says.

A preset is data: every key of it is a default, at every depth, and what the user writes stands above it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.settings import words
from proxy.settings.convert import FAILED
from proxy.settings.problems import Findings, Place, join, quoted
from proxy.settings.shapes import SHAPES, wrong
from proxy.settings.source import Entry, Node, article, parse, under

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.settings.convert import Conversion

_TEXTS = ("name", "documentation", "tested")
_KEYS = (*_TEXTS, "values", "credential")
_VALUE_KEYS = ("is", "default", "form")


@dataclass(frozen=True, slots=True)
class Value:
    """A name that a preset's templates use: what it is, what stands for it unless the user says so (None: they have to), its shape."""

    meaning: str
    default: Node | None = None
    form: str | None = None


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
    for key in sorted(node.entries.keys() - {*_VALUE_KEYS}):
        findings.add(node.entries[key].place, node.key, words.answer("providers", key, _VALUE_KEYS))
    form = node.get("form")
    if form is not None and form.word not in SHAPES:
        findings.add(form.place, form.key, f"expected {words.either(list(SHAPES))}")
    return Value(_text(node, "is", findings), node.get("default"), form.word if form is not None else None)


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
    used = {value: needed for value, needed in found.values.items() if _uses(whole, f"${{values.{value}}}")}
    for value, needed in used.items():
        if value in node.entries and node.get("values", value) is None:
            whole = _misplaced(whole, value, name, conversion)
        elif (said := whole.get("values", value)) is not None:
            whole = _judged(whole, said, value, needed, conversion)
        else:
            _ask(whole, value, f"provider {name} needs {needed.meaning}", conversion)
    return whole


def _judged(node: Node, said: Node, value: str, needed: Value, conversion: Conversion) -> Node:
    """The credential, without a value that has not the form it needs: that is a finding, and nothing else is said of it."""
    text = _known(said)
    behind = {part for whole in _behind(node, f"${{values.{value}}}") for part in (whole, whole.partition("/")[0]) if part}
    if needed.form is None or text is None or (fault := wrong(needed.form, text, behind)) is None:
        return node
    conversion.fail(said, fault if said.kind == "text" else f"the variable holds another form: {fault.partition(';')[0]}")
    values = node.nearest("values")
    rest = {name: entry for name, entry in values.entries.items() if name != value}
    return replace(node, entries={**node.entries, "values": Entry(values.place, replace(values, entries=rest))})


def _known(node: Node) -> str | None:
    """The text that a value holds, as far as it is written here or in the environment."""
    if node.kind == "text":
        return None if "${" in node.word else str(node.value)
    variable = node.get("env")
    return os.environ.get(variable.word) or None if variable is not None and len(node.entries) == 1 else None


def _behind(node: Node, name: str) -> Iterator[str]:
    """What stands behind the template `name` in every text of this node, up to the next template."""
    if name in node.word:
        yield from (text.partition("${")[0] for text in node.word.split(name)[1:])
    for part in (*node.items, *(entry.node for entry in node.entries.values())):
        yield from _behind(part, name)


def _misplaced(node: Node, value: str, provider: str, conversion: Conversion) -> Node:
    """The credential, without a value of the preset that stands beside its keys and not under `values`."""
    at = replace(node.entries[value].node, key=join(join(node.key, "values"), value), place=node.entries[value].place)
    conversion.fail(at, f"provider {provider} reads it under `values`; write values: {{{value}: ...}}")
    return replace(node, entries={name: entry for name, entry in node.entries.items() if name != value})


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
