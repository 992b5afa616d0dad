"""A token request from what a credential declares: where parameters go, and in which form.

One walk for every grant: the grant's own parameters, the client's proof, then what the user adds, each in the place said for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from proxy.errors import SecretUnavailableError
from proxy.oauth import xml
from proxy.oauth.client_auth import CLIENT_AUTH, Proof
from proxy.oauth.destination import Destination, destination
from proxy.oauth.exchange import TokenRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxy.oauth.names import Names
    from proxy.oauth.options import EndpointOptions, RequestOptions
    from proxy.oauth.template import Template
    from proxy.oauth.tree import Tree

Said = dict[str, object]
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")  # RFC 9110 §5.5
_ACCEPTED = {"form": "application/json", "json": "application/json", "xml": "application/xml"}
_MEDIA = {"form": "application/x-www-form-urlencoded", "json": "application/json", "xml": "application/xml"}


def standard(grant: EndpointOptions) -> Said:
    """The parameters by which a client says what the token is for (RFC 6749 §3.3, RFC 8707 §2)."""
    said: Said = {}
    if grant.scope:
        said["scope"] = grant.scope_separator.join(grant.scope)
    if grant.audience:
        said["audience"] = grant.audience
    if grant.resource:
        said["resource"] = grant.resource
    return said


def token_request(
    names: Names, parameters: Mapping[str, object], *, options: RequestOptions | None = None, url: Template | None = None
) -> TokenRequest:
    """The request that `options` and `url` (None: the credential's) make of the grant's parameters, with the client's proof.

    A proof that is an assertion is for the URL of this very request (RFC 7523 §3).
    """
    to = destination(url, names)
    here = replace(names, facts=replace(names.facts, token_url=to.url))
    proof = CLIENT_AUTH[names.grant.client_auth].prove(here)
    return written(options or names.grant.token_request, to, names, said=parameters, proof=proof)


def written(options: RequestOptions, to: Destination, names: Names, *, said: Mapping[str, object], proof: Proof) -> TokenRequest:
    """A request as bytes: a body is always there where the method has one, since a server answered 415 to none.

    Raises:
        LookupError: a template names what is not known here.
        SecretUnavailableError: what a secret or an answer put into it cannot be sent; it is not shown.
    """
    try:
        return _written(options, to, names, said=said, proof=proof)
    except UnicodeEncodeError:  # half a character, as JSON may hold; the exception would show it
        told = "the token request holds what is no UTF-8 text"
    except ValueError as exc:
        told = f"the token request cannot be written: {exc}"
    raise SecretUnavailableError(told, alias=names.facts.alias, field="token_request")


def _written(options: RequestOptions, to: Destination, names: Names, *, said: Mapping[str, object], proof: Proof) -> TokenRequest:
    places: dict[str, Said] = {"body": {**said, **proof.parameters}, "query": {}, "header": {}}
    if options.grant_type_in == "query" and "grant_type" in places["body"]:
        places["query"]["grant_type"] = places["body"].pop("grant_type")
    for param in options.params:
        places[param.in_][param.key] = _rendered(param.value, names)
    headers = _headers({"Accept": _ACCEPTED[options.content_type], **proof.headers}, places["header"])
    body: object = places["body"] if options.body is None else _rendered(options.body, names)
    if options.method == "GET":
        return TokenRequest(_with_query(to.url, {**places["query"], **_members(body)}), b"", headers, "GET", to.path, to.hosts)
    headers = _headers({"Content-Type": _MEDIA[options.content_type]}, headers)
    url, content = _with_query(to.url, places["query"]), _encoded(body, options.content_type)
    return TokenRequest(url, content, headers, options.method, to.path, to.hosts)


def _headers(ours: Mapping[str, str], added: Mapping[str, object]) -> dict[str, str]:
    """Ours, and what is added, which takes the place of a header of its name however that is spelled (RFC 9110 §5.1); null: none."""
    named = {name.lower() for name in added}
    kept = {name: value for name, value in ours.items() if name.lower() not in named}
    texts = {name: _text(value) for name, value in added.items() if value is not None}
    if any(_CONTROL.search(text) for text in texts.values()):
        raise ValueError("a header's value has no line end and no control character")
    return kept | texts


def _rendered(tree: Tree, names: Names) -> object:
    return tree.render(names, names.facts.read)


def _encoded(body: object, content_type: str) -> bytes:
    match content_type:
        case "json":
            return json.dumps(_plain(body)).encode()
        case "xml":
            return xml.encoded(body)
        case _:
            return urlencode(list(_pairs(_members(body)))).encode()


def _plain(value: object) -> object:
    """One resource is a text in JSON, several are an array."""
    match value:
        case tuple():
            return value[0] if len(value) == 1 else list(value)
        case dict():
            return {name: _plain(member) for name, member in value.items()}
        case _:
            return value


def _members(body: object) -> Mapping[str, object]:
    return body if isinstance(body, dict) else {}


def _pairs(said: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    """Name and text of each parameter; one of several values is there several times (RFC 8707 §2)."""
    for name, value in said.items():
        for one in value if isinstance(value, tuple | list) else (value,):
            if one is not None:
                yield name, _text(one)


def _text(value: object) -> str:
    """A parameter as text; true and false as JSON writes them, a mapping as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _with_query(url: str, said: Mapping[str, object]) -> str:
    """`url` with more parameters; a query that it has is kept (RFC 6749 §3.2)."""
    added = urlencode(list(_pairs(said)))
    return f"{url}{'&' if '?' in url else '?'}{added}" if added else url
