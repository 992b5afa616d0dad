"""Secrets that more people can read than need to: in clear in a file, in a file that all can read, in a URL.

What a text is called tells whether it is a secret; the text itself is never told.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from proxy.http.routing import Inject, RouteTLS
from proxy.oauth.options import RequestOptions, TokenPlacement, TokenRequestOptions
from proxy.oauth.template import Template
from proxy.oauth.walk import SECRET_NAMES, called_secret, leaves
from proxy.secrets import Secret
from proxy.settings import checks
from proxy.settings.said import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.oauth.tree import Tree
    from proxy.settings.checks import Fault
    from proxy.settings.routes import RouteDraft
    from proxy.settings.said import Said
    from proxy.settings.source import Node

IN_CLEAR = "the secret stands here in clear; an environment variable or a file of its own keeps it out"
_IN_A_URL = "goes into the URL, which servers and proxies log"
_LEAST = 8  # characters of a text that may be a secret
_CHOICE = re.compile(r"true|false|[0-9]{1,13}(\.[0-9]+)?|[a-z]+([_-][a-z]+)+")  # a number, a yes or no, words such as on_behalf_of
_ANY = "X" * _LEAST  # stands for a value that nobody knows yet, which may be a secret
_HEADERS = frozenset({"authorization", "cookie"})  # whose whole value is a secret


def secret_said(name: str, text: str) -> bool:
    """Whether a text that is written out is a secret: by its name, unless it is too short for one, a number or plain words."""
    return called_secret(name) and len(text) >= _LEAST and not _CHOICE.fullmatch(text)


def literal_secret(said: Said) -> Iterator[Fault]:
    """A secret that stands in the file is in every copy of the file."""
    for path, secret in _own(said):
        named = path.removeprefix("values.")
        node = said.node.get(*path.split("."))
        if getattr(secret, "kind", "") != "text" or node is None or "${" in node.word or path == "certificate":
            continue
        if named == path or secret_said(named, node.word):
            yield said.at(path, IN_CLEAR)
    for request, _ in _requests(said):
        for name, value in _params(request):
            yield from _in_clear(name, value)
        body = request.get("body")
        yield from _members(body) if body is not None else ()


def literal_injected(route: RouteDraft) -> Iterator[Fault]:
    """The same for what a route puts on calls."""
    for place in ("headers", "query"):
        said = route.node.get("inject", place)
        for name, entry in said.entries.items() if said is not None else ():
            if place == "headers" and name.lower() in _HEADERS:
                yield from _written(entry.node)
            else:
                yield from _in_clear(name, entry.node)


def _in_clear(name: str, value: Node | None) -> Iterator[Fault]:
    if value is not None and secret_said(name, value.word):
        yield from _written(value)


def _written(value: Node) -> Iterator[Fault]:
    if value.kind == "text" and value.word and "${" not in value.word:
        yield checks.fault(value, IN_CLEAR)


def _members(node: Node) -> Iterator[Fault]:
    """The members of a body that are called like a secret, at every depth."""
    for name, entry in node.entries.items():
        yield from _in_clear(name, entry.node)
    for part in (*node.items, *(entry.node for entry in node.entries.values())):
        yield from _members(part)


def readable_secret(said: Said) -> Iterator[Fault]:
    """A file that every user of the machine can read keeps no secret."""
    found = [(path, file) for path, secret in _own(said) if path != "certificate" for file in files_of(secret)]
    if isinstance(request := said.values.get("token_request"), TokenRequestOptions) and request.tls.key:
        found.append(("token_request.tls.key", Path(request.tls.key)))
    for path, file in found:
        if others_read(file):
            yield said.at(path, readable(file))


def readable_key(route: RouteDraft) -> Iterator[Fault]:
    """The same for the private key of a route's client certificate."""
    tls = route.values.get("tls")
    if isinstance(tls, RouteTLS) and tls.key and others_read(Path(tls.key)):
        yield checks.fault(route.node.nearest("tls", "key"), readable(Path(tls.key)))


def _own(said: Said) -> Iterator[tuple[str, Secret]]:
    """The secrets of a credential's own keys; those of a parameter or a body stand as places and nothing else."""
    for name, value in said.values.items():
        for path, secret in leaves(value, name):
            if isinstance(secret, Secret):
                yield path, secret


def files_of(secret: Secret | None) -> Iterator[Path]:
    """The files of a secret, and of what comes in its place."""
    while secret is not None:
        if secret.path is not None:
            yield secret.path
        secret = secret.after


def readable(file: Path) -> str:
    """What to say of a file that all can read."""
    return f"every user of this machine can read {file}; chmod o-r"


def others_read(path: Path) -> bool:
    """Whether every user of the machine can read this file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def secret_in_query(said: Said) -> Iterator[Fault]:
    """A secret in a URL stands in the logs of everything on the way (RFC 6749 §2.3.1)."""
    request = said.section("token_request", TokenRequestOptions)
    if request.method == "GET" and said.client_auth == "client_secret_post":
        yield said.at("token_request.method", "GET puts the client's secret into the URL, which servers and proxies log")
    for node, options in _requests(said):
        for (name, value), param in zip(_params(node), options.params, strict=False):
            queried = param.in_ == "query" or (options.method == "GET" and param.in_ == "body")
            if queried and value is not None and (what := _secret_of(said, name, param.value)):
                yield checks.fault(value, f"{what} {_IN_A_URL}")
    for path, url in _urls(said):
        if what := _in_url(said, url):
            yield said.at(path, f"{what} {_IN_A_URL}")
    placement = said.values.get("token_placement")
    if said.kind == "secure_parameter" and isinstance(placement, TokenPlacement) and placement.query is not None:
        yield said.at("token_placement.query", f"the key {_IN_A_URL}; a header is safer where the API takes one")


def injected_in_query(route: RouteDraft) -> Iterator[Fault]:
    """The same for what a route puts into the query of calls."""
    inject = route.values.get("inject")
    for name, value in inject.query.items() if isinstance(inject, Inject) else ():
        node = route.node.nearest("inject", "query", name)
        by_name = called_secret(name) if "${" in node.word else secret_said(name, node.word)
        if by_name or "token" in value.names:
            yield checks.fault(node, f"a secret {_IN_A_URL}")


def _requests(said: Said) -> Iterator[tuple[Node, RequestOptions]]:
    """Every call of the exchange that could be read: its node and its options."""
    for path, options in (("token_request", said.values.get("token_request")), ("refresh.token_request", said.values.get("refresh"))):
        node = said.node.get(*path.split("."))
        found = getattr(options, "token_request", options)
        if node is not None and isinstance(found, RequestOptions):
            yield node, found
    steps, listed = said.values.get("steps"), said.node.get("steps")
    if isinstance(steps, tuple) and listed is not None and len(steps) == len(listed.items):
        for step, item in zip(steps, listed.items, strict=True):
            if (node := item.get("token_request")) is not None:
                yield node, step.token_request


def _params(request: Node) -> Iterator[tuple[str, Node | None]]:
    """Name and value of every parameter, as they are written."""
    listed = request.get("params")
    for item in listed.items if listed is not None else ():
        key = item.get("key")
        yield key.word if key is not None else "", item.get("value")


def _secret_of(said: Said, name: str, value: Tree) -> str | None:
    """What of a parameter is a secret, or None."""
    if held := min(filter(None, (_held(said, each) for each in value.names)), default=None):
        return held
    text = value.source if isinstance(value.source, str) else ""
    return "a secret" if value.secrets or (called_secret(name) if value.names and text else secret_said(name, text)) else None


def _held(said: Said, name: str) -> str | None:
    """How to call the secret that a name in a template stands for; None: it is none."""
    if name in SECRET_NAMES:
        return name
    kind, _, rest = name.partition(".")
    values = said.values.get("values")
    secret = values.get(rest) if kind == "values" and isinstance(values, dict) else None
    if isinstance(secret, Secret):  # a variable often holds what is no secret, such as a tenant
        return name if secret.kind not in {"text", "env"} or called_secret(rest) else None
    return name if name.startswith("env:") and called_secret(name) else None


def _in_url(said: Said, url: Template) -> str | None:
    if held := {name for each in url.names if (name := _held(said, each))}:
        return min(held)
    query = said.rendered(url).replace(UNKNOWN, _ANY).partition("?")[2]
    return "a secret" if any(secret_said(name, text) for name, text in parse_qsl(query)) else None


def _urls(said: Said) -> Iterator[tuple[str, Template]]:
    url, refresh = said.values.get("token_url"), getattr(said.values.get("refresh"), "token_url", None)
    if isinstance(url, Template):
        yield "token_url", url
    if isinstance(refresh, Template):
        yield "refresh.token_url", refresh


def unused_secret(said: Said) -> Iterator[Fault]:
    """A secret that is never sent is a secret too many, or a client_auth too few."""
    if said.client_auth != "none" or not isinstance(said.values.get("client_secret"), Secret):
        return
    if not any("client_secret" in getattr(value, "names", ()) for one in said.values.values() for _, value in leaves(one)):
        yield said.at("client_secret", "it is not sent: client_auth is none")
