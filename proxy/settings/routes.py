"""Routes: defaults laid under each, nodes to Route, and what two routes may not share.

`defaults` are merged before anything is read, so that their mistakes are found at their own lines.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from proxy.addresses import host_matches
from proxy.http.address import UpstreamURL
from proxy.http.routing import Inject, Route
from proxy.settings import checks, words
from proxy.settings.convert import FAILED, Conversion, fields
from proxy.settings.problems import Findings, quoted
from proxy.settings.references import inject_fault
from proxy.settings.source import Node, under

if TYPE_CHECKING:
    from proxy.oauth.template import Template
    from proxy.settings.credentials import CredentialDraft

ITS_OWN = frozenset({"prefix", "name"})  # what tells one route from another is no default


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """A route as far as it could be read; `route` is None when a required part of it is a finding."""

    node: Node
    values: dict[str, object]
    route: Route | None


def read_routes(sections: list[Node], defaults: Node | None, conversion: Conversion) -> list[RouteDraft]:
    """The drafts of all routes, in the order in which they are written."""
    if defaults is not None and defaults.kind != "nothing":
        conversion.keys(defaults, fields(Route), partial=True)
        defaults = _shared(defaults, conversion)
    drafts = []
    for section in sections:
        if section.kind not in {"list", "nothing"}:
            conversion.fail(section, "expected a list of routes, each with `prefix`, `upstream` and `credential`")
        drafts += [_draft(item, defaults, conversion) for item in section.items]
    return drafts


def _shared(defaults: Node, conversion: Conversion) -> Node:
    """`defaults` without the keys that tell one route from another, each of which is a finding."""
    for name in ITS_OWN & defaults.entries.keys():
        conversion.fail(defaults.nearest(name), f"every route has its own {name}; write it there")
    return replace(defaults, entries={name: entry for name, entry in defaults.entries.items() if name not in ITS_OWN})


def _draft(item: Node, defaults: Node | None, conversion: Conversion) -> RouteDraft:
    node = under(item, defaults) if defaults is not None and defaults.kind == item.kind == "mapping" else item
    values = conversion.keys(node, fields(Route)) or {}
    if isinstance(inject := values.get("inject"), Inject):
        values["inject"] = Inject(headers=_with_environment(inject.headers), query=_with_environment(inject.query))
    route = conversion.made(Route, values)
    return RouteDraft(node, values, None if route is FAILED else route)


def _with_environment(templates: Mapping[str, Template]) -> dict[str, Template]:
    """The templates with the variables that they name; one that is not set stays, and is a finding later."""
    return {name: template.fold(_variables(template)) for name, template in templates.items()}


def _variables(template: Template) -> dict[str, str]:
    names = (name for name in template.names if name.startswith("env:"))
    return {name: found for name in names if (found := os.environ.get(name.removeprefix("env:")))}


def check_routes(drafts: list[RouteDraft], credentials: dict[str, CredentialDraft] | None, findings: Findings) -> None:
    """Everything that is wrong with routes beyond the types of their keys; without `credentials`, aliases are not looked up."""
    aliases = {alias: draft.place.short for alias, draft in (credentials or {}).items()}
    for draft in drafts:
        for place, key, text in checks.route_faults(draft.node, draft.values):
            if not findings.under(place.file, key):
                findings.add(place, key, text)
        alias = draft.values.get("credential")
        if credentials is None or not isinstance(alias, str):
            continue
        if alias != "none" and alias not in aliases:
            at = draft.node.nearest("credential")
            findings.add(at.place, at.key, words.no_such_alias(alias, aliases))
            continue
        for place, key, text in _with_credential(draft, credentials.get(alias)):
            if not findings.under(place.file, key):
                findings.add(place, key, text)
    _check_twins(drafts, findings)


def _with_credential(draft: RouteDraft, credential: CredentialDraft | None) -> Iterator[checks.Fault]:
    """What a route and its credential (None: it has none) do not have in common: hosts, and the names in `inject`."""
    inject = draft.values.get("inject")
    if isinstance(inject, Inject):
        for section, templates in (("headers", inject.headers), ("query", inject.query)):
            for name, template in templates.items():
                if text := inject_fault(template, credential.known if credential else None):
                    yield checks.fault(draft.node.nearest("inject", section, name), text)
    upstream, hosts = draft.values.get("upstream"), credential.said.values.get("allowed_hosts") if credential else None
    if not isinstance(upstream, UpstreamURL) or not isinstance(hosts, tuple) or not hosts:
        return
    if not any(host_matches(upstream.host, pattern) for pattern in hosts):
        text = f"the credential goes to {words.either(hosts)} alone; change this, or allowed_hosts of {draft.values['credential']}"
        yield checks.fault(draft.node.nearest("upstream"), text)


def _check_twins(drafts: list[RouteDraft], findings: Findings) -> None:
    prefixes: dict[tuple[str, str], Node] = {}
    called = _called_by_prefix(draft.values for draft in drafts)
    names = {_name(draft.values, called): draft.node.nearest("prefix") for draft in drafts if not draft.values.get("name")}
    for draft in drafts:
        prefix, host, name = (draft.values.get(key) for key in ("prefix", "host", "name"))
        if isinstance(prefix, str):
            key = str(host or "").lower(), prefix.rstrip("/")
            _check_first(draft.node.nearest("prefix"), f"prefix {quoted(prefix)}", prefixes, key, findings)
        if isinstance(name, str) and name:
            _check_first(draft.node.nearest("name"), f"name {quoted(name)}", names, name, findings)


def _check_first(at: Node, what: str, seen: dict[Any, Node], key: object, findings: Findings) -> None:
    first = seen.setdefault(key, at)
    if first is not at:
        findings.add(at.place, at.key, f"duplicate {what}; also in {first.place.short}")


def named(drafts: list[RouteDraft]) -> tuple[Route, ...]:
    """The finished routes; one without a name is called by its prefix, with its host where prefixes repeat."""
    called = _called_by_prefix(draft.values for draft in drafts)
    return tuple(msgspec.structs.replace(draft.route, name=_name(draft.values, called)) for draft in drafts if draft.route is not None)


def _called_by_prefix(routes: Iterable[Mapping[str, object]]) -> Counter[object]:
    """How many routes without a name have each prefix."""
    return Counter(values.get("prefix") for values in routes if not values.get("name"))


def _name(values: Mapping[str, object], called: Counter[object]) -> str:
    """The name said, else the prefix, with the host where prefixes repeat."""
    prefix, host, name = (values.get(key) for key in ("prefix", "host", "name"))
    return str(name or (f"{host or ''}{prefix}" if called[prefix] > 1 else prefix))
