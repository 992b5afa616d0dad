"""proxy/oauth/asserting.py: what an assertion says where a credential makes two of them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from proxy.oauth.asserting import bearer_assertion
from proxy.oauth.client_auth import CLIENT_AUTH
from proxy.oauth.grants import JWTBearer
from proxy.oauth.options import Assertion
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Text
from tests.fakes.credentials import SECRET, URL, names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.client_auth import ClientAuthName

USER = "user@example.com"


def opened(jwt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in jwt.split(".")[:2])
    return header, claims


def credential(key: str, method: ClientAuthName, **said: Any) -> JWTBearer:
    """A credential whose assertion speaks of a user."""
    return JWTBearer(
        token_url=Template.parse(URL),
        client_id="id",
        client_auth=method,
        client_secret=SECRET,
        private_key=Text(key),
        assertion=Assertion(
            alg="ES256",
            kid="k1",
            subject=Template.parse(USER),
            audience=Template.parse("https://idp.test"),
            claims=Tree.parse({"role": "x"}),
            **said,
        ),
    )


@pytest.mark.parametrize(
    ("method", "header"), [("private_key_jwt", {"alg": "ES256", "kid": "k1"}), ("client_secret_jwt", {"alg": "HS256"})]
)
def test_a_client_that_brings_a_users_assertion_proves_itself_alone(
    method: ClientAuthName, header: dict[str, str], pems: Mapping[str, str]
) -> None:
    """RFC 7523 §3: the grant's assertion names the user, the client's names the client; they share a key at most."""
    names = names_of(credential(pems["P-256"], method))
    own, client = opened(CLIENT_AUTH[method](names).parameters["client_assertion"]), opened(bearer_assertion(names))
    assert {name: own[0].get(name) for name in ("alg", "kid") if name in own[0]} == header
    assert (own[1]["iss"], own[1]["sub"], own[1]["aud"], "role" in own[1]) == ("id", "id", URL, False)
    assert (client[1]["sub"], client[1]["aud"], client[1]["role"]) == (USER, "https://idp.test", "x")


def test_where_the_grants_assertion_comes_from_elsewhere_the_options_are_the_clients(pems: Mapping[str, str]) -> None:
    """`from` leaves the other keys to the client's own assertion."""
    names = names_of(credential(pems["P-256"], "private_key_jwt", from_="other"))
    _, claims = opened(CLIENT_AUTH["private_key_jwt"](names).parameters["client_assertion"])
    assert (claims["aud"], claims["role"]) == ("https://idp.test", "x")
