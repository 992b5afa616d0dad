"""proxy/oauth/placement.py: where a token goes on a call."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from proxy.errors import TokenResponseInvalidError
from proxy.oauth.exchange import TokenResponse
from proxy.oauth.options import TokenPlacement
from proxy.oauth.placement import Placed, placed
from proxy.oauth.template import Template
from proxy.oauth.token import Send
from proxy.secrets.sources import Text
from tests.fakes.credentials import EPOCH, crm, names_of

if TYPE_CHECKING:
    from proxy.oauth.names import Names

SEND = Send("DELETE", "https://api.test/orders/7?x=1", "/orders/7")


def names(answer: str = '{"region": "eu", "bad": "a\\r\\nX: s3cr3t", "wide": "pä"}', **known: Any) -> Names:
    said = names_of(crm(values={"tenant": Text("t1")}), **known).knowing(token="abc")
    return said.hearing("response", TokenResponse(200, {}, answer.encode()), {})


def put(**said: Any) -> Placed:
    if "value" in said:
        said["value"] = Template.parse(said["value"])
    return placed(names(), "abc", said=TokenPlacement(**said))


@pytest.mark.parametrize(
    ("said", "header"),
    [
        ({}, (b"Authorization", b"Bearer abc")),
        ({"header": "authorization"}, (b"authorization", b"Bearer abc")),
        ({"prefix": ""}, (b"Authorization", b"abc")),
        ({"prefix": "Token token="}, (b"Authorization", b"Token token=abc")),
        ({"header": "X-Shopify-Access-Token"}, (b"X-Shopify-Access-Token", b"abc")),
        ({"header": "X-Auth", "prefix": "Zoho-oauthtoken "}, (b"X-Auth", b"Zoho-oauthtoken abc")),
        ({"header": "X-Auth", "value": "Basic ${base64(${client_id}:${token})}"}, (b"X-Auth", b"Basic aWQ6YWJj")),
        ({"value": "${values.tenant}/${response.region}"}, (b"Authorization", b"t1/eu")),
    ],
)
def test_header(said: dict[str, str], header: tuple[bytes, bytes]) -> None:
    """A header with a prefix, `Bearer` in Authorization alone, or what a template makes; ready once for all sends."""
    assert put(**said) == Placed(headers=(header,))


def test_query() -> None:
    """A token in the query is in no header."""
    assert put(query="access_token") == Placed(query=(("access_token", "abc"),))


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${request.method} ${request.path}", b"DELETE /orders/7"),
        ("${token} ${now:epoch}", b"abc %d" % (EPOCH + 60)),
        ("${random}", b"unique"),
        ("${sha256_hex(${request.path}${token})}", hashlib.sha256(b"/orders/7abc").hexdigest().encode()),
    ],
)
def test_made_at_each_send(template: str, value: bytes) -> None:
    """What is made of the request, of the time or by chance is made at every send, and of nothing before it."""
    made = placed(names(wall=lambda: EPOCH + 60), "abc", said=TokenPlacement(header="X-Sign", value=Template.parse(template)))
    assert (made.headers, made.query) == ((), ())
    assert made.per_send is not None
    assert made.per_send.headers(SEND) == ((b"X-Sign", value),)
    assert not made.per_send.heard(SEND, 401, [(b"DPoP-Nonce", b"n")])
    assert "abc" not in repr(made) + repr(made.per_send)


@pytest.mark.parametrize("path", ["/", "//a//b", "/a;b/", "/[", "*"])
def test_the_path_that_is_sent(path: str) -> None:
    """Byte for byte, whatever a reader of URLs would make of it."""
    made = put(value="${request.path}").per_send
    assert made is not None
    assert made.headers(Send("GET", f"https://api.test{path}?x", path)) == ((b"Authorization", path.encode()),)


@pytest.mark.parametrize(
    "value",
    ["${response.bad}", "${response.bad} ${request.path}", "${response.wide}", " ${token}", "${token} ", "${now:%Y}${response.bad}"],
)
def test_no_header_value(value: str) -> None:
    """A line end, a foreign character or outer space goes into no request, and is not shown (RFC 9110 §5.5)."""
    with pytest.raises(TokenResponseInvalidError) as caught:
        put(value=value)
    assert caught.value.key == "credentials.crm.token_placement"
    assert "s3cr3t" not in caught.value.detail + caught.value.log_detail


@pytest.mark.parametrize("value", ["${response.absent}", "${request.path}${response.absent}"])
def test_what_the_answer_lacks(value: str) -> None:
    """A part of the answer that is not there is told when the token is obtained."""
    with pytest.raises(TokenResponseInvalidError, match=r"has no absent"):
        put(value=value)


def test_proof(pems: dict[str, str]) -> None:
    """A bound token goes behind `DPoP`, and each send has a proof of its own (RFC 9449 §7.1)."""
    asked = names()
    prover = asked.facts.signer.prover(pems["P-256"], of="crm")
    made = placed(asked, "abc", said=TokenPlacement(), prover=prover)
    assert made.headers == ((b"Authorization", b"DPoP abc"),)
    assert made.per_send is not None
    ((name, proof),) = made.per_send.headers(SEND)
    assert name == b"DPoP"
    assert proof.count(b".") == 2
