"""Proof of possession (RFC 9449): bearerd between an application that knows nothing of it and an API that demands it.

The API takes no proof twice and gives nonces of its own; so does the authorization server.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.raw import OK, say
from tests.integration import matrix
from tests.integration.applications import until

if TYPE_CHECKING:
    from tests.fakes.bound_api import BoundAPI
    from tests.fakes.raw import RawUpstream
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes

CALLS = 200  # at once
METHODS = ("client_secret_basic", "client_secret_jwt", "private_key_jwt ES256", "tls_client_auth", "none")


def _bound(server: AuthorizationServer, client: Client, **more: Any) -> dict[str, Any]:
    said = {"type": "oauth2_client_credentials", "token_url": server.token_url, "client_id": client.id, "dpop": True}
    return {**said, **({"client_secret": client.secret} if client.secret else {}), **more}


async def test_a_nonce_is_asked_for_and_given_whatever_the_client_authentication(
    authorization_server: AuthorizationServer, bound_api: BoundAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """The token request is made again with the nonce, with a fresh assertion where one was used up; so is the call to the API."""
    server, methods = authorization_server, matrix.methods(authorization_server)
    grant = matrix.grants(server)["client_credentials"]
    cases = [matrix.case(server, f"c{number}", grant, methods[name], dpop_bound_access_tokens=True) for number, name in enumerate(METHODS)]
    running = bearerd(
        *({"prefix": f"/{case.alias}", "upstream": bound_api.url, "credential": case.alias} for case in cases),
        credentials={case.alias: {**case.said, "dpop": True} for case in cases},
    )
    for case in cases:
        bound_api.calls.clear()
        url = f"{running.url}/{case.alias}/x?y=1"
        got = [await caller.post(url, b"body") for _ in range(2)]
        assert [each.status for each in got] == [200, 200], got[0].body
        assert [(call.status, "use_dpop_nonce" in call.refusal) for call in bound_api.calls] == [(401, True), (200, False), (200, False)]
        counts = server.counts(case.client)
        assert (counts.issued, counts.refused, counts.methods) == (1, 1, {case.method.name: 2})

        server.renew_nonces()
        bound_api.renew_nonce()
        server.revoke(case.client)
        healed = await caller.get(url)
        assert (healed.status, "token_replaced" in healed.proxy_status) == (200, True), (bound_api.calls[3:], healed.body)
        assert server.counts(case.client).issued == 2


async def test_two_hundred_calls_at_once_are_each_proven_once(
    authorization_server: AuthorizationServer, bound_api: BoundAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """No proof is shown twice and none is refused, but for the nonce; a new nonce in the middle is met by every call."""
    client = authorization_server.client(dpop_bound_access_tokens=True)
    running = bearerd(
        {"prefix": "/crm", "upstream": bound_api.url, "credential": "crm"}, credentials={"crm": _bound(authorization_server, client)}
    )
    assert await caller.many(f"{running.url}/crm/x", CALLS) == {200}
    crowd = asyncio.gather(*(caller.post(f"{running.url}/crm/{number}", b"body") for number in range(CALLS)))
    await until(lambda: _reached(bound_api, CALLS + CALLS // 2))
    bound_api.renew_nonce()
    assert {got.status for got in await crowd} == {200}
    refusals = {call.refusal for call in bound_api.calls if call.status != 200}
    assert all("use_dpop_nonce" in refusal for refusal in refusals), refusals
    taken = [call.proof["jti"] for call in bound_api.calls if call.status == 200]
    assert (len(taken), len(set(taken))) == (2 * CALLS, 2 * CALLS)
    assert authorization_server.counts(client).issued == 1


async def test_a_call_that_is_sent_again_is_proven_again(
    authorization_server: AuthorizationServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """A retry after 503 carries a proof of its own for the same token; the target is the address without its query."""
    client = authorization_server.client(dpop_bound_access_tokens=True)
    running = bearerd(
        {"prefix": "/crm", "upstream": f"{raw_upstream.url}/base", "credential": "crm"},
        credentials={"crm": _bound(authorization_server, client)},
    )
    raw_upstream.script.extend([say(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), say(OK)])
    own = {"DPoP": "the-callers-own-proof", "Authorization": "DPoP the-callers-own-token"}
    assert (await caller.get(f"{running.url}/crm/a%2Fb?c=1", headers=own)).status == 200
    proofs = [_claims(request.head.get("DPoP")) for request in raw_upstream.requests]
    assert {request.head.get("Authorization").split(" ")[0] for request in raw_upstream.requests} == {"DPoP"}
    assert [(proof["htm"], proof["htu"]) for proof in proofs] == [("GET", f"{raw_upstream.url}/base/a%2Fb")] * 2
    assert len({proof["jti"] for proof in proofs}) == 2
    assert len({proof["ath"] for proof in proofs}) == 1


async def test_a_key_of_ones_own_proves_refreshes_too(
    authorization_server: AuthorizationServer, bound_api: BoundAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """`dpop_key` proves every exchange: a public client's refresh token, which belongs to that key, is taken."""
    server, key = authorization_server, authorization_server.signing_key("ES256")
    client = server.client(grant_types=["password", "refresh_token"], token_endpoint_auth_method="none")
    login = {"type": "oauth2_password", "username": server.user.name, "password": server.user.password, "scope": "api:read"}
    said = _bound(server, client, client_auth="none", dpop_key={"file": str(key.file)}, **login)
    route = {"prefix": "/crm", "upstream": bound_api.url, "credential": "crm"}
    running = bearerd(route, credentials={"crm": said})
    assert (await caller.get(f"{running.url}/crm/x")).status == 200
    server.revoke_access(client)
    assert (await caller.get(f"{running.url}/crm/x")).status == 200
    counts = server.counts(client)
    assert (counts.grants, counts.refused) == ({"password": 2, "refresh_token": 1}, 1)  # the nonce was asked for once
    assert {call.proof.get("htm") for call in bound_api.calls if call.status == 200} == {"GET"}


async def test_a_key_of_the_process_outlives_a_reload(
    authorization_server: AuthorizationServer, bound_api: BoundAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A refresh token that belongs to a key that nobody configured is of use after the credential changed, too."""
    server = authorization_server
    client = server.client(grant_types=["password", "refresh_token"], token_endpoint_auth_method="none")
    login = {"type": "oauth2_password", "username": server.user.name, "password": server.user.password, "scope": "api:read"}
    route = {"prefix": "/crm", "upstream": bound_api.url, "credential": "crm"}
    running = bearerd(route, credentials={"crm": _bound(server, client, client_auth="none", **login)})
    assert (await caller.get(f"{running.url}/crm/x")).status == 200
    await running.change_credential("crm", description="another")
    server.revoke_access(client)
    assert (await caller.get(f"{running.url}/crm/x")).status == 200
    counts = server.counts(client)
    assert (counts.grants, counts.refused) == ({"password": 2, "refresh_token": 1}, 1)  # the nonce was asked for once


async def test_a_bound_token_without_proofs_is_refused_and_named(
    authorization_server: AuthorizationServer, bound_api: BoundAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """A server that wants a proof, and a credential without `dpop`: the refusal is passed on with the code that it declared."""
    client = authorization_server.client(dpop_bound_access_tokens=True)
    running = bearerd(
        {"prefix": "/crm", "upstream": bound_api.url, "credential": "crm"},
        credentials={"crm": _bound(authorization_server, client, dpop=False)},
    )
    got = await caller.get(f"{running.url}/crm/x")
    assert (got.status, got.problem["origin"]) == (502, "token_endpoint")
    assert bound_api.calls == []


async def _reached(api: BoundAPI, calls: int) -> bool:
    return len(api.calls) >= calls


def _claims(proof: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(proof.split(".")[1] + "=="))
    return told
