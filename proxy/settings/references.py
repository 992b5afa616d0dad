"""Which names a template may hold where it stands: in which key of a credential, or in a route's `inject`.

A name that cannot be known there is a finding at its place; at run time every name has its value.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.oauth.options import EndpointOptions
from proxy.settings import words
from proxy.settings.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from proxy.oauth.template import Template
    from proxy.settings.checks import Fault
    from proxy.settings.source import Node

_OWN = frozenset({"client_id", "client_secret", "username", "password", "refresh_token"})  # each stands for the key of its name
_FREE = ("now", "random", "env:")  # how the names begin that need no credential
_OF_A_SEND = frozenset({"request.method", "request.path"})
_WITH_ASSERTION = frozenset({"oauth2_jwt_bearer", "oauth2_saml_bearer", "login_token"})
_REFRESHED = _WITH_ASSERTION | {"oauth2_password", "oauth2_token_exchange"}  # not where the refresh is the grant itself
_STEP = re.compile(r"step(\d+)\.")
_INSIDE_STEP = re.compile(r"steps\[(\d+)\]")
_NOT_AGAIN = "a refresh knows no step and no assertion; say refresh: {token_request: ...} for it, or token_response: {refresh_token: null}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a template, and the text that it stands in."""

    node: Node
    name: str


def no_value(name: str, declared: frozenset[str]) -> str:
    """What to say of `${values.NAME}` where `values` has no such name."""
    near = words.nearest(name, declared)
    return f"there is no `{name}` under `values`" + (f"; did you mean {quoted(near)}?" if near else "")


@dataclass(frozen=True, slots=True)
class Known:
    """What of a credential its templates and those of its routes may refer to; `said` are its keys that have a value."""

    kind: str = ""
    said: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    steps: int = 0
    step_values: tuple[frozenset[str], ...] = ()  # the names that each step gives to parts of its answer
    endpoint: bool = False
    refreshed_alike: bool = False  # a refresh may come, and is written as the first request is

    @classmethod
    def of(cls, node: Node, name: str, struct: type | None, values: frozenset[str]) -> Known:
        """What the credential at this node says; `struct` is its type's, `values` are the names under that key."""
        said = frozenset(key for key, entry in node.entries.items() if entry.node.kind != "nothing")
        steps = node.get("steps")
        return cls(
            kind=name,
            said=said,
            values=values,
            steps=len(steps.items) if steps else 0,
            step_values=tuple(frozenset(item.nearest("values").entries) if item.get("values") else frozenset() for item in steps.items)
            if steps
            else (),
            endpoint=struct is not None and issubclass(struct, EndpointOptions),
            refreshed_alike=refreshed_alike(node, name),
        )


def refreshed_alike(node: Node, name: str) -> bool:
    """Whether a refresh may come that is written as the first request of this type of credential is."""
    if name not in _REFRESHED or (name == "login_token" and node.get("refresh") is None) or _shown_by_callers(node):
        return False
    kept = node.get("token_response", "refresh_token")
    return node.get("refresh", "token_request") is None and (kept is None or kept.kind != "nothing")


def _shown_by_callers(node: Node) -> bool:
    """Then nothing is refreshed: what a caller presents is exchanged anew."""
    return any(node.get(key, "header") is not None for key in ("assertion", "subject_token", "actor_token"))


def reference_faults(references: Iterable[Reference], alias: str, known: Known) -> Iterator[Fault]:
    """The names that stand for nothing in the key that they stand in."""
    for found in references:
        key = found.node.key.removeprefix(f"{alias}.")
        if text := _unknown_at_request(found.name, key, known):
            yield found.node.place, found.node.key, text


def _unknown_at_request(name: str, key: str, known: Known) -> str | None:
    section = key.partition(".")[0].partition("[")[0]
    again = known.refreshed_alike and key.startswith("token_request.params")
    placing = section == "token_placement"
    if text := _unknown_anywhere(name, known):
        return text
    if step := _STEP.match(name):
        inside = _INSIDE_STEP.match(key)
        before = known.steps if inside is None else int(inside[1])
        return (
            _unknown_step(int(step[1]), before, known, section)
            or (_NOT_AGAIN if again else None)
            or _unknown_value(int(step[1]), name[step.end() :], known)
        )
    if name == "assertion":
        return _unknown_assertion(section, known) or (_NOT_AGAIN if again else None)
    if name == "refresh_token":
        return None if section == "refresh" or "refresh_token" in known.said else _of_a_key("refresh_token")
    if name == "token" or name.startswith("response.") or name in _OF_A_SEND:
        if not placing:
            return f"${{{name}}} is known only when the token is there; that may stand in token_placement.value and a route's inject"
        return _no_answer(name) if name.startswith("response.") and not known.endpoint else None
    return _of_a_key(name) if name in _OWN and name not in known.said else None


def _unknown_anywhere(name: str, known: Known) -> str | None:
    kind, _, value = name.partition(".")
    if name.startswith("env:") and not os.environ.get(name.removeprefix("env:")):
        return f"environment variable {name.removeprefix('env:')} is not set"
    return no_value(value, known.values) if kind == "values" and value not in known.values else None


def _unknown_step(number: int, before: int, known: Known, section: str) -> str | None:
    if known.kind != "login_token":
        return "there are no steps: they are keys of a credential of type login_token"
    if section == "assertion":
        return "an assertion is made before the first step"
    if section == "refresh" or (section == "token_placement" and "refresh" in known.said):
        return "a refresh calls no step, so that there is no answer of one after it"
    if number > known.steps:
        return f"there is no step {number}; steps has {known.steps}"
    return f"step {number} is not yet called here; only the steps before are known" if number > before else None


def _unknown_value(number: int, name: str, known: Known) -> str | None:
    """A word that is none of the names that a step gives; a path into its answer has a dot or a colon, or stands for itself without any."""
    given = known.step_values[number - 1] if number <= len(known.step_values) else frozenset()
    if not given or name in given or not name.isidentifier():
        return None
    near = words.nearest(name, given)
    return f"there is no {quoted(name)} under `values` of step {number}" + (f"; did you mean {quoted(near)}?" if near else "")


def _unknown_assertion(section: str, known: Known) -> str | None:
    if known.kind not in _WITH_ASSERTION or section not in {"token_request", "steps"}:
        return "${assertion} is known in token_request and steps of oauth2_jwt_bearer, oauth2_saml_bearer and login_token alone"
    if known.kind == "login_token" and not known.said & {"private_key", "assertion"}:
        return "${assertion} needs a private_key to sign with, or assertion: {from: ALIAS}"
    return None


def _of_a_key(name: str) -> str:
    return f"the credential has no `{name}` that ${{{name}}} could stand for"


def _no_answer(name: str) -> str:
    return f"${{{name}}} is a part of a token endpoint's answer, and this credential has no endpoint"


def inject_fault(template: Template, known: Known | None) -> str | None:
    """Why a value of a route's `inject` cannot be made; `known` is the route's credential, None without one."""
    for name in sorted(template.names):
        if text := _unknown_anywhere(name, known) if known else _unknown_without(name):
            return text
        if name in _OWN | {"assertion"} and (name != "client_id" or known is None or "client_id" not in known.said):
            return _of_a_key(name) if name == "client_id" else f"${{{name}}} is not put on calls; put a secret there by `values`"
        if _STEP.match(name):
            return "the answers of steps are not kept; ${response.PATH} is a part of the token's answer"
        if name.startswith("response.") and known is not None and not known.endpoint:
            return _no_answer(name)
    return None


def _unknown_without(name: str) -> str | None:
    if name.startswith("env:"):
        return _unknown_anywhere(name, Known())
    if name.startswith(_FREE) or name in _OF_A_SEND:
        return None
    return (
        f"${{{name}}} needs a credential, and the route has none; ${{env:NAME}}, ${{now:FORMAT}}, ${{random}} and ${{request.path}} do not"
    )
