"""The authorization servers behind the other tests, tried by a client of our own and without bearerd: who may ask.

A test that passes because its server looks at nothing proves nothing: each ability is shown by what is taken and by what is refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest
import requests
from joserfc import jwt

from tests.integration.asking import JWT_BEARER, SAML_BEARER, TOKEN_EXCHANGE
from tests.integration.authorization import AuthorizationServer, Client
from tests.integration.proofs import client_assertion, jwt_claims, public_key, sign, sign_by_secret

if TYPE_CHECKING:
    from tests.integration.asking import Asker
    from tests.integration.certificates import SigningKey
    from tests.integration.glewlwyd import Glewlwyd


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_secret_counts_in_its_registered_place(method: str, asker: Asker) -> None:
    """The right secret in the right place is taken; a wrong one, and the right one elsewhere, are invalid_client and leave no token."""
    client = asker.server.client(token_endpoint_auth_method=method)
    wrong = Client(client.id, "wrong")
    place, elsewhere = ("basic", "post") if method == "client_secret_basic" else ("post", "basic")
    outcomes = [asker.ask({}, **{where: who}).outcome for where, who in ((place, client), (place, wrong), (elsewhere, client))]  # type: ignore[arg-type]  # the names are ask's
    counts = asker.server.counts(client)
    assert (outcomes, counts.live) == (["issued", "invalid_client", "invalid_client"], 1)
    assert counts.methods == {method: 2, ({"client_secret_basic", "client_secret_post"} - {method}).pop(): 1}


def test_an_unknown_client_and_a_renewed_secret_are_told_apart_by_nobody(asker: Asker) -> None:
    """Both are invalid_client, and the new secret is taken."""
    client = asker.server.client()
    renewed = asker.server.renew_secret(client)
    assert [asker.ask({}, basic=who).outcome for who in (Client("nobody", "x"), client, renewed)] == ["invalid_client"] * 2 + ["issued"]


def test_a_public_client_needs_no_secret(asker: Asker) -> None:
    """`none` is client_id alone; the same from a client with a secret is refused."""
    public, confidential = asker.server.client(token_endpoint_auth_method="none"), asker.server.client()
    assert [asker.ask({"client_id": who.id}).outcome for who in (public, confidential)] == ["issued", "invalid_client"]


@pytest.mark.parametrize("alg", ["HS256", "HS512"])
def test_a_jwt_signed_with_the_secret_authenticates(alg: str, asker: Asker) -> None:
    """client_secret_jwt: the secret's own JWT is taken once; another secret's is refused."""
    client = asker.server.client(token_endpoint_auth_method="client_secret_jwt")
    claims = jwt_claims(client.id, client.id, asker.server.token_url)
    assertion = sign_by_secret(claims, client, alg)
    foreign = sign_by_secret(
        claims | {"jti": "other"}, Client(client.id, "another secret that is long enough for HS512 as well, really!!!!!"), alg
    )
    outcomes = [asker.ask(client_assertion(each)).outcome for each in (foreign, assertion, assertion)]
    assert outcomes == ["invalid_client", "issued", "invalid_client"]
    assert asker.server.counts(client).methods == {"client_secret_jwt": 3}


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES512", "EdDSA", "Ed25519"])
def test_a_jwt_signed_with_a_key_authenticates(alg: str, asker: Asker) -> None:
    """private_key_jwt in every family of algorithms, with the issuer or the endpoint as audience."""
    key = asker.server.signing_key(alg)
    client = asker.server.client(token_endpoint_auth_method="private_key_jwt", jwks=key.jwks)
    audiences = asker.server.token_url, asker.server.issuer
    outcomes = [asker.ask(client_assertion(sign(jwt_claims(client.id, client.id, each), key))).outcome for each in audiences]
    assert outcomes == ["issued", "issued"]
    assert asker.server.counts(client).methods == {"private_key_jwt": 2}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"aud": "https://another.example/token"}, id="audience"),
        pytest.param({"exp": int(time.time()) - 600}, id="expired"),
        pytest.param({"exp": ...}, id="no exp"),
        pytest.param({"jti": ...}, id="no jti"),
        pytest.param({"iss": "another"}, id="issuer"),
    ],
)
def test_an_assertion_that_is_wrong_in_one_claim_is_refused(changed: dict[str, Any], asker: Asker, other_key: SigningKey) -> None:
    """Audience, lifetime, jti and issuer are all looked at."""
    client = asker.server.client(token_endpoint_auth_method="private_key_jwt", jwks=other_key.jwks)
    claims = jwt_claims(client.id, client.id, asker.server.token_url, **changed)
    assert asker.ask(client_assertion(sign(claims, other_key))).outcome == "invalid_client"


def test_an_assertion_must_be_signed_by_a_registered_key_with_the_registered_header(asker: Asker, other_key: SigningKey) -> None:
    """A foreign key is refused, and so is one without the x5t#S256 that the client registered."""
    key = asker.server.signing_key("ES256")
    client = asker.server.client(
        token_endpoint_auth_method="private_key_jwt", jwks=key.jwks, terms={"assertion_header": {"x5t#S256": "print"}}
    )

    def outcome(signer: SigningKey, **header: str) -> str:
        claims = jwt_claims(client.id, client.id, asker.server.token_url)
        return asker.ask(client_assertion(sign(claims, signer, **header))).outcome

    told = outcome(other_key, kid=key.kid), outcome(key), outcome(key, **{"x5t#S256": "print"})
    assert told == ("invalid_client", "invalid_client", "issued")


def test_a_certificate_of_the_authority_authenticates_its_subject(asker: Asker) -> None:
    """tls_client_auth: the registered subject is taken; another one, a self-signed twin, and no certificate are refused."""
    server = asker.server
    right, wrong = server.client_certificate("legacy"), server.client_certificate("other")
    client = server.client(token_endpoint_auth_method="tls_client_auth", tls_client_auth_subject_dn=right.subject_dn)
    shown = right, wrong, server.self_signed_certificate("legacy"), None
    outcomes = [asker.ask({"client_id": client.id}, tls=True, certificate=each).outcome for each in shown]
    assert outcomes == ["issued", "invalid_client", "invalid_client", "invalid_client"]
    assert server.counts(client).methods == {"tls_client_auth": 4}


def test_a_subject_alternative_name_authenticates(asker: Asker) -> None:
    """tls_client_auth by san_email, and not by one that the certificate lacks."""
    shown = asker.server.client_certificate("legacy")
    clients = [
        asker.server.client(token_endpoint_auth_method="tls_client_auth", tls_client_auth_san_email=f"{name}@clients.internal")
        for name in ("legacy", "other")
    ]
    assert [asker.ask({"client_id": each.id}, certificate=shown).outcome for each in clients] == ["issued", "invalid_client"]


def test_a_registered_certificate_authenticates_without_an_authority(asker: Asker) -> None:
    """self_signed_tls_client_auth: the very certificate is taken, another one of the same name is refused."""
    right, wrong = asker.server.self_signed_certificate("legacy"), asker.server.self_signed_certificate("legacy")
    client = asker.server.client(token_endpoint_auth_method="self_signed_tls_client_auth", jwks=right.jwks)
    outcomes = [asker.ask({"client_id": client.id}, tls=True, certificate=each).outcome for each in (right, wrong, None)]
    assert outcomes == ["issued", "invalid_client", "invalid_client"]


def test_a_token_is_bound_to_the_certificate_of_its_request(asker: Asker) -> None:
    """tls_client_certificate_bound_access_tokens: introspection names the certificate's thumbprint; by HTTP there is no token."""
    certificate = asker.server.client_certificate("legacy")
    client = asker.server.client(
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_subject_dn=certificate.subject_dn,
        tls_client_certificate_bound_access_tokens=True,
    )
    told = asker.ask({"client_id": client.id}, certificate=certificate)
    assert asker.introspect(told.token)["cnf"] == {"x5t#S256": certificate.x5t_s256}
    assert asker.ask({"client_id": client.id}).outcome == "invalid_client"


def test_metadata_stand_at_both_places_and_name_the_tls_twin(asker: Asker) -> None:
    """RFC 8414 and OpenID discovery say the same, by HTTP and by HTTPS each for its own issuer; RFC 8705 §5 aliases lead across."""
    server = asker.server
    for issuer in (server.issuer, server.tls_issuer):
        places = [f"{issuer}/.well-known/{name}" for name in ("oauth-authorization-server", "openid-configuration")]
        one, other = (asker.session.get(place, verify=str(server.ca), timeout=60).json() for place in places)
        assert (one, one["issuer"], one["token_endpoint"]) == (other, issuer, f"{issuer}/token")
    plain = asker.session.get(f"{server.issuer}/.well-known/openid-configuration", timeout=60).json()
    assert plain["mtls_endpoint_aliases"]["token_endpoint"] == server.tls_token_url
    assert {JWT_BEARER, SAML_BEARER, TOKEN_EXCHANGE, "password", "refresh_token"} <= set(plain["grant_types_supported"])
    assert {"private_key_jwt", "tls_client_auth", "none"} <= set(plain["token_endpoint_auth_methods_supported"])


def test_an_issuer_with_a_path_has_its_metadata_at_both_places(asker: Asker) -> None:
    """RFC 8414 §3.1 puts the path behind the well-known name, OpenID Connect before it; its token endpoint stands below the path."""
    server, issuer = asker.server, asker.server.tenant_issuer
    path = issuer.removeprefix(server.issuer)
    places = f"{server.issuer}/.well-known/oauth-authorization-server{path}", f"{issuer}/.well-known/openid-configuration"
    one, other = (asker.session.get(place, timeout=60).json() for place in places)
    assert (one, one["issuer"], one["token_endpoint"]) == (other, issuer, f"{issuer}/token")
    client = server.client()
    form = {"grant_type": "client_credentials", "client_id": client.id, "client_secret": client.secret}
    assert asker.introspect(asker.session.post(one["token_endpoint"], data=form, timeout=60).json()["access_token"])["active"]


def test_a_revoked_token_is_dead(asker: Asker) -> None:
    """RFC 7009 by the client itself, which introspection shows at once."""
    client = asker.server.client()
    token = asker.ask({}, basic=client).token
    form = {"token": token, "client_id": client.id, "client_secret": client.secret}
    assert asker.session.post(asker.server.revocation_url, data=form, timeout=60).status_code == 200
    assert not asker.introspect(token)["active"]


def test_metadata_that_no_client_can_have_are_refused(authorization_server: AuthorizationServer) -> None:
    """A test that registers nonsense fails where it does so."""
    with pytest.raises(ValueError, match="jwks or jwks_uri is mandatory"):
        authorization_server.client(token_endpoint_auth_method="private_key_jwt")


def test_glewlwyd_signs_what_it_issues_and_refuses_a_wrong_secret(glewlwyd: Glewlwyd) -> None:
    """Another implementation: a JWT that its own keys verify, by Basic without form encoding, and 403 without a body otherwise."""
    client, form = glewlwyd.client, {"grant_type": "client_credentials", "scope": "api:read"}
    told = requests.post(glewlwyd.token_url, data=form, auth=(client.id, client.secret), timeout=60)
    jwks = requests.get(glewlwyd.jwks_url, timeout=60).json()
    token = told.json()["access_token"]
    seen = jwt.decode(token, public_key(jwks, jwks["keys"][0]["kid"]))
    assert (told.status_code, seen.claims["client_id"], seen.claims["iss"]) == (200, client.id, glewlwyd.issuer)
    for secret in ("wrong", quote_plus(client.secret)):
        refused = requests.post(glewlwyd.token_url, data=form, auth=(client.id, secret), timeout=60)
        assert (refused.status_code, refused.text) == (403, "")
