"""Tokens from a real authorization server, and what a caller hears when it refuses.

Where there is no token, nothing reaches the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.api import EchoAPI
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

    Credential = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.lanes


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_token_is_issued_by_each_method(
    method: str,
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """The API accepts the token, which one request got by the method that the credential names."""
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client, client_auth=method)}
    )
    got = await caller.get(f"{running.url}/crm/echo")
    counts = authorization_server.counts(client)
    assert (got.status, counts.requests, counts.methods) == (200, 1, {method: 1})
    assert not got.proxy_status


@pytest.mark.parametrize(
    ("change", "code", "key", "named"),
    [
        pytest.param({"client_secret": "wrong"}, "token_invalid_client", "credentials.crm.client_secret", "", id="wrong secret"),
        pytest.param({"token_url": "/nope"}, "token_endpoint_not_found", "credentials.crm.token_url", "404", id="wrong endpoint"),
        pytest.param({"scope": "api:admin"}, "token_invalid_scope", "credentials.crm.scope", "api:admin", id="wrong scope"),
        pytest.param({"scope": "api:read api:fly"}, "token_scope_narrowed", "credentials.crm.scope", "api:fly", id="narrowed scope"),
    ],
)
async def test_a_refusal_names_the_key_that_repairs_it(
    change: dict[str, str],
    code: str,
    key: str,
    named: str,
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """502 with the code, what was asked and the YAML key; the API is not called."""
    if "token_url" in change:
        change = {"token_url": authorization_server.token_url.replace("/token", change["token_url"])}
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client, **change)})
    got = await caller.get(f"{running.url}/crm/echo")
    problem = got.problem
    assert (got.status, problem["code"], problem["alias"], problem["origin"]) == (502, code, "crm", "token_endpoint")
    assert problem["detail"].startswith(f"{code}; ")
    assert f"change {key}" in problem["detail"]
    assert named in problem["detail"]
    assert got.proxy_status.startswith("bearerd; error=")
    assert f"change {key}" in got.proxy_status
    assert got.get("X-Request-Id") == problem["request_id"] != ""
    assert echo_api.calls == []
    line = running.wait_for(lambda line: line.get("code") == code and line.get("event") == "request_failed")
    assert (line["alias"], line["key"]) == ("crm", key)
    assert line["level"] in {"warning", "error"}


async def test_a_refused_client_does_not_hammer(
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """During the cool-down callers get the cause's code and Retry-After, and the authorization server gets no request."""
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": credential(client, client_secret="wrong")},
    )
    await caller.get(f"{running.url}/crm/echo")
    assert await caller.many(f"{running.url}/crm/echo", 50) == {502}
    again = await caller.get(f"{running.url}/crm/echo")
    assert again.problem["code"] == "token_invalid_client"
    assert 1 <= int(again.get("Retry-After")) <= 300
    assert authorization_server.counts(client).requests == 1


async def test_a_scope_that_the_api_misses_is_told_and_not_retried(
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """The API's 403 comes unchanged, with Proxy-Status telling asked, granted, needed and the key."""
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client)})
    got = await caller.post(f"{running.url}/crm/write", b"x")
    assert (got.status, got.body) == (403, b"refused with 403\n")
    assert got.get("WWW-Authenticate") == 'Bearer realm="echo", error="insufficient_scope", scope="api:write"'
    for part in ("insufficient_scope", "asked api:read", "granted api:read", "needed api:write", "credentials.crm.scope", "not retried"):
        assert part in got.proxy_status
    assert [call.status for call in echo_api.calls] == [403]
    assert authorization_server.counts(client).requests == 1


async def test_the_callers_authorization_never_reaches_the_api(
    echo_api: EchoAPI, client: Client, credential: Credential, caller: Caller, bearerd: StartBearerd
) -> None:
    """Authorization and its look-alikes are dropped, whoever names them in Connection, and the token stands alone."""
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client)})
    sent = {
        "Authorization": "Bearer callers-own",
        "authorization_": "x",
        "Proxy-Authorization": "Basic eDp5",
        "Connection": "Authorization",
    }
    got = await caller.get(f"{running.url}/crm/echo", headers=sent)
    assert got.status == 200
    assert b"callers-own" not in got.body
    assert got.body.lower().count(b"authorization") == 1
