"""Entries to YAML: security material, routes, the files of secrets, and a line about each.

What was not translated stands beside it as a comment; no secret stands in either.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from proxy.importing.entries import Entry, Held, Left
from proxy.importing.names import Names
from proxy.importing.secrecy import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ASKED_FOR = "https://HOST of the API that the token is for"
WIDTH = 110  # columns of a comment's words
_ORDER = (
    *("ca", "cert"),
    *(
        "type",
        "description",
        "values",
        "token_url",
        "client_id",
        "client_secret",
        "client_auth",
        "client_assertion",
        "username",
        "password",
    ),
    *(
        "refresh_token",
        "key",
        "value",
        "private_key",
        "certificate",
        "grant_type",
        "scope",
        "audience",
        "resource",
        "assertion",
        "token_request",
    ),
    "token_placement",
    *("prefix", "name", "upstream", "credential", "preserve_host", "timeout", "inject", "forwarded", "tls"),
    "allow_plaintext",
)


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file to write, readable by its owner alone."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Written:
    """What an import comes to; `summary` has a line for each entry, and `whole` says whether everything that matters was translated.

    `credentials` is how many of them can be used as they are.
    """

    material: str
    routes: str
    files: tuple[SecretFile, ...]
    summary: tuple[str, ...]
    whole: bool
    credentials: int


@dataclass(frozen=True, slots=True)
class Places:
    """How the files name one another: where secrets are kept (None: in the environment), and, for routes, the material's name."""

    secrets: str | None = None
    material: str | None = None
    routes_apart: bool = False


class _Dumper(yaml.SafeDumper):
    """Block style, but for what was marked to stand in one line."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


class _OneLine(dict[str, str]):
    """`{env: NAME}`, in one line."""


class _Words(list[str]):
    """`[api, refresh_token]`, in one line."""


_BREAKS = frozenset("\n\r\x85\u2028\u2029")  # YAML 1.1 §4.1.4


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """A text; one of several lines in double quotes, where breaks are escaped and nothing is folded."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _BREAKS.isdisjoint(text) else '"')


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_OneLine, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True))
_Dumper.add_representer(_Words, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True))


def write(command: str, entries: Sequence[Entry], notes: Iterable[str], places: Places) -> Written:
    """The files that these entries make, as `bearerd import COMMAND` writes them."""
    pen = _Pen(places)
    blocks = [pen.block(entry) for entry in entries]
    real = any(block.real for block in blocks)
    head = [f"# Written by `bearerd import {command}`; docs/import.md says what became of each key.", *_comment(notes, "")]
    material = [*head, "", "credentials:" if real else "credentials: {}"]
    for block in blocks:
        material += ["", *_indented(block.material)]
    routes = [head[0], "version: 1"]
    routes += [_dump({"security_material": _Words([places.material])})] if places.material else []
    routes += ["routes:" if any(block.route for block in blocks) else "routes: []"]
    for block in blocks:
        routes += _indented(block.route)
    return Written(
        material="\n".join(material) + "\n",
        routes="\n".join(routes) + "\n",
        files=tuple(pen.files),
        summary=tuple(block.line for block in blocks),
        whole=all(entry.whole for entry in entries),
        credentials=sum(block.real for block in blocks),
    )


@dataclass(frozen=True, slots=True)
class _Block:
    material: list[str]
    route: list[str]
    line: str
    real: bool


class _Pen:
    """Names what it writes, and remembers the secrets on the way."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._names = Names()
        self.files: list[SecretFile] = []
        self._asked: list[str] = []  # of the entry at hand

    def block(self, entry: Entry) -> _Block:
        """Everything about one entry."""
        self._asked = []
        alias = self._names.alias(entry.name)
        title = [f"{entry.source} {quoted(entry.name)}", *entry.notes]
        lines = _comment(title, "")
        credential: list[str] = []
        if entry.material:
            credential = _dump({alias: self._plain(entry.material, alias, kept=not entry.blocked)}).split("\n")
        if entry.blocked:
            lines += _comment([f"Not translated: {entry.blocked}.", *(["As far as it is known:"] if credential else [])], "")
        lines += [f"#   {line}" for line in credential] if entry.blocked else credential
        lines += _left(entry.left, entry.blocked)
        route = self._route(entry, alias)
        if route and not self._places.routes_apart:
            lines += ["# Its route, for the file of the routes:", *(f"#   {line}" for line in route)]
        if entry.blocked:
            route = [f"# {line}" for line in route]
        real = bool(credential) and not entry.blocked
        if real and not route and self._places.routes_apart:
            route = self._unfinished(entry, alias)
        return _Block(lines, route, self._line(entry, alias), real)

    def _route(self, entry: Entry, alias: str) -> list[str]:
        if entry.route is None or "upstream" not in entry.route:
            return []
        said = self._plain(entry.route, alias, kept=self._places.routes_apart and not entry.blocked)
        return _route_lines(alias, alias if entry.material is not None else "none", said)

    def _unfinished(self, entry: Entry, alias: str) -> list[str]:
        """A route to fill in, as a comment: the export does not say which API the token is for."""
        self._asked.append("fill in its route's upstream, which the export does not name")
        said = {"upstream": _ASKED_FOR, **self._plain(entry.route or {}, alias, kept=False)}
        return ["# Fill in the upstream, and take the # away:", *(f"# {line}" for line in _route_lines(alias, alias, said))]

    def _plain(self, value: object, alias: str, *, kept: bool) -> Any:
        """The tree with a reference in the place of each secret; secrets are written only where the tree is `kept`."""
        match value:
            case Held():
                return self._reference(value, alias, kept=kept)
            case dict():
                return {key: self._plain(part, alias, kept=kept) for key, part in _ordered(value).items()}
            case list() if all(isinstance(part, str) for part in value):
                return _Words(value)
            case list():
                return [self._plain(part, alias, kept=kept) for part in value]
            case _:
                return value

    def _reference(self, held: Held, alias: str, *, kept: bool) -> object:
        folder = self._places.secrets
        name = f"{alias}.{held.name}" + (".pem" if held.form == "file" else "")
        at_hand = folder is not None and held.value is not None and held.form != "text" and kept
        path = f"{folder}/{name}" if folder is not None else name
        if at_hand:
            self.files.append(SecretFile(name, held.value or ""))
        elif held.form == "file":
            self._asked.append(f"write {path}")
        if held.form == "file":
            return path
        if at_hand:
            return _OneLine(file=path)
        variable = self._names.variable(alias, held.name)
        self._asked.append(f"set {variable}")
        return _OneLine(env=variable)

    def _line(self, entry: Entry, alias: str) -> str:
        origin = f"{entry.source} {quoted(entry.name)}"
        if entry.blocked:
            return f"{alias}: {origin} not translated: {entry.blocked}"
        what = str(entry.material["type"]) if entry.material is not None else "a route with credential: none"
        told = [f"{alias}: {what}, from {origin}"]
        left = [quoted(left.key)[1:-1] for left in entry.left if left.matters]
        told += [f"not translated: {', '.join(left)}"] if left else []
        return "; ".join([*told, *entry.notes, *self._asked])


def _route_lines(alias: str, credential: str, said: Mapping[str, Any]) -> list[str]:
    return _dump([_ordered({"prefix": f"/{alias}", "name": alias, "credential": credential, **said})]).split("\n")


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _left(left: Sequence[Left], told: str) -> list[str]:
    """The comment on what stayed behind: what matters, then what means nothing here; each reason once, and not the one that was `told`."""
    lines: list[str] = []
    for title, some in (
        ("Not translated:", [one for one in left if one.matters]),
        ("Of no meaning here:", [one for one in left if not one.matters]),
    ):
        lines += [f"# {title}"] if some else []
        for why in dict.fromkeys(one.why for one in some):
            lines += [f"#   {quoted(one.key)[1:-1]}" + (f": {one.shown}" if one.shown else "") for one in some if one.why == why]
            lines += _comment([why] if why not in told else [], "    ")
    return lines


def _comment(texts: Iterable[str], indent: str) -> list[str]:
    """Each text as comment lines of printable ASCII."""
    plain = ("".join(character if " " <= character <= "~" else "?" for character in text) for text in texts)
    return [f"# {indent}{line}" for text in plain for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False)]


def _ordered(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that a reader looks for first, then the others as they come."""
    known = [key for key in _ORDER if key in mapping]
    return {key: mapping[key] for key in (*known, *(key for key in mapping if key not in known))}


def _dump(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10_000).rstrip("\n")
