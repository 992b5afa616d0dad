"""What a credential says, as its rules ask for it: its node beside the values that could be read.

A key whose value is a finding already is there for every rule, and its value is not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import msgspec

from proxy.oauth.options import EndpointOptions
from proxy.oauth.walk import names_of
from proxy.secrets import Secret, SecretUnreadableError
from proxy.settings.convert import fields
from proxy.settings.problems import join

if TYPE_CHECKING:
    from proxy.oauth.template import Template
    from proxy.settings.checks import Fault
    from proxy.settings.source import Node

T = TypeVar("T", bound=msgspec.Struct)
UNKNOWN = "\0"  # what stands in a rendered text for what only a request knows


@dataclass(frozen=True, slots=True)
class Said:
    """One credential: its type as `kind`, "" where that is wrong; its type's struct, its values, keys that a wrong one stood for."""

    node: Node
    kind: str
    struct: type[msgspec.Struct] | None
    values: dict[str, object] = field(repr=False)
    explained: frozenset[str] = frozenset()

    @property
    def of_endpoint(self) -> bool:
        """Whether its token comes from an endpoint."""
        return self.struct is not None and issubclass(self.struct, EndpointOptions)

    def has(self, path: str) -> bool:
        """Whether this key has a value, right or wrong, or a wrong key stands for it."""
        found = self.node.get(*path.split("."))
        return (found is not None and found.kind != "nothing") or path in self.explained

    def at(self, path: str, text: str) -> Fault:
        """A fault at this key, which may not be there: then at the innermost that is."""
        names = path.split(".")
        if (found := self.node.get(*names)) is not None:
            return found.place, found.key, text
        key = self.node.key
        for name in names:
            key = join(key, name)
        return self.node.nearest(*names).place, key, text

    def section(self, name: str, struct: type[T]) -> T:
        """The section of this name, its defaults where it is not there."""
        found = self.values.get(name)
        return found if isinstance(found, struct) else struct()

    def text(self, name: str) -> str:
        """A text, "" where it is not there."""
        found = self.values.get(name)
        return found if isinstance(found, str) else ""

    def yes(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.values.get(name) is True

    @property
    def client_auth(self) -> str:
        """The client authentication that holds."""
        default = fields(self.struct)["client_auth"].default if self.of_endpoint and self.struct else ""
        return self.text("client_auth") or str(default)

    @property
    def names(self) -> frozenset[str]:
        """The names in its templates."""
        return frozenset().union(*(names_of(value) for value in self.values.values()))

    def secret(self, name: str) -> str | None:
        """What a secret says now; None: it is not there, or is not asked for before it is needed."""
        return read(self.values.get(name))

    def rendered(self, template: Template) -> str:
        """The text of a template as far as it is known now, with UNKNOWN for the rest."""
        return template.render(self.known)

    def known(self, name: str) -> str:
        """What a name in a template stands for now, UNKNOWN for what only a request knows."""
        kind, _, rest = name.partition(".")
        if name.startswith("env:"):
            return os.environ.get(name.removeprefix("env:")) or UNKNOWN
        if kind == "values" and isinstance(values := self.values.get("values"), dict):
            return read(values.get(rest)) or UNKNOWN
        return self.text(name) or UNKNOWN


def read(secret: object) -> str | None:
    """What a secret says now; None: it is none, cannot be read, or is not asked for before it is needed."""
    if not isinstance(secret, Secret) or not secret.at_hand:
        return None
    try:
        return secret.read()
    except SecretUnreadableError:
        return None
