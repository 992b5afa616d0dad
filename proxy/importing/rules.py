"""What becomes of one of their keys: a table's row, and the draft of an entry that rows write into.

A row that has no key of ours says why; a value that has no counterpart stays behind with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from proxy.addresses import is_loopback
from proxy.http.address import UpstreamURL
from proxy.importing.entries import Entry, Form, Held, Left
from proxy.importing.secrecy import secret_form, secret_name, shown
from proxy.oauth.template import Template

SAME: Final = object()  # what a key says is what is done here anyway


def as_text(value: str) -> object:
    """The text itself."""
    return value


def as_template(value: str) -> str:
    """The text where a key of ours reads templates: `${` stands for itself."""
    return Template((value,)).source


def as_words(value: str) -> object:
    """A list of the words between spaces."""
    return value.split() or SAME


def as_true(value: str) -> bool:
    """Whether it says true.

    Raises:
        ValueError: neither true nor false.
    """
    word = value.strip().casefold()
    if word not in {"true", "false"}:
        raise ValueError("neither true nor false")
    return word == "true"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: `ours` is a path in the credential, or after `route.` in its route; `why` is what to know.

    Without `ours` the key stays behind; unless it `matters` nothing changes by that. `convert` may raise ValueError with the reason.
    """

    ours: str = ""
    why: str = ""
    convert: Callable[[str], object] = as_text
    held: Form | None = None
    matters: bool = True


def idle(why: str) -> Rule:
    """A key that means nothing to a proxy."""
    return Rule(why=why, matters=False)


@dataclass(slots=True)
class Draft:
    """An entry while it is made; one translator owns it."""

    source: str
    name: str
    material: dict[str, Any] = field(default_factory=dict)
    route: dict[str, Any] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blocked: str = ""

    def put(self, path: tuple[str, ...], value: object) -> None:
        """Say `value` at a path of the credential, or of the route where it begins with `route`."""
        at, names = (self.route, path[1:]) if path[0] == "route" else (self.material, path)
        for name in names[:-1]:
            at = at.setdefault(name, {})
        at[names[-1]] = value

    def param(self, key: str, value: str, where: str) -> None:
        """One more parameter of the token request; what may be a secret is referred to."""
        said = self.secret_value(key, value) if secret_name(key) or secret_form(value) else as_template(value)
        one = {"key": key, "value": said} | ({"in": where} if where != "body" else {})
        self.material.setdefault("token_request", {}).setdefault("params", []).append(one)

    def secret_value(self, name: str, value: str | None) -> str:
        """A template's reference to a secret of the credential's own `values`."""
        values = self.material.setdefault("values", {})
        base = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_")[:48] or "value"
        base = base if base[0].isalpha() else f"v_{base}"
        word = next(word for word in (base, *(f"{base}_{n}" for n in range(2, len(values) + 3))) if word not in values)
        values[word] = Held(word, value)
        return f"${{values.{word}}}"

    def leave(self, key: str, value: object, why: str, *, documented: bool = True, matters: bool = True) -> None:
        """This key stays behind."""
        self.left.append(Left(key, shown(key, value, documented=documented), why, matters))

    def apply(self, key: str, value: str, rule: Rule) -> None:
        """What `rule` says is done with `value`."""
        if not rule.ours:
            self.leave(key, value, rule.why, matters=rule.matters)
            return
        try:
            said = rule.convert(value)
        except ValueError as exc:
            self.leave(key, None if rule.held else value, str(exc), matters=rule.matters)
            return
        path = tuple(rule.ours.split("."))
        if said is not SAME:
            self.put(path, Held(path[-1], value, rule.held) if rule.held else said)

    def token_url(self, key: str, value: str) -> None:
        """The token endpoint: a grant type in its query is named, and a secret in it is referred to."""
        url, _, query = self._without_user(key, value).partition("?")
        if fault := _url_fault(url):
            self.blocked = self.blocked or f"{key}: {fault}"
            self.leave(key, None, fault)
            return
        kept = []
        for part in filter(None, query.split("&")):
            name, _, text = part.partition("=")
            if name == "grant_type":
                self.put(("token_request", "grant_type_in"), "query")
            elif secret_name(name) or secret_form(unquote_plus(text)):
                self.param(unquote_plus(name), unquote_plus(text), "query")
            else:
                kept.append(part)
        self.put(("token_url",), as_template("?".join(filter(None, (url, "&".join(kept))))))
        if _in_clear(url):
            self.put(("allow_plaintext",), True)
            self.notes.append("the token endpoint is called over plain http, as the export says; better write https")

    def upstream(self, key: str, value: str) -> None:
        """The route's upstream; its query is put into every call."""
        url, _, query = self._without_user(key, value).partition("#")[0].partition("?")
        if fault := _url_fault(url):
            self.leave(key, None, fault)
            return
        self.put(("route", "upstream"), url)
        for part in filter(None, query.split("&")):
            name, _, text = part.partition("=")
            self.injected("query", unquote_plus(name), unquote_plus(text))
        if _in_clear(url):
            self.put(("route", "allow_plaintext"), True)

    def injected(self, kind: str, name: str, value: str) -> None:
        """A header or query parameter of every call; what may be a secret comes from the environment."""
        hidden = secret_name(name) or secret_form(value)
        self.put(("route", "inject", kind, name), Held(f"inject_{name}", value, "text") if hidden else as_template(value))

    def _without_user(self, key: str, value: str) -> str:
        scheme, mark, rest = value.partition("://")
        authority, slash, path = rest.partition("/")
        if mark and "@" in authority:
            self.leave(
                f"{key} (its user and password)", "", "a URL with a user is not called; BasicAuthentication or user_credentials say them"
            )
            authority = authority.rpartition("@")[2]
        return f"{scheme}{mark}{authority}{slash}{path}"

    def entry(self, *, material: bool = True) -> Entry:
        """What was drafted."""
        return Entry(
            source=self.source,
            name=self.name,
            material=self.material if material else None,
            route=self.route or None,
            left=tuple(self.left),
            notes=tuple(self.notes),
            blocked=self.blocked,
        )


def texts(draft: Draft, given: Mapping[str, object]) -> dict[str, str]:
    """Their keys with scalar values as text, without empty ones; what is no scalar stays behind."""
    found: dict[str, str] = {}
    for key, value in given.items():
        match value:
            case None | "":
                continue
            case bool():
                found[key] = str(value).lower()
            case str() | int() | float():
                found[key] = str(value)
            case _:
                draft.leave(key, value, "expected a text, got a list or a mapping", documented=False)
    return found


def _url_fault(url: str) -> str:
    """Why nothing can be sent to this URL, "" where it can."""
    try:
        UpstreamURL.parse(url.replace("{tenant}", "tenant"))
    except ValueError as exc:
        return str(exc)
    return ""


def _in_clear(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")
    except ValueError:
        return False
