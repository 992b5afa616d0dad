"""What the authorization server asks of each grant, tried by a client of our own and without bearerd.

Each grant is shown by what is taken and by what is refused, one point at a time.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.asking import ACCESS_TOKEN, JWT_BEARER, SAML_BEARER, TOKEN_EXCHANGE, Asker, Form, Prover, Told
from tests.integration.authorization import ORDERS, RESOURCE, STOCK, Client
from tests.integration.proofs import base64url, dpop, jwt_claims, saml, sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.certificates import SigningKey


def test_a_refresh_token_is_used_once_and_its_reuse_ends_everything(asker: Asker) -> None:
    """Each refresh answers a new refresh token; the old one shown again revokes the new one and every access token."""
    client = asker.server.client(grant_types=["refresh_token"])
    first = asker.server.refresh_token(client)
    form = {"grant_type": "refresh_token"}
    second = asker.ask({**form, "refresh_token": first}, basic=client)
    third = asker.ask({**form, "refresh_token": second.body["refresh_token"]}, basic=client)
    assert asker.introspect(third.token)["active"]
    again = [asker.ask({**form, "refresh_token": each}, basic=client).outcome for each in (first, third.body["refresh_token"])]
    assert again == ["invalid_grant", "invalid_grant"]
    assert not asker.introspect(third.token)["active"]
    assert len({first, second.body["refresh_token"], third.body["refresh_token"]}) == 3


def test_a_refresh_token_may_stay(asker: Asker) -> None:
    """Without rotation the same one is taken again; another client's, and one that has ended, are refused."""
    client, other = (asker.server.client(grant_types=["refresh_token"], terms={"rotate": False}) for _ in range(2))
    form = {"grant_type": "refresh_token", "refresh_token": asker.server.refresh_token(client)}
    assert [asker.ask(form, basic=who).outcome for who in (client, client, other)] == ["issued", "issued", "invalid_grant"]
    asker.server.revoke(client)
    assert asker.ask(form, basic=client).outcome == "invalid_grant"


def test_the_password_grant_knows_one_user(asker: Asker) -> None:
    """Name and password are compared, a client without the grant is refused, and a refresh token comes where it may be used."""
    server = asker.server
    user, plain = server.user, server.client(grant_types=["password"])
    refreshing, without = server.client(grant_types=["password", "refresh_token"]), server.client()
    right = {"grant_type": "password", "username": user.name, "password": user.password, "scope": "api:read"}
    told = asker.ask(right, basic=refreshing)
    refreshed = asker.ask({"grant_type": "refresh_token", "refresh_token": told.body["refresh_token"]}, basic=refreshing)
    assert (asker.introspect(told.token)["sub"], refreshed.body["scope"]) == (user.name, "api:read")
    assert "refresh_token" not in asker.ask(right, basic=plain).body
    assert asker.ask({**right, "password": "wrong"}, basic=plain).outcome == "invalid_grant"
    assert asker.ask(right, basic=without).outcome == "invalid_request"


@pytest.mark.parametrize("named", [True, False])
def test_a_jwt_is_a_grant_once(named: bool, asker: Asker, other_key: SigningKey) -> None:  # noqa: FBT001  # a parameter of the table
    """JWT bearer, with client_id and without any: the registered key's assertion is worth one token, for its subject."""
    client = asker.server.client(token_endpoint_auth_method="none", jwks=other_key.jwks, grant_types=[JWT_BEARER])
    claims = jwt_claims(client.id, asker.server.user.name, asker.server.token_url)
    form = {"grant_type": JWT_BEARER, "assertion": sign(claims, other_key), "scope": "api:read"}
    form |= {"client_id": client.id} if named else {}
    told = asker.ask(form)
    assert (asker.introspect(told.token)["sub"], asker.ask(form).outcome) == (asker.server.user.name, "invalid_grant")
    assert asker.server.counts(client).grants == {JWT_BEARER: 2}


@pytest.mark.parametrize(
    ("changed", "foreign"),
    [
        pytest.param({}, True, id="another key"),
        pytest.param({"aud": "https://another.example/"}, False, id="audience"),
        pytest.param({"exp": int(time.time()) - 600}, False, id="expired"),
        pytest.param({"exp": int(time.time()) + 86400}, False, id="lives too long"),
        pytest.param({"sub": "nobody"}, False, id="subject"),
        pytest.param({"iss": "another"}, False, id="issuer"),
    ],
)
def test_a_jwt_that_is_wrong_in_one_point_is_no_grant(
    changed: dict[str, Any],
    foreign: bool,  # noqa: FBT001  # a parameter of the table
    asker: Asker,
    other_key: SigningKey,
) -> None:
    """Signature, audience, lifetime, subject and issuer are all looked at."""
    key = asker.server.signing_key("ES256")
    client = asker.server.client(token_endpoint_auth_method="none", jwks=key.jwks, grant_types=[JWT_BEARER])
    claims = jwt_claims(client.id, asker.server.user.name, asker.server.token_url, **changed)
    assertion = sign(claims, other_key, kid=key.kid) if foreign else sign(claims, key)
    assert asker.ask({"grant_type": JWT_BEARER, "assertion": assertion, "client_id": client.id}).outcome == "invalid_grant"


def test_another_clients_token_is_an_assertion_again_and_again(asker: Asker) -> None:
    """A JWT that the server issued for itself is taken from a client that trusts this issuer, and from no other."""
    server = asker.server
    jwks = asker.session.get(f"{server.issuer}/jwks", timeout=60).json()
    first = server.client()
    trusting = server.client(grant_types=[JWT_BEARER], terms={"issuers": {server.issuer: jwks}})
    strange = server.client(grant_types=[JWT_BEARER])
    token = asker.ask({"resource": server.issuer}, basic=first).token
    form = {"grant_type": JWT_BEARER, "assertion": token}
    outcomes = [asker.ask(form, basic=who).outcome for who in (trusting, trusting, strange)]
    assert outcomes == ["issued", "issued", "invalid_grant"]


def saml_form(client: Client, xml: str) -> Form:
    return {"grant_type": SAML_BEARER, "client_id": client.id, "assertion": base64url(xml), "scope": "api:read"}


def test_a_saml_assertion_is_a_grant_once(asker: Asker) -> None:
    """SAML bearer: what the registered certificate signed is worth one token for its NameID."""
    server, signer = asker.server, asker.server.self_signed_certificate("idp", family="RSA")
    client = server.client(token_endpoint_auth_method="none", grant_types=[SAML_BEARER], terms={"saml_certificate": signer.pem})
    form = saml_form(client, saml(signer, client.id, server.user.name, server.issuer, server.token_url))
    told = asker.ask(form)
    assert (asker.introspect(told.token)["sub"], asker.ask(form).outcome) == (server.user.name, "invalid_grant")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("signer", "signature"),
        ("tampered", "signature"),
        ("unsigned", "not signed"),
        ("audience", "Audience"),
        ("recipient", "Recipient"),
        ("expired", "has ended"),
        ("issuer", "Issuer"),
        ("subject", "subject"),
    ],
)
def test_a_saml_assertion_that_is_wrong_in_one_point_is_no_grant(wrong: str, reason: str, asker: Asker) -> None:
    """Signature, Audience, Recipient, time, Issuer and NameID are all looked at, and each refusal has its own reason."""
    server, signer = asker.server, asker.server.self_signed_certificate("idp", family="RSA")
    client = server.client(token_endpoint_auth_method="none", grant_types=[SAML_BEARER], terms={"saml_certificate": signer.pem})
    xml = saml(
        server.self_signed_certificate("idp", family="RSA") if wrong == "signer" else signer,
        "another" if wrong == "issuer" else client.id,
        "nobody" if wrong == "subject" else server.user.name,
        "https://another.example" if wrong == "audience" else server.issuer,
        "https://another.example" if wrong == "recipient" else server.token_url,
        ends=timedelta(minutes=-5) if wrong == "expired" else timedelta(minutes=5),
    )
    xml = xml.replace(server.user.name, client.id) if wrong == "tampered" else xml
    xml = xml[: xml.index("<ds:Signature")] + xml[xml.index("</ds:Signature>") + 15 :] if wrong == "unsigned" else xml
    assert asker.ask(saml_form(client, xml)).outcome == "invalid_grant"
    assert reason in server.refusals.splitlines()[-1]


def test_a_token_is_exchanged_for_a_narrower_one(asker: Asker) -> None:
    """RFC 8693: the subject stays, the actor is named, resource and audience are the new token's, and its type is said."""
    server = asker.server
    user, actor = server.client(grant_types=["password"]), server.client()
    client = server.client(grant_types=[TOKEN_EXCHANGE, "client_credentials"])
    login = {"grant_type": "password", "username": server.user.name, "password": server.user.password, "scope": "api:read api:write"}
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": asker.ask(login, basic=user).token,
        "subject_token_type": ACCESS_TOKEN,
        "actor_token": asker.ask({}, basic=actor).token,
        "actor_token_type": ACCESS_TOKEN,
        "scope": "api:read",
        "resource": ORDERS,
        "audience": STOCK,
    }
    told = asker.ask(form, basic=client)
    seen = asker.introspect(told.token)
    assert (told.body["issued_token_type"], told.body["scope"], "refresh_token" in told.body) == (ACCESS_TOKEN, "api:read", False)
    assert (seen["sub"], seen["act"], seen["aud"], seen["client_id"]) == (server.user.name, {"sub": actor.id}, [ORDERS, STOCK], client.id)


def test_an_exchange_gives_nothing_for_a_dead_token_and_no_more_than_it_was_shown(asker: Asker) -> None:
    """A revoked subject, another type, a wider scope, and an unknown audience are refused."""
    server = asker.server
    first, client = server.client(), server.client(grant_types=[TOKEN_EXCHANGE])
    subject = asker.ask({"scope": "api:read"}, basic=first).token
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS_TOKEN}
    changes: list[Form] = [
        {},
        {"scope": "api:read api:write"},
        {"audience": "urn:no"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
    ]
    outcomes = [asker.ask(form | changed, basic=client).outcome for changed in changes]
    assert outcomes == ["issued", "invalid_scope", "invalid_target", "invalid_request"]
    server.revoke(first)
    assert asker.ask(form, basic=client).outcome == "invalid_request"


def test_a_dpop_proof_needs_the_servers_nonce_and_counts_once(prover: Prover) -> None:
    """RFC 9449: no proof is invalid_grant, none with a nonce use_dpop_nonce; then the token is bound; the same proof again is refused."""
    server = prover.asker.server
    first = prover.ask(prover.proof())
    nonce = first.headers["DPoP-Nonce"]
    proof = prover.proof(nonce)
    told = prover.ask(proof)
    assert (prover.ask().outcome, first.outcome, told.body["token_type"]) == ("invalid_grant", "use_dpop_nonce", "DPoP")
    assert prover.asker.introspect(told.token)["cnf"] == {"jkt": prover.key.key.thumbprint()}
    assert prover.ask(proof).outcome == "invalid_grant"
    server.renew_nonces()
    later = prover.ask(prover.proof(nonce))
    assert (later.outcome, later.headers["DPoP-Nonce"] != nonce) == ("use_dpop_nonce", True)
    assert prover.ask(prover.proof(later.headers["DPoP-Nonce"])).outcome == "issued"


@pytest.mark.parametrize("changed", [{"htm": "GET"}, {"htu": "http://another.example/token"}, {"jti": ""}])
def test_a_dpop_proof_that_is_wrong_in_one_claim_is_refused(changed: dict[str, Any], prover: Prover) -> None:
    """Method, address and jti are all looked at."""
    assert prover.ask(prover.proof(prover.nonce(), **changed)).outcome == "invalid_dpop_proof"


def test_a_dpop_nonce_may_be_left_out_where_the_client_says_so(prover: Prover) -> None:
    """The term dpop_nonce=False takes a proof without one."""
    prover.asker.server.change(prover.client, dpop_nonce=False)
    assert prover.ask(prover.proof()).outcome == "issued"


@pytest.mark.parametrize("grant", ["password", "refresh_token", JWT_BEARER, TOKEN_EXCHANGE])
def test_every_grant_binds_its_token_to_the_key(grant: str, asker: Asker, other_key: SigningKey) -> None:
    """A nonce is demanded before an assertion or a refresh token is used up: the same one passes with the nonce."""
    server = asker.server
    client = server.client(grant_types=[grant, "refresh_token"], jwks=other_key.jwks, dpop_bound_access_tokens=True)
    forms: dict[str, Callable[[], Form]] = {
        "password": lambda: {"username": server.user.name, "password": server.user.password},
        "refresh_token": lambda: {"refresh_token": server.refresh_token(client)},
        JWT_BEARER: lambda: {"assertion": sign(jwt_claims(client.id, server.user.name, server.token_url), other_key)},
        TOKEN_EXCHANGE: lambda: {"subject_token": asker.ask({}, basic=server.client()).token, "subject_token_type": ACCESS_TOKEN},
    }
    prover, form = Prover(asker, client, other_key), {"grant_type": grant, **forms[grant]()}
    first = prover.ask(prover.proof(), form)
    told = prover.ask(prover.proof(first.headers["DPoP-Nonce"]), form)
    assert (first.outcome, told.body["token_type"]) == ("use_dpop_nonce", "DPoP")


def test_a_public_clients_refresh_token_belongs_to_its_key(asker: Asker, other_key: SigningKey) -> None:
    """RFC 9449 §5: another key cannot use it, the first one can."""
    server = asker.server
    client = server.client(grant_types=["password", "refresh_token"], token_endpoint_auth_method="none", terms={"dpop_nonce": False})
    login = {"grant_type": "password", "client_id": client.id, "username": server.user.name, "password": server.user.password}

    def ask(form: Form, key: SigningKey) -> Told:
        return asker.ask(form, proof=dpop(key, "POST", server.token_url))

    form = {"grant_type": "refresh_token", "client_id": client.id, "refresh_token": ask(login, other_key).body["refresh_token"]}
    assert [ask(form, key).outcome for key in (server.signing_key("ES256"), other_key)] == ["invalid_grant", "issued"]


def test_a_resource_shapes_audience_and_scope(asker: Asker) -> None:
    """RFC 8707: one resource at a time, known ones alone, and each has its scope."""
    client = asker.server.client()
    both = "api:read api:write"
    told = {each: asker.ask({"scope": both, "resource": each}, basic=client) for each in (RESOURCE, ORDERS, STOCK)}
    assert {each: (asker.introspect(got.token)["aud"], got.body["scope"]) for each, got in told.items()} == {
        RESOURCE: (RESOURCE, both),
        ORDERS: (ORDERS, both),
        STOCK: (STOCK, "api:read"),
    }
    assert [asker.ask({"resource": each}, basic=client).outcome for each in ("urn:no", [ORDERS, STOCK])] == ["invalid_target"] * 2


def test_a_grant_for_a_user_takes_several_resources(asker: Asker) -> None:
    """The password grant answers one token for all of them."""
    user = asker.server.user
    form = {"grant_type": "password", "username": user.name, "password": user.password, "resource": [ORDERS, STOCK], "scope": "api:read"}
    told = asker.ask(form, basic=asker.server.client(grant_types=["password"]))
    assert asker.introspect(told.token)["aud"] == [ORDERS, STOCK]
