"""The security material: nodes to Credential.

A credential's keys are `type`, what every type has, and the fields of its grant; nothing else.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from proxy.http.address import UpstreamURL
from proxy.oauth.credential import Credential, CredentialOptions
from proxy.oauth.grants import GRANTS, Grant
from proxy.secrets import Secret, SecretUnreadableError
from proxy.settings import checks, words
from proxy.settings.convert import FAILED, Conversion, fields
from proxy.settings.problems import Findings, Place, Problem, join

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.settings.source import Node

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TYPE = frozenset({"type"})


@dataclass(frozen=True, slots=True)
class CredentialDraft:
    """An alias as far as it could be read; `credential` is None when a part of it is a finding."""

    alias: str
    place: Place
    node: Node
    values: dict[str, object]
    credential: Credential | None
    explained: frozenset[str] = frozenset()  # keys that an unknown one stood for


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
            drafts[alias] = _draft(alias, entry.place, entry.node, conversion)
    for draft in drafts.values():
        _check(draft, findings)
    return drafts


def _draft(alias: str, place: Place, node: Node, conversion: Conversion) -> CredentialDraft:
    kind = _grant_type(node, conversion)
    known = _known(kind)
    explained = words.explained(node.key, node.entries, [*known, *_TYPE])
    if node.kind == "mapping" and "type" not in explained.union(node.entries):
        conversion.missing(node, "type")
    values = conversion.keys(node, known, partial=kind is None, besides=_TYPE)
    if kind is None or values is None:
        return CredentialDraft(alias, place, node, values or {}, None, explained)
    grant, options = conversion.made(_struct(kind), values), conversion.made(CredentialOptions, values)
    whole = grant is not FAILED and options is not FAILED
    credential = Credential(alias=alias, grant=grant, options=options) if whole else None
    return CredentialDraft(alias, place, node, values, credential, explained)


def _known(kind: type[Grant] | None) -> dict[str, msgspec.structs.FieldInfo]:
    """The keys beside `type`: those of this grant, or of all where it is not known."""
    known = dict(fields(CredentialOptions))
    for grant_type in [kind] if kind else GRANTS.values():
        known |= fields(_struct(grant_type))
    return known


def _struct(grant: type[Grant]) -> type[msgspec.Struct]:
    if not issubclass(grant, msgspec.Struct):
        raise TypeError(f"{grant.__name__} is in GRANTS, so its fields are YAML options: make it a msgspec.Struct")
    return grant


def _grant_type(node: Node, conversion: Conversion) -> type[Grant] | None:
    child = node.get("type")
    if child is None:
        return None
    name = conversion.choice(child, tuple(GRANTS))
    return None if name is FAILED else GRANTS[name]


def _check(draft: CredentialDraft, findings: Findings) -> None:
    for place, key, text in _wrong(draft):
        if not findings.under(place.file, key):
            findings.add(place, key, text)


def _wrong(draft: CredentialDraft) -> Iterator[tuple[Place, str, str]]:
    """Every rule that a credential breaks, beside those of its keys' types."""
    node, values = draft.node, draft.values
    if isinstance(url := values.get("token_url"), str):
        at = node.nearest("token_url")
        text = endpoint_fault(url, allow_plaintext=_yes(values, "allow_plaintext"), allow_link_local=_yes(values, "allow_link_local"))
        if text:
            yield at.place, at.key, text
    if node.kind == "mapping" and "client_secret" not in draft.explained.union(node.entries):
        yield node.place, join(node.key, "client_secret"), "this key is missing; write {env: NAME} or {file: PATH}"
    elif values.get("client_secret", "") is None:
        at = node.nearest("client_secret")
        yield at.place, at.key, "a client secret is needed; write {env: NAME} or {file: PATH}"
    elif _has_lines(values.get("client_secret")):
        yield checks.fault(node.nearest("client_secret"), "the secret has a line end in it; a client secret is one line")
    yield from checks.not_zero(node, ("token_request", "timeout"), values)
    yield from checks.not_zero(node, ("lifetime", "when_missing"), values)


def _has_lines(secret: object) -> bool:
    """RFC 6749 appendix A.2: a client secret is made of printable characters."""
    try:
        return isinstance(secret, Secret) and not {"\r", "\n"}.isdisjoint(secret.read())
    except SecretUnreadableError:
        return False


def _yes(values: checks.Values, name: str) -> bool:
    return values.get(name) is True


def endpoint_fault(url: str, *, allow_plaintext: bool, allow_link_local: bool) -> str | None:
    """What is wrong with a token endpoint's URL; it may have a query and no fragment (RFC 6749 §3.2)."""
    if "#" in url:
        return "it has a fragment; take it out"
    try:
        parsed = UpstreamURL.parse(url.partition("?")[0] or url)
    except ValueError as exc:
        return str(exc)
    return checks.url_fault(parsed, allow_plaintext=allow_plaintext, allow_link_local=allow_link_local)


def material_warnings(drafts: dict[str, CredentialDraft], used: set[str]) -> Iterator[str]:
    """What is no error and should be known: unused aliases, secrets that others can read."""
    for draft in drafts.values():
        if draft.alias not in used:
            yield str(Problem(draft.place, join("credentials", draft.alias), "no route uses it"))
        if text := _exposure(draft.values.get("client_secret")):
            at = draft.node.nearest("client_secret")
            yield str(Problem(at.place, at.key, text))


def _exposure(secret: Any) -> str | None:
    match getattr(secret, "kind", None):
        case "text":
            return "the secret stands here in clear; an environment variable or a file of its own keeps it out"
        case "file" if _others_read(secret.path):
            return f"every user of this machine can read {secret.path}; chmod o-r"
        case _:
            return None


def _others_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
