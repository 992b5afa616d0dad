"""The conversion of a credential: its every text may hold `${values.NAME}` and `${env:NAME}`, some keys what only a request knows.

What is known when settings are read stands in the struct as text; what is not stays a template there.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.oauth.walk import called_secret
from proxy.secrets.sources import parse as secret_of
from proxy.settings import slips
from proxy.settings.convert import FAILED, Conversion, plain
from proxy.settings.problems import join
from proxy.settings.references import Reference, no_value
from proxy.settings.source import Entry, Node, article

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.secrets import Secret
    from proxy.settings.problems import Findings

HELD_BY = "token_url, token_request, steps, refresh, assertion and token_placement.value"  # the keys that are read at a request
_VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")  # the whole of a secret
_UNKNOWN = re.compile(r"\A\$\{[!-~]+\}(?= is no )")  # the name may be a part of a secret that holds a brace by chance


_OFFERED = re.compile(r"(?<= is no name; ).*", re.DOTALL)
_LISTED = re.compile(r"(?<=; known are ).*", re.DOTALL)
_OF_A_REQUEST = frozenset({"assertion", "refresh_token"})
_OF_A_TOKEN = frozenset({"token", "response.PATH", "request.method", "request.path"})
_AT_LOAD = "known here are values.NAME and env:NAME"
_ORDINALS = ("1st", "2nd", "3rd")


class CredentialConversion(Conversion):
    """Converts the keys of one credential.

    Args:
        root: the credential's mapping.
        values: what its `values` say, as far as they could be read; None while they are read themselves.
        declared: the names that stand under `values`.
        belongs: what to say of a key that another type of credential has.
    """

    def __init__(
        self,
        findings: Findings,
        root: Node,
        values: Mapping[str, Secret] | None,
        declared: frozenset[str],
        belongs: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(findings)
        self._root = root
        self._values = values
        self._declared = declared
        self._belongs = belongs or {}
        self._written = {f"values.{name}": said.read() for name, said in (values or {}).items() if _shown(name, said)}
        self.references: list[Reference] = []

    def unknown(self, node: Node, name: str, known: list[str]) -> str:
        if node is self._root and name in self._belongs:
            return f"unknown key; {self._belongs[name]}"
        return super().unknown(node, name, known)

    def value(self, node: Node, kind: Any) -> Any:
        return self._tree(node) if kind is Tree else super().value(node, kind)

    def word(self, node: Node, kind: Any) -> Any:
        if kind is Template and node.kind == "text":
            return self._template(node)
        if node.kind not in {"text", "list"}:  # {env: NAME} holds no template
            return super().word(node, kind)
        if told := slips.variable_meant(node.word):
            return self.fail(node, told)
        filled = self._filled(node)
        return FAILED if filled is None else super().word(filled, kind)

    def secret(self, node: Node) -> Any:
        if (whole := _VARIABLE.fullmatch(node.word)) is not None:  # it stays where it is, so that it may change
            name = Node(join(node.key, "env"), node.place, "text", whole[1], whole[1])
            return super().secret(replace(node, kind="mapping", entries={"env": Entry(node.place, name)}))
        if node.kind == "text" and (place := self._place(node)) is not None:
            return place
        if node.kind == "text" and (told := self._misspelled(node)) is not None:
            return self.fail(node, told)
        filled = self._filled(node)
        return FAILED if filled is None else super().secret(filled)

    def _place(self, node: Node) -> Secret | None:
        """The value that the text of a secret names and nothing else: `${values.x}`."""
        whole = re.fullmatch(r"\$\{values\.([^{}()]+)\}", node.word)
        return None if whole is None else (self._values or {}).get(whole[1])

    def _misspelled(self, node: Node) -> str | None:
        """What to write in place of a secret's text that says where the secret is."""
        if self._values is None:  # one of `values`, which may be any text
            return slips.variable_meant(node.word)
        return slips.place_meant(node.word, Path(node.place.file).parent)

    def _parsed(self, node: Node, *, at_load: bool = False) -> Template | None:
        try:
            return Template.parse(node.value)
        except ValueError as exc:
            told = _UNKNOWN.sub(lambda found: _which(node.word, found[0]), str(exc))
            self.fail(node, _OFFERED.sub(_AT_LOAD, told) if at_load else _LISTED.sub(lambda found: self._listed(node, found[0]), told))
            return None

    def _listed(self, node: Node, listed: str) -> str:
        """The names that may stand at this node, of those that may stand anywhere."""
        placing = node.key.removeprefix(f"{self._root.key}.").startswith("token_placement")
        return ", ".join(name for name in listed.split(", ") if name not in (_OF_A_REQUEST if placing else _OF_A_TOKEN))

    def _template(self, node: Node) -> Any:
        template = self._parsed(node)
        if template is None:
            return FAILED
        self.references += [Reference(node, name) for name in sorted(template.names)]
        return template.fold(self._written)

    def _tree(self, node: Node) -> Any:
        part = self._part(node, root=True)
        return FAILED if _failed(part) else Tree.parse(part)

    def _part(self, node: Node, *, root: bool = False) -> Any:
        match node.kind:
            case "text":
                return self._template(node)
            case "list":
                return [self._part(item) for item in node.items]
            case "mapping" if _is_secret(node) and not (root and node.key.endswith(".body")):
                return self.secret(node)
            case "mapping":
                return {name: self._part(entry.node) for name, entry in node.entries.items()}
            case "date" | "binary value":
                return self.fail(node, f"expected a value, got {article(node.kind)}; put it in quotes")
            case _:
                return node.value

    def _filled(self, node: Node) -> Node | None:
        """The node with what its texts refer to, all of which must be known now; None: that is a finding."""
        if node.kind == "text":
            return self._filled_text(node)
        entries = {name: self._filled(entry.node) for name, entry in node.entries.items()}
        items = [self._filled(item) for item in node.items]
        if None in entries.values() or None in items:
            return None
        whole = {name: Entry(node.entries[name].place, child) for name, child in entries.items() if child is not None}
        return replace(node, entries=whole, items=tuple(item for item in items if item is not None))

    def _filled_text(self, node: Node) -> Node | None:
        if "${" not in node.word:
            return node
        template = self._parsed(node, at_load=True)
        if template is None:
            return None
        known = {name: self._at_load(node, name) for name in sorted(template.names)}
        if None in known.values():
            return None
        text = template.render(lambda name: known[name] or "")
        return replace(node, value=text, word=text)

    def _at_load(self, node: Node, name: str) -> str | None:
        """What a name stands for already now; None: that is a finding."""
        if name.startswith("env:"):
            return self._environment(node, name.removeprefix("env:"))
        kind, _, value = name.partition(".")
        if kind != "values":
            self.fail(node, f"${{{name}}} is known only when a request is made; that may stand in {HELD_BY}")
            return None
        if self._values is None:
            self.fail(node, "a value does not refer to another one; write ${env:NAME}, or what it stands for")
            return None
        said = self._values.get(value)
        if said is None:
            if value not in self._declared:
                self.fail(node, no_value(value, self._declared))
            return None
        if said.kind not in {"text", "env"} or said.after is not None:
            self.fail(node, f"values.{value} is read when a request is made ({said.kind}); it may stand in {HELD_BY}")
            return None
        return said.read()

    def _environment(self, node: Node, name: str) -> str | None:
        found = os.environ.get(name, "")
        if not found:
            self.fail(node, f"environment variable {name} is not set")
        return found or None


def _which(text: str, found: str) -> str:
    """How to call one of the `${...}` of a text: by its position, where there are several."""
    places = [match.start() for match in re.finditer(r"\$\{", text)]
    if len(places) <= 1:
        return "a ${...} in it"
    number = sum(place <= text.find(found) for place in places)
    return f"the {_ORDINALS[number - 1] if 0 < number <= len(_ORDINALS) else f'{number}th'} ${{...}} in it"


def _shown(name: str, said: Secret) -> bool:
    """Whether a value stands in the file in clear and is no secret by its name: it becomes a part of what it stands in."""
    return said.kind == "text" and said.after is None and not called_secret(name)


def _is_secret(node: Node) -> bool:
    """Whether a mapping is a secret's place and nothing else."""
    try:
        secret_of(plain(node))
    except ValueError:
        return False
    return True


def _failed(part: object) -> bool:
    if isinstance(part, dict | list):
        return any(map(_failed, part.values() if isinstance(part, dict) else part))
    return part is FAILED
