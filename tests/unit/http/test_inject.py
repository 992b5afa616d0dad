"""proxy/http/inject.py: what stands ready, what is made for each send, and what of it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InternalError, TokenResponseInvalidError
from proxy.http.address import UpstreamURL
from proxy.http.inject import Injected
from proxy.http.routing import Inject, Route
from proxy.oauth.template import Template
from proxy.oauth.token import Send, Token

SEND = Send("GET", "https://api.test/v1/a%20b?x=1", "/v1/a%20b")
NAMES = {"token": "t0ken", "response.id": "7", "response.bad": "a\r\nX-Evil: 1", "response.wide": "\u20ac", "response.padded": " pad"}


def injected(*, credential: str = "crm", **said: dict[str, str]) -> Injected:
    parsed: dict[str, Any] = {place: {name: Template.parse(text) for name, text in values.items()} for place, values in said.items()}
    route = Route(prefix="/", upstream=UpstreamURL.parse("https://api.test"), credential=credential, name="r", inject=Inject(**parsed))
    return Injected.of(route, epoch=lambda: 1700000000.0, unique=lambda: "unique-1")


def token() -> Token:
    return Token("t0ken", 0.0, 1.0, 1.0, 1.0, look_up=NAMES.__getitem__)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("${request.method} ${request.path}", b"GET /v1/a%20b"),
        ("${now:epoch}", b"1700000000"),
        ("${now+1d:%Y-%m-%d}", b"2023-11-15"),
        ("${random}", b"unique-1"),
        ("Key ${base64(${response.id}:${token})}", b"Key Nzp0MGtlbg=="),
    ],
)
def test_a_header_is_made_for_each_send(text: str, made: bytes) -> None:
    """Of the request, the moment, chance and the token's answer."""
    of = injected(headers={"X-Made": text, "X-Fixed": "f"}, query={"k": text, "l": "1"})
    assert (of.fixed, of.headers, of.fields(SEND, token())) == (False, ((b"X-Fixed", b"f"),), [(b"X-Made", made)])
    assert of.parameters(SEND, token()) == (("l", "1"), ("k", made.decode()))


def test_what_is_fixed_stands_ready() -> None:
    """Nothing is made for a send of it."""
    of = injected(headers={"X-Fixed": "f"}, query={"l": "1"})
    assert (of.fixed, of.fields(SEND, None), of.parameters(SEND, None)) == (True, [], (("l", "1"),))


@pytest.mark.parametrize("name", ["bad", "wide", "padded"])
def test_what_is_no_header_value_is_not_sent(name: str) -> None:
    """No line end of an answer becomes a header, and the key is the route's; the value is not told."""
    with pytest.raises(TokenResponseInvalidError) as raised:
        injected(headers={"X-Id": f"${{response.{name}}}"}).fields(SEND, token())
    assert (raised.value.key, NAMES[f"response.{name}"] in str(raised.value)) == ("routes.r.inject.headers.X-Id", False)


@pytest.mark.parametrize(("credential", "of"), [("crm", token()), ("none", None), ("crm", Token("t", 0.0, 1.0, 1.0, 1.0))])
def test_a_name_that_is_nowhere(credential: str, of: Token | None) -> None:
    """A fault of ours, which is told with its key: settings let none through."""
    with pytest.raises(InternalError) as raised:
        injected(credential=credential, query={"k": "${values.x}"}).parameters(SEND, of)
    assert raised.value.key == "routes.r.inject.query.k"
