"""What a client proves itself with, beyond the method's name: key ids, thumbprints, encodings, and secrets that change.

Two authorization servers by different people, and each says what it was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.fakes.api import EchoAPI
    from tests.fakes.raw import RawUpstream
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd
    from tests.integration.glewlwyd import Glewlwyd

TYPE = "oauth2_client_credentials"


async def test_a_certificates_thumbprint_stands_in_the_assertions_header(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """`assertion.x5t#S256` puts there what the server has registered, as Entra wants it; without it the server refuses."""
    server, credentials, clients = authorization_server, {}, {}
    for family in ("EC", "RSA"):
        shown = server.self_signed_certificate("client", family=family)
        client = clients[family] = server.client(
            token_endpoint_auth_method="private_key_jwt", jwks=shown.jwks, terms={"assertion_header": {"x5t#S256": shown.x5t_s256}}
        )
        said = _by_key(server, client, shown.key)
        credentials[f"{family}-with"] = {**said, "certificate": {"file": str(shown.cert)}, "assertion": {"x5t#S256": True}}
        credentials[f"{family}-without"] = said
    running = bearerd(*_routes(credentials, echo_api), credentials=credentials)
    got = {alias: await caller.get(f"{running.url}/{alias}/echo") for alias in credentials}
    assert {alias: each.status for alias, each in got.items()} == {alias: 200 if "without" not in alias else 502 for alias in got}
    assert {got[f"{family}-without"].problem["code"] for family in clients} == {"token_invalid_client"}
    assert {server.counts(client).issued for client in clients.values()} == {1}


async def test_a_key_is_named_by_its_id(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A client with two keys of one kind signs with the one that it says, and the server finds it by `kid`."""
    server, credentials, clients = authorization_server, {}, {}
    for alg in ("ES384", "ES512", "PS512", "Ed25519"):
        first, second = server.signing_key(alg), server.signing_key(alg)
        client = clients[alg] = server.client(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [first.jwk, second.jwk]})
        said = _by_key(server, client, second.file)
        credentials[f"{alg}-right"] = {**said, "assertion": {"alg": alg, "kid": second.kid}}
        credentials[f"{alg}-wrong"] = {**said, "assertion": {"alg": alg, "kid": first.kid}}
    running = bearerd(*_routes(credentials, echo_api), credentials=credentials)
    got = {alias: (await caller.get(f"{running.url}/{alias}/echo")).status for alias in credentials}
    assert got == {alias: 200 if "right" in alias else 502 for alias in credentials}
    assert {server.counts(client).issued for client in clients.values()} == {1}


async def test_a_certificate_of_another_subject_is_refused(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """The answer is token_invalid_client, and it names the method that was used."""
    server = authorization_server
    shown, registered = server.client_certificate("one"), server.client_certificate("two")
    client = server.client(token_endpoint_auth_method="tls_client_auth", tls_client_auth_subject_dn=registered.subject_dn)
    tls = {"ca": str(server.ca), "cert": str(shown.cert), "key": str(shown.key)}
    said = {"type": TYPE, "token_url": server.tls_token_url, "client_id": client.id, "client_auth": "tls_client_auth"}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": {**said, "token_request": {"tls": tls}}},
    )
    got = await caller.get(f"{running.url}/crm/echo")
    assert (got.status, got.problem["code"]) == (502, "token_invalid_client")
    assert "tls_client_auth" in got.proxy_status


async def test_a_secret_is_rotated_with_an_overlap(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd, tmp_path: Path
) -> None:
    """`next` is tried where `current` is refused, said aloud, and used from then on; a new `current` is found the same way."""
    server, current, following = authorization_server, tmp_path / "current", tmp_path / "next"
    client = server.client()
    current.write_text(client.secret)
    following.write_text(f"{client.secret}-to-come")
    secret = {"current": {"file": str(current)}, "next": {"file": str(following)}}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": {"type": TYPE, "token_url": server.token_url, "client_id": client.id, "client_secret": secret}},
    )

    async def requests() -> int:
        before = server.counts(client).requests
        server.revoke(client)
        assert (await caller.get(f"{running.url}/crm/echo")).status == 200
        return server.counts(client).requests - before

    assert (await requests(), running.events("next_secret_used")) == (1, [])
    following.write_text(server.renew_secret(client).secret)
    assert (await requests(), await requests()) == (2, 1)
    warned = running.wait_for(lambda line: line.get("event") == "next_secret_used")
    assert (warned["level"], warned["alias"], warned["key"]) == ("warning", "crm", "credentials.crm.client_secret.current")
    current.write_text(server.renew_secret(client).secret)
    assert (await requests(), await requests()) == (2, 1)
    assert len(running.events("next_secret_used")) == 1


async def test_neither_secret_of_a_rotation_is_right(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """Both are tried once, and the answer is that of a wrong secret."""
    client = authorization_server.client()
    said = {"type": TYPE, "token_url": authorization_server.token_url, "client_id": client.id}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": {**said, "client_secret": {"current": "wrong-secret-one", "next": "wrong-secret-two"}}},
    )
    got = await caller.get(f"{running.url}/crm/echo")
    assert (got.status, got.problem["code"], got.problem["key"]) == (502, "token_invalid_client", "credentials.crm.client_secret")
    assert authorization_server.counts(client).requests == 2
    await caller.get(f"{running.url}/crm/echo")
    assert authorization_server.counts(client).requests == 2


async def test_glewlwyd_takes_the_secret(glewlwyd: Glewlwyd, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd) -> None:
    """A server that does not decode Basic has `basic_encoding: raw`; the form needs nothing. Its JWT reaches the API."""
    credentials = {
        "basic": _glewlwyd(glewlwyd, basic_encoding="raw"),
        "post": _glewlwyd(glewlwyd, client_auth="client_secret_post"),
    }
    running = bearerd(
        *({"prefix": f"/{alias}", "upstream": raw_upstream.url, "credential": alias} for alias in credentials), credentials=credentials
    )
    for alias in credentials:
        assert [(await caller.get(f"{running.url}/{alias}/x")).status for _ in range(2)] == [200, 200]
        assert await running.metric("token_fetches_total", alias=alias, outcome="ok") == 1
    assert all(request.head.get("Authorization").startswith("Bearer eyJ") for request in raw_upstream.requests)


async def test_glewlwyds_refusals_name_the_key(
    glewlwyd: Glewlwyd, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """A server whose refusals are a bare 403 still leads to the client; the API hears nothing."""
    credentials = {
        "secret": _glewlwyd(glewlwyd, basic_encoding="raw", client_secret="wrong-secret"),
        "encoding": _glewlwyd(glewlwyd),
        "client": _glewlwyd(glewlwyd, basic_encoding="raw", client_id="nobody.here"),
    }
    running = bearerd(
        *({"prefix": f"/{alias}", "upstream": raw_upstream.url, "credential": alias} for alias in credentials), credentials=credentials
    )
    for alias in credentials:
        got = await caller.get(f"{running.url}/{alias}/x")
        told = got.status, got.problem["code"], got.problem["key"]
        assert told == (502, "token_request_refused", f"credentials.{alias}.client_secret")
    assert raw_upstream.requests == []


def _by_key(server: AuthorizationServer, client: Client, key: Path) -> dict[str, Any]:
    said = {"type": TYPE, "token_url": server.token_url, "client_id": client.id, "client_auth": "private_key_jwt"}
    return {**said, "private_key": {"file": str(key)}}


def _routes(credentials: Mapping[str, object], api: EchoAPI) -> list[dict[str, str]]:
    return [{"prefix": f"/{alias}", "upstream": api.url, "credential": alias} for alias in credentials]


def _glewlwyd(server: Glewlwyd, **changed: Any) -> dict[str, Any]:
    client = server.client
    said = {"type": TYPE, "token_url": server.token_url, "client_id": client.id, "client_secret": client.secret}
    return {**said, "scope": "api:read", **changed}
