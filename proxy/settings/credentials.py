"""The security material: nodes to Credential.

A credential's keys are `type` and the fields of its grant; nothing else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import msgspec

from proxy.oauth.credential import Credential
from proxy.oauth.grants import GRANTS, Grant
from proxy.oauth.options import EndpointOptions
from proxy.settings import credential_rules, providers, words
from proxy.settings.convert import FAILED, Conversion, fields
from proxy.settings.problems import Findings, Place, join
from proxy.settings.references import Known, Reference, reference_faults
from proxy.settings.said import Said
from proxy.settings.templates import CredentialConversion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.settings.checks import Fault
    from proxy.settings.source import Node

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TYPE = frozenset({"type"})
_PROOFS = frozenset({"client_secret", "client_id"})
_FEW = 3  # types that a message lists
_ANONYMOUS = frozenset({"oauth2_jwt_bearer", "oauth2_saml_bearer"})  # whose assertion speaks for the client (RFC 7521 §4.1)


@dataclass(frozen=True, slots=True)
class CredentialDraft:
    """An alias as far as it could be read; `credential` is None when a part of it is a finding."""

    alias: str
    place: Place
    said: Said
    credential: Credential | None
    references: tuple[Reference, ...]
    known: Known


def read_credentials(sections: list[Node], conversion: Conversion, findings: Findings) -> dict[str, CredentialDraft]:
    """The drafts of all aliases, in the order in which they are written."""
    drafts: dict[str, CredentialDraft] = {}
    for section in sections:
        if section.kind not in {"mapping", "nothing"}:
            conversion.fail(section, "expected a mapping of aliases")
        for alias, entry in section.entries.items():
            key = join("credentials", alias)
            if alias in drafts:
                findings.add(entry.place, key, f"duplicate alias; first in {drafts[alias].place.short}")
                continue
            if alias == "none" or not _ALIAS.fullmatch(alias):
                findings.add(entry.place, key, "an alias is made of letters, digits, `.`, `_` and `-`, and is not `none`")
            drafts[alias] = _draft(alias, entry.place, entry.node, findings)
    for draft in drafts.values():
        if draft.said.node.kind == "mapping":
            _check(reference_faults(draft.references, draft.said.node.key, draft.known), findings)
            _check(credential_rules.faults(draft.said), findings)
    all_said = {alias: draft.said for alias, draft in drafts.items()}
    _check(credential_rules.alias_faults(all_said, {alias: draft.place.short for alias, draft in drafts.items()}), findings)
    return drafts


def _draft(alias: str, place: Place, node: Node, findings: Findings) -> CredentialDraft:
    node = providers.beneath(node, Conversion(findings))
    declared = _declared(node, findings)
    conversion = _conversion(node, declared, findings)
    name = _type(node, conversion)
    struct = grant_struct(name) if name else None
    known = fields(struct) if struct else every_field()
    explained = words.explained(node.key, node.entries, [*known, *_TYPE])
    by_preset = findings.under(node.place.file, join(node.key, "provider"))  # a wrong one may stand for the type too
    if node.kind == "mapping" and not by_preset and "type" not in explained.union(node.entries):
        conversion.missing(node, "type")
    values = conversion.keys(node, known, partial=struct is None, besides=_TYPE)
    if findings.under(node.place.file, join(node.key, "client_auth")):
        explained |= _PROOFS  # which of them is needed is not known
    whole = _with_client_auth(name, values or {})
    grant = conversion.made(struct, whole) if struct is not None and values is not None else FAILED
    return CredentialDraft(
        alias=alias,
        place=place,
        said=Said(node, name, struct, whole, explained),
        credential=None if grant is FAILED else Credential(alias=alias, grant=cast("Grant", grant)),
        references=tuple(conversion.references),
        known=Known.of(node, name, struct, declared),
    )


def _declared(node: Node, findings: Findings) -> frozenset[str]:
    """The names under `values`, and those that a preset needs and that are found to be missing already."""
    said, provider = node.get("values"), node.get("provider")
    needed = providers.preset(provider.word).values if provider is not None and provider.word in providers.names() else ()
    asked = {name for name in needed if findings.under(node.place.file, f"{node.key}.values.{name}")}
    return frozenset(asked).union(said.entries if said is not None else ())


def _conversion(node: Node, declared: frozenset[str], findings: Findings) -> CredentialConversion:
    """What converts this credential's keys, its `values` being read first."""
    said = node.get("values")
    values: object = {}
    if said is not None and said.kind == "mapping":
        values = CredentialConversion(findings, node, None, declared).value(said, fields(EndpointOptions)["values"].type)
    return CredentialConversion(findings, node, values if isinstance(values, dict) else {}, declared, _belonging(node))


def _belonging(node: Node) -> dict[str, str]:
    """key -> which types of credential have it, for the keys that this one's type does not have."""
    type_node = node.get("type")
    struct = grant_struct(type_node.word) if type_node is not None and type_node.word in GRANTS else None
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for name in GRANTS:
        for key in fields(grant_struct(name)):
            homes[key].append(name)
    own = fields(struct) if struct is not None else homes
    return {key: _home(names) for key, names in homes.items() if key not in own}


def _home(names: list[str]) -> str:
    if len(names) <= _FEW:
        return f"it belongs to a credential of type {words.either(names)}"
    return "it belongs to a credential whose token comes from an endpoint, such as oauth2_client_credentials"


def every_field() -> dict[str, msgspec.structs.FieldInfo]:
    """The keys of a credential of any type, beside `type`; one is required here when it is in every type that has it."""
    known: dict[str, msgspec.structs.FieldInfo] = {}
    for name in GRANTS:
        for key, field_ in fields(grant_struct(name)).items():
            if key not in known or (known[key].required and not field_.required):
                known[key] = field_
    return known


def grant_struct(name: str) -> type[msgspec.Struct]:
    """The struct of a type, whose fields are its keys."""
    grant: type[Grant] = GRANTS[name]
    if not issubclass(grant, msgspec.Struct):
        raise TypeError(f"{grant.__name__} is in GRANTS, so its fields are YAML options: make it a msgspec.Struct")
    return grant


def _type(node: Node, conversion: Conversion) -> str:
    """The name of the credential's type; "" where it is missing or wrong."""
    child = node.get("type")
    name = FAILED if child is None else conversion.choice(child, tuple(GRANTS))
    return "" if name is FAILED else str(name)


def _with_client_auth(name: str, values: dict[str, object]) -> dict[str, object]:
    """The values, with the client authentication that holds where an assertion alone is sent."""
    if name not in _ANONYMOUS or "client_auth" in values or values.get("client_secret") is not None:
        return values
    return {**values, "client_auth": "none"}


def _check(faults: Iterator[Fault], findings: Findings) -> None:
    """Adds the faults of keys that nothing is known to be wrong with yet."""
    for place, key, text in [(place, key, text) for place, key, text in faults if not findings.under(place.file, key)]:
        findings.add(place, key, text)
