"""What a client proves itself with, beyond the method's name: key ids, thumbprints, encodings, and secrets that change.

Two authorization servers by different people, and each says what it was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.api import EchoAPI
    from tests.fakes.raw import RawUpstream
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer
    from tests.integration.certificates import SigningKey
    from tests.integration.conftest import StartBearerd
    from tests.integration.glewlwyd import Glewlwyd

TYPE = "oauth2_client_credentials"


@pytest.mark.parametrize("family", ["EC", "RSA"])
async def test_a_certificates_thumbprint_stands_in_the_assertions_header(
    family: str, authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """`assertion.x5t#S256` puts there what the server has registered, as Entra wants it; without it the server refuses."""
    server = authorization_server
    shown = server.self_signed_certificate("client", family=family)
    client = server.client(
        token_endpoint_auth_method="private_key_jwt", jwks=shown.jwks, terms={"assertion_header": {"x5t#S256": shown.x5t_s256}}
    )
    named = {"type": TYPE, "token_url": server.token_url, "client_id": client.id, "client_auth": "private_key_jwt"}
    said = {**named, "private_key": {"file": str(shown.key)}, "certificate": {"file": str(shown.cert)}}
    running = bearerd(
        {"prefix": "/with", "upstream": echo_api.url, "credential": "with"},
        {"prefix": "/without", "upstream": echo_api.url, "credential": "without"},
        credentials={"with": {**said, "assertion": {"x5t#S256": True}}, "without": said},
    )
    assert (await caller.get(f"{running.url}/with/echo")).status == 200
    refused = await caller.get(f"{running.url}/without/echo")
    assert (refused.status, refused.problem["code"]) == (502, "token_invalid_client")


@pytest.mark.parametrize("alg", ["ES384", "ES512", "PS512", "Ed25519"])
async def test_a_key_is_named_by_its_id(
    alg: str, authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A client with two keys of one kind signs with the one that it says, and the server finds it by `kid`."""
    server = authorization_server
    first, second = server.signing_key(alg), server.signing_key(alg)
    client = server.client(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [first.jwk, second.jwk]})
    said = {"type": TYPE, "token_url": server.token_url, "client_id": client.id, "client_auth": "private_key_jwt"}

    def signed(key: SigningKey, kid: str) -> dict[str, Any]:
        return {**said, "private_key": {"file": str(key.file)}, "assertion": {"alg": alg, "kid": kid}}

    running = bearerd(
        {"prefix": "/right", "upstream": echo_api.url, "credential": "right"},
        {"prefix": "/wrong", "upstream": echo_api.url, "credential": "wrong"},
        credentials={"right": signed(second, second.kid), "wrong": signed(second, first.kid)},
    )
    assert [(await caller.get(f"{running.url}/{name}/echo")).status for name in ("right", "wrong")] == [200, 502]
    assert server.counts(client).issued == 1


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


@pytest.mark.parametrize(("client_auth", "encoding"), [("client_secret_basic", "raw"), ("client_secret_post", "form")])
async def test_glewlwyd_takes_the_secret(
    client_auth: str, encoding: str, glewlwyd: Glewlwyd, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """A server that does not decode Basic has `basic_encoding: raw`; the form needs nothing. Its JWT reaches the API."""
    running = bearerd(
        {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"},
        credentials={"crm": _glewlwyd(glewlwyd, client_auth=client_auth, basic_encoding=encoding)},
    )
    assert (await caller.get(f"{running.url}/crm/x")).status == 200
    assert raw_upstream.requests[0].head.get("Authorization").startswith("Bearer eyJ")
    assert (await caller.get(f"{running.url}/crm/x")).status == 200
    fetched = [line for line in running.events() if line.get("event") == "token_fetched"]
    assert await running.metric("token_fetches_total", alias="crm", outcome="ok") == 1, fetched


@pytest.mark.parametrize(
    "changed",
    [{"client_secret": "wrong-secret"}, {"basic_encoding": "form"}, {"client_id": "nobody.here"}],
    ids=["secret", "encoding", "client"],
)
async def test_glewlwyds_refusals_name_the_key(
    changed: dict[str, Any], glewlwyd: Glewlwyd, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """A server whose refusals are a bare 403 still leads to the client; the API hears nothing."""
    running = bearerd(
        {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm"}, credentials={"crm": _glewlwyd(glewlwyd, **changed)}
    )
    got = await caller.get(f"{running.url}/crm/x")
    assert (got.status, got.problem["code"], got.problem["key"]) == (502, "token_request_refused", "credentials.crm.client_secret")
    assert raw_upstream.requests == []


def _glewlwyd(server: Glewlwyd, **changed: Any) -> dict[str, Any]:
    client = server.client
    said = {"type": TYPE, "token_url": server.token_url, "client_id": client.id, "client_secret": client.secret}
    return {**said, "basic_encoding": "raw", "scope": "api:read", **changed}
