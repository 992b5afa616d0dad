"""The servers and APIs behind the other tests, tried by a client of our own and without bearerd.

A test that passes because its server looks at nothing proves nothing: each ability is shown by what is taken and by what is refused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest
import pytest_asyncio
import requests
from aiohttp import ClientSession
from joserfc import jwt

from tests.fakes.bound_api import BoundAPI
from tests.integration.authorization import ORDERS, RESOURCE, STOCK, AuthorizationServer, Client
from tests.integration.proofs import base64url, client_assertion, dpop, jwt_claims, public_key, saml, sign, sign_by_secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from tests.integration.certificates import ClientCertificate, SigningKey
    from tests.integration.glewlwyd import Glewlwyd

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SAML_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
Form = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of the token endpoint."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """`issued`, or the error code."""
        return "issued" if self.status == 200 else self.body["error"]

    @property
    def token(self) -> str:
        """The token that was issued."""
        assert self.status == 200, self.body
        return str(self.body["access_token"])


@dataclass(slots=True)
class Asker:
    """A client without bearerd; one session, so that connections are kept."""

    server: AuthorizationServer
    session: requests.Session = field(default_factory=requests.Session)

    def ask(
        self,
        form: Form,
        *,
        basic: Client | None = None,
        post: Client | None = None,
        tls: bool = False,
        certificate: ClientCertificate | None = None,
        proof: str | None = None,
    ) -> Told:
        """One token request; client_credentials where no grant is named."""
        data: Form = {"grant_type": "client_credentials", **form}
        if post is not None:
            data |= {"client_id": post.id, "client_secret": post.secret}
        response = self.session.post(
            self.server.tls_token_url if tls or certificate else self.server.token_url,
            data=data,
            auth=(quote_plus(basic.id), quote_plus(basic.secret)) if basic else None,
            headers={"DPoP": proof} if proof else {},
            verify=str(self.server.ca),
            cert=(str(certificate.cert), str(certificate.key)) if certificate else None,
            timeout=10,
        )
        return Told(response.status_code, response.json(), response.headers)

    def introspect(self, token: str) -> dict[str, Any]:
        """What the server says about a token."""
        us = self.server.introspector
        form = {"token": token, "client_id": us.id, "client_secret": us.secret}
        told: dict[str, Any] = self.session.post(self.server.introspection_url, data=form, timeout=10).json()
        return told


@pytest.fixture
def asker(authorization_server: AuthorizationServer) -> Iterator[Asker]:
    """A client of the authorization server."""
    with requests.Session() as session:
        yield Asker(authorization_server, session)


@pytest.fixture(scope="session")
def other_key(authorization_server: AuthorizationServer) -> SigningKey:
    """A key that no client registered."""
    return authorization_server.signing_key("ES256")


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
    jwks = asker.session.get(f"{server.issuer}/jwks", timeout=10).json()
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


@dataclass(frozen=True, slots=True)
class Prover:
    """A client whose tokens are bound to a key."""

    asker: Asker
    client: Client
    key: SigningKey

    def proof(self, nonce: str | None = None, **changed: Any) -> str:
        """A proof for the token endpoint."""
        return dpop(self.key, "POST", self.asker.server.token_url, nonce=nonce, **changed)

    def ask(self, proof: str | None = None, form: Form | None = None) -> Told:
        """A token request with a proof."""
        return self.asker.ask(form or {}, basic=self.client, proof=proof)

    def nonce(self) -> str:
        """The nonce that the server gives now."""
        return self.ask(self.proof()).headers["DPoP-Nonce"]


@pytest.fixture
def prover(asker: Asker, other_key: SigningKey) -> Prover:
    """A client of dpop_bound_access_tokens."""
    return Prover(asker, asker.server.client(dpop_bound_access_tokens=True), other_key)


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


def test_metadata_stand_at_both_places_and_name_the_tls_twin(asker: Asker) -> None:
    """RFC 8414 and OpenID discovery say the same, by HTTP and by HTTPS each for its own issuer; RFC 8705 §5 aliases lead across."""
    server = asker.server
    for issuer in (server.issuer, server.tls_issuer):
        places = [f"{issuer}/.well-known/{name}" for name in ("oauth-authorization-server", "openid-configuration")]
        one, other = (asker.session.get(place, verify=str(server.ca), timeout=10).json() for place in places)
        assert (one, one["issuer"], one["token_endpoint"]) == (other, issuer, f"{issuer}/token")
    plain = asker.session.get(f"{server.issuer}/.well-known/openid-configuration", timeout=10).json()
    assert plain["mtls_endpoint_aliases"]["token_endpoint"] == server.tls_token_url
    assert {JWT_BEARER, SAML_BEARER, TOKEN_EXCHANGE, "password", "refresh_token"} <= set(plain["grant_types_supported"])
    assert {"private_key_jwt", "tls_client_auth", "none"} <= set(plain["token_endpoint_auth_methods_supported"])


def test_a_revoked_token_is_dead(asker: Asker) -> None:
    """RFC 7009 by the client itself, which introspection shows at once."""
    client = asker.server.client()
    token = asker.ask({}, basic=client).token
    form = {"token": token, "client_id": client.id, "client_secret": client.secret}
    assert asker.session.post(asker.server.revocation_url, data=form, timeout=10).status_code == 200
    assert not asker.introspect(token)["active"]


def test_metadata_that_no_client_can_have_are_refused(authorization_server: AuthorizationServer) -> None:
    """A test that registers nonsense fails where it does so."""
    with pytest.raises(ValueError, match="jwks or jwks_uri is mandatory"):
        authorization_server.client(token_endpoint_auth_method="private_key_jwt")


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[ClientSession]:
    """An HTTP client on the tests' loop."""
    async with ClientSession() as session:
        yield session


@pytest.fixture
def bound_token(prover: Prover) -> str:
    """A token bound to the prover's key."""
    return prover.ask(prover.proof(prover.nonce())).token


async def test_the_api_takes_a_bound_token_with_its_proof_alone(
    prover: Prover, bound_token: str, bound_api: BoundAPI, http: ClientSession
) -> None:
    """First the API's nonce is demanded; then the proof is taken once; as a Bearer token the stolen one is refused."""
    url = f"{bound_api.url}/x?y=1"

    async def call(scheme: str, proof: str | None) -> int:
        headers = {"Authorization": f"{scheme} {bound_token}"} | ({"DPoP": proof} if proof else {})
        async with http.get(url, headers=headers) as response:
            return response.status

    bare = f"{bound_api.url}/x"
    first = await call("DPoP", dpop(prover.key, "GET", bare, token=bound_token))
    assert 'error="use_dpop_nonce"' in bound_api.calls[-1].refusal
    proof = dpop(prover.key, "GET", bare, token=bound_token, nonce=bound_api.nonce)
    assert (first, await call("DPoP", proof), await call("DPoP", proof), await call("Bearer", None)) == (401, 200, 401, 401)
    nonce = bound_api.nonce
    bound_api.renew_nonce()
    assert await call("DPoP", dpop(prover.key, "GET", bare, token=bound_token, nonce=nonce)) == 401


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ("htm", "htm"),
        ("htu", "htu"),
        ("iat", "iat"),
        ("ath", "ath"),
        ("key", "another key"),
        ("signature", "signature"),
        ("none", "one proof"),
    ],
)
async def test_the_api_looks_at_every_claim_of_a_proof(
    wrong: str, refusal: str, prover: Prover, bound_token: str, bound_api: BoundAPI, http: ClientSession
) -> None:
    """One wrong claim is enough, and the refusal names it."""
    changes: dict[str, dict[str, Any]] = {"htm": {"htm": "PUT"}, "htu": {"htu": "http://other/"}, "iat": {"iat": 1}, "ath": {"ath": "x"}}
    key = prover.asker.server.signing_key("ES256") if wrong == "key" else prover.key
    proof = dpop(key, "GET", f"{bound_api.url}/x", token=bound_token, nonce=bound_api.nonce, **changes.get(wrong, {}))
    proof = f"{proof[:-8]}AAAAAAAA" if wrong == "signature" else proof
    headers = {"Authorization": f"DPoP {bound_token}"} | ({} if wrong == "none" else {"DPoP": proof})
    async with http.get(f"{bound_api.url}/x", headers=headers) as response:
        assert response.status == 401
    assert ('error="invalid_dpop_proof"' in bound_api.calls[-1].refusal, refusal in bound_api.calls[-1].refusal) == (True, True)


@pytest.mark.parametrize("kind", ["issued", "self_signed"])
async def test_the_api_takes_a_certificate_bound_token_with_its_certificate_alone(kind: str, asker: Asker, http: ClientSession) -> None:
    """The connection must show the certificate that the token was asked with; another one, and none, are refused."""
    server = asker.server
    make = server.client_certificate if kind == "issued" else server.self_signed_certificate
    right, wrong = make("legacy"), make("other")
    metadata: dict[str, Any] = (
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": right.subject_dn}
        if kind == "issued"
        else {"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": right.jwks}
    )
    client = server.client(tls_client_certificate_bound_access_tokens=True, **metadata)
    headers = {"Authorization": f"Bearer {asker.ask({'client_id': client.id}, certificate=right).token}"}
    statuses = []
    async with BoundAPI(server, tls=server.server_context(right, wrong)) as api:
        for shown in (right, wrong, None):
            async with http.get(f"{api.url}/x", headers=headers, ssl=server.client_context(shown)) as response:
                statuses.append(response.status)
    assert statuses == [200, 401, 401]


def test_glewlwyd_signs_what_it_issues_and_refuses_a_wrong_secret(glewlwyd: Glewlwyd) -> None:
    """Another implementation: a JWT that its own keys verify, by Basic without form encoding, and 403 without a body otherwise."""
    client, form = glewlwyd.client, {"grant_type": "client_credentials", "scope": "api:read"}
    told = requests.post(glewlwyd.token_url, data=form, auth=(client.id, client.secret), timeout=10)
    jwks = requests.get(glewlwyd.jwks_url, timeout=10).json()
    token = told.json()["access_token"]
    seen = jwt.decode(token, public_key(jwks, jwks["keys"][0]["kid"]))
    assert (told.status_code, seen.claims["client_id"], seen.claims["iss"]) == (200, client.id, glewlwyd.issuer)
    for secret in ("wrong", quote_plus(client.secret)):
        refused = requests.post(glewlwyd.token_url, data=form, auth=(client.id, secret), timeout=10)
        assert (refused.status_code, refused.text) == (403, "")
