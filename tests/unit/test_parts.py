"""proxy/parts.py: what routes and credentials take from each other; tests/unit/test_app.py has what is built of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.http.address import UpstreamURL
from proxy.http.routing import Inject, Route, RouteTLS
from proxy.oauth.credential import Credential
from proxy.oauth.options import TokenRequestOptions, TokenTLS
from proxy.oauth.template import Template
from proxy.parts import bound, injected_names, key_of, used
from tests.fakes.credentials import crm

OWN = TokenTLS(cert="c.pem", key="c.key")
CERTIFIED = crm(client_auth="tls_client_auth", token_request=TokenRequestOptions(tls=OWN))


def route(**said: Any) -> Route:
    return Route(**{"name": "r", "prefix": "/r", "upstream": UpstreamURL.parse("https://api.test"), "credential": "crm", **said})


def injecting(*values: str, **said: Any) -> Route:
    """A route that puts these templates on calls, in headers and in the query."""
    made = {f"X-{number}": Template.parse(value) for number, value in enumerate(values)}
    return route(inject=Inject(headers=made, query=made), **said)


def test_names_of_the_answer() -> None:
    """Those of every route with this credential; what is not of an answer needs no keeping."""
    routes = [injecting("${response.a}", "fixed", "${request.path}"), injecting("${base64(${response.b.c})}"), injecting("${token}")]
    other = injecting("${response.other}", credential="erp")
    named = injected_names([*routes, other])
    assert used(Credential(alias="crm", grant=crm()), named).kept == {"response.a", "response.b.c"}
    assert used(Credential(alias="unused", grant=crm()), named).kept == set()


def test_keys() -> None:
    """A certificate's content and the names that are kept make another key of the same family; equal ones make the same."""
    said = Credential(alias="crm", grant=CERTIFIED)
    named = msgspec.structs.replace(said, kept=frozenset({"response.b", "response.a"}))
    keys = [key_of(one, {"c.pem": mark}) for one in (said, named) for mark in ("old", "new")]
    assert (len(set(keys)), len({key.family for key in keys})) == (4, 1)
    assert key_of(named, {"c.pem": "old"}) == keys[2]


@pytest.mark.parametrize(
    ("grant", "tls", "cert"),
    [
        (CERTIFIED, RouteTLS(), "c.pem"),
        (CERTIFIED, RouteTLS(cert="own.pem", key="own.key"), "own.pem"),
        (crm(token_request=TokenRequestOptions(tls=OWN)), RouteTLS(), None),
        (None, RouteTLS(), None),
    ],
)
def test_a_route_shows_what_its_tokens_are_bound_to(grant: Any, tls: RouteTLS, cert: str | None) -> None:
    """The client's certificate where that proves the client; the route's own goes before it."""
    said = Credential(alias="crm", grant=grant) if grant else None
    assert bound(route(tls=tls), said).tls.cert == cert
