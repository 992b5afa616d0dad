"""Rules of a token request, of its answer, and of where the token goes.

Each yields what is wrong at the key that repairs it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.http.address import HOST
from proxy.oauth import xml
from proxy.oauth.client_auth import CLIENT_AUTH
from proxy.oauth.options import Refresh, RequestOptions, Step, TokenPlacement, TokenRequestOptions, TokenResponseOptions
from proxy.settings import checks
from proxy.settings.references import refreshed_alike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.oauth.tree import Tree
    from proxy.settings.checks import Fault
    from proxy.settings.said import Said
    from proxy.settings.source import Node

_FIELD_VALUE = re.compile(r"[\t\x20-\x7e]*")  # RFC 9110 §5.5, without the bytes that few servers take
_PROVEN_BY_PARAMETER = frozenset(name for name, method in CLIENT_AUTH.items() if method.by in {"parameter", "assertion"})
_NO_VALUE = "a header's value is ASCII without a line end or control character"
_QUERY_NAME = re.compile(r"[^\s?&=#\x00-\x1f\x7f]+")


def faults(said: Said) -> Iterator[Fault]:
    """What is wrong with the sections that say how a token is asked for, read and sent."""
    for node, options in _requests(said):
        yield from _request(node, options)
    yield from _refreshed(said)
    yield from _unproven(said)
    yield from _way(said)
    yield from _answer(said)
    yield from _placement(said)
    if said.values.get("scope_separator") == "":
        yield said.at("scope_separator", 'an empty one would run the scopes together; it is " " where the key is left out')


def _requests(said: Said) -> Iterator[tuple[Node, RequestOptions]]:
    """Every call of the exchange that the credential describes."""
    request, refresh = said.values.get("token_request"), said.values.get("refresh")
    if isinstance(request, RequestOptions):
        yield said.node.nearest("token_request"), request
    if isinstance(refresh, Refresh) and refresh.token_request is not None:
        yield said.node.nearest("refresh", "token_request"), refresh.token_request
    steps, node = said.values.get("steps"), said.node.get("steps")
    if isinstance(steps, tuple) and node is not None and len(steps) == len(node.items):
        for step, item in zip(steps, node.items, strict=True):
            if isinstance(step, Step):
                yield item.nearest("token_request"), step.token_request


def _request(node: Node, options: RequestOptions) -> Iterator[Fault]:
    params = node.get("params")
    items = params.items if params is not None else ()
    if len(items) == len(options.params):
        for param, item in zip(options.params, items, strict=True):
            if options.body is not None and param.in_ == "body":
                yield checks.fault(item, "`body` stands in place of every parameter in the body; write this one into it, or say in: query")
            elif param.in_ == "header":
                yield from header_name(item.nearest("key"), param.key)
                if isinstance(value := param.value.source, str) and not _FIELD_VALUE.fullmatch(value):
                    yield checks.fault(item.nearest("value"), _NO_VALUE)
    if options.content_type == "xml" and (text := _xml_fault(options.body)):
        yield checks.fault(node.nearest("body") if options.body else node.nearest("content_type"), text)
    if options.content_type == "form" and options.body is not None and not isinstance(options.body.source, dict):
        yield checks.fault(node.nearest("body"), "expected a mapping of keys: the body is a form")


def _refreshed(said: Said) -> Iterator[Fault]:
    """A refresh writes its parameters as the first request does, and XML has no form for parameters."""
    if said.section("token_request", TokenRequestOptions).content_type == "xml" and refreshed_alike(said.node, said.kind):
        text = "this key is missing; `body` says no refresh: write one, or token_response: {refresh_token: null} where none comes"
        yield said.at("refresh.token_request", text)


def _unproven(said: Said) -> Iterator[Fault]:
    """A method whose proof is a parameter has no place beside `body`; a secret may be written into it by its name."""
    refresh = said.section("refresh", Refresh).token_request
    requests = {"token_request": said.section("token_request", TokenRequestOptions), "refresh.token_request": refresh}
    for path, options in requests.items():
        body = options.body if options is not None else None
        if body is None or said.client_auth not in _PROVEN_BY_PARAMETER:
            continue
        if said.client_auth != "client_secret_post":
            yield said.at(f"{path}.body", f"it stands in place of every parameter, and client_auth {said.client_auth} proves itself by one")
        elif "client_secret" not in body.names and said.values.get("client_secret") not in body.secrets:
            text = "it stands in place of every parameter; write ${client_secret} into it, or client_auth: client_secret_basic"
            yield said.at(f"{path}.body", text)


def _xml_fault(body: Tree | None) -> str | None:
    if body is None:
        return "an XML request is written as `body`, a mapping whose one key is the root element"
    try:
        xml.encoded(body.source)
    except ValueError as exc:
        return str(exc)
    return None


def header_name(at: Node, name: str) -> Iterator[Fault]:
    """A header that bearerd may set for a user."""
    if not checks.TOKEN.fullmatch(name):
        yield checks.fault(at, "not a header name")
    elif name.lower() in checks.NOT_OURS:
        yield checks.fault(at, "bearerd sets this header itself")


def _way(said: Said) -> Iterator[Fault]:
    """How long a token request may take, through which proxy, under which certificates."""
    yield from checks.not_zero(said.node, ("token_request", "timeout"), said.values)
    request, node = said.values.get("token_request"), said.node.nearest("token_request")
    if isinstance(request, TokenRequestOptions):
        yield from checks.tls_faults(node, request.tls)
        yield from checks.own_proxy_faults(node, request.proxy)


def _answer(said: Said) -> Iterator[Fault]:
    response, hosts = said.values.get("token_response"), said.values.get("allowed_hosts")
    if (
        isinstance(response, TokenResponseOptions)
        and response.upstream is not None
        and not hosts
        and ("allowed_hosts" not in said.node.entries or hosts == ())
    ):
        yield said.at("allowed_hosts", "this key is missing; token_response.upstream may name these hosts alone")
    items = said.node.nearest("allowed_hosts").items
    if isinstance(hosts, tuple) and len(hosts) == len(items):
        for host, item in zip(hosts, items, strict=True):
            if not HOST.fullmatch(host.removeprefix("*.").lower()):
                yield checks.fault(item, "expected a host such as api.example.com or *.example.com, without scheme and port")


def _placement(said: Said) -> Iterator[Fault]:
    placement = said.values.get("token_placement")
    if not isinstance(placement, TokenPlacement):
        return
    if placement.query is not None:
        for name in ("header", "prefix", "value"):
            if said.has(f"token_placement.{name}"):
                yield said.at(f"token_placement.{name}", "said together with `query`; a token goes to one place")
        if not _QUERY_NAME.fullmatch(placement.query):
            yield said.at("token_placement.query", "not the name of a query parameter")
    elif placement.value is not None and placement.prefix is not None:
        yield said.at("token_placement.prefix", "said together with `value`, which is the whole header; write it into that")
    yield from header_name(said.node.nearest("token_placement", "header"), placement.header)
    for name, text in (("prefix", placement.prefix), ("value", placement.value.source if placement.value is not None else None)):
        if text is not None and not _FIELD_VALUE.fullmatch(text):
            yield said.at(f"token_placement.{name}", _NO_VALUE)
    plain = placement.header.lower() == "authorization" and placement.query is None and placement.value is None
    if said.yes("dpop") and not (plain and placement.prefix is None):
        yield said.at("token_placement", "a token that is bound by dpop goes to Authorization, behind `DPoP` (RFC 9449 section 7.1)")
