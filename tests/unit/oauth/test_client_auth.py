"""proxy/oauth/client_auth.py: how the client proves itself, method by method."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest

from proxy.errors import SecretUnavailableError
from proxy.oauth.assertions import CLIENT_ASSERTION_TYPE
from proxy.oauth.client_auth import CLIENT_AUTH, ClientAuthName, Proof
from proxy.oauth.options import Assertion
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Text
from tests.fakes.credentials import EPOCH, SECRET, URL, crm, names_of

KEYED = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt")


def proof(method: ClientAuthName, **options: Any) -> Proof:
    return CLIENT_AUTH[method].prove(names_of(crm(client_auth=method, **options)))


def opened(proof: Proof) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of the client's assertion."""
    parts = proof.parameters["client_assertion"].split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    return header, claims


def pair_of(proof: Proof) -> bytes:
    return base64.b64decode(proof.headers["Authorization"].removeprefix("Basic "))


def test_every_method_is_here() -> None:
    """Each name that a user may write has its member and its needs."""
    assert set(CLIENT_AUTH) == set(get_args(ClientAuthName))


@pytest.mark.parametrize(
    ("client_id", "secret", "pair"),
    [
        ("s6BhdRkqt3", "gX1fBat3bV", "s6BhdRkqt3:gX1fBat3bV"),  # RFC 6749 §4.4.2
        (" %&+£€", "x", "+%25%26%2B%C2%A3%E2%82%AC:x"),  # RFC 6749 appendix B
        ("a:b", "c:d", "a%3Ab:c%3Ad"),
        ("id", "p/w=?\r\n", "id:p%2Fw%3D%3F%0D%0A"),
        ("ïd", "пароль", "%C3%AFd:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C"),
    ],
)
def test_basic_is_form_encoded_first(client_id: str, secret: str, pair: str) -> None:
    """Id and secret are form-encoded before they become HTTP Basic (RFC 6749 §2.3.1)."""
    made = proof("client_secret_basic", client_id=client_id, client_secret=Text(secret))
    assert pair_of(made) == pair.encode()
    assert made.parameters == {}


def test_basic_as_the_rfc_writes_it() -> None:
    """The header of RFC 6749 §4.4.2 comes out byte for byte."""
    made = proof("client_secret_basic", client_id="s6BhdRkqt3", client_secret=Text("gX1fBat3bV"))
    assert made.headers == {"Authorization": "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"}


def test_raw_basic_encodes_nothing() -> None:
    """`basic_encoding: raw` sends id and secret as they are, as UTF-8."""
    made = proof("client_secret_basic", client_id="ïd", client_secret=Text("a b/+%"), basic_encoding="raw")
    assert pair_of(made).decode() == "ïd:a b/+%"


def test_post_sends_parameters_and_no_header() -> None:
    """client_secret_post is the only method used when it is chosen."""
    made = proof("client_secret_post")
    assert (made.headers, made.parameters) == ({}, {"client_id": "id", "client_secret": SECRET.value})


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth", "none"])
def test_no_secret_is_sent(method: ClientAuthName) -> None:
    """Where the connection proves the client, or nothing does, it only names itself (RFC 8705 §2)."""
    made = proof(method)
    assert (made.headers, made.parameters) == ({}, {"client_id": "id"})


def test_a_client_without_a_name() -> None:
    """A public client that has no name sends none."""
    assert proof("none", client_id="").parameters == {}


def test_secret_jwt() -> None:
    """A JWT under the secret, about the client and for the token endpoint (OpenID Connect Core §9)."""
    made = proof("client_secret_jwt")
    header, claims = opened(made)
    assert header == {"typ": "JWT", "alg": "HS256"}
    assert claims == {"iss": "id", "sub": "id", "aud": URL, "jti": "unique", "iat": EPOCH, "exp": EPOCH + 300}
    assert (made.headers, made.parameters["client_id"]) == ({}, "id")
    assert made.parameters["client_assertion_type"] == CLIENT_ASSERTION_TYPE
    assert SECRET.value not in json.dumps(made.parameters)


def test_private_key_jwt(pems: dict[str, str], certificate: str) -> None:
    """A JWT under the key (RFC 7523 §2.2), with what `assertion` says of its head and its claims."""
    assertion = Assertion(
        alg="PS256",
        kid="k1",
        x5t=True,
        x5t_s256=True,
        audience=Template.parse("https://as.test/${client_id}"),
        claims=Tree.parse({"jti": None, "tid": 7}),
    )
    made = proof("private_key_jwt", private_key=Text(pems["RSA"]), certificate=Text(certificate), assertion=assertion, client_secret=None)
    header, claims = opened(made)
    assert (header["alg"], header["kid"]) == ("PS256", "k1")
    assert header["x5t"] != header["x5t#S256"]
    assert claims == {"iss": "id", "sub": "id", "aud": "https://as.test/id", "iat": EPOCH, "exp": EPOCH + 300, "tid": 7}
    assert set(made.parameters) == {"client_id", "client_assertion_type", "client_assertion"}


def test_an_assertion_that_somebody_else_signs() -> None:
    """A federated token goes as it is, without the line end that its file has."""
    made = proof("private_key_jwt", client_assertion=Text("aaa.bbb.ccc\n"))
    assert made.parameters["client_assertion"] == "aaa.bbb.ccc"


@pytest.mark.parametrize("method", KEYED)
def test_fails_closed(method: ClientAuthName) -> None:
    """A method without what it needs sends nothing, and names the key that is missing."""
    with pytest.raises(SecretUnavailableError) as caught:
        proof(method, client_secret=None)
    assert caught.value.key == f"credentials.crm.{CLIENT_AUTH[method].needs[0]}"


@pytest.mark.parametrize("options", [{"private_key": Text("s3cr3t, and no key")}, {"private_key": None}])
def test_an_unusable_key(options: dict[str, Any]) -> None:
    """A text that is no key is told by its place alone."""
    with pytest.raises(SecretUnavailableError) as caught:
        proof("private_key_jwt", **options)
    assert caught.value.key == "credentials.crm.private_key"
    assert "s3cr3t" not in caught.value.detail + caught.value.log_detail


def test_an_unusable_certificate(pems: dict[str, str]) -> None:
    """A thumbprint of what is no certificate names the certificate."""
    with pytest.raises(SecretUnavailableError) as caught:
        proof("private_key_jwt", private_key=Text(pems["RSA"]), certificate=Text("s3cr3t"), assertion=Assertion(x5t=True))
    assert caught.value.key == "credentials.crm.certificate"
    assert "s3cr3t" not in caught.value.detail + caught.value.log_detail


def test_representation() -> None:
    """A proof shows nothing of itself."""
    assert repr(proof("client_secret_post")) == "Proof()"
