"""Faults that users of other proxies and token libraries met, each as a regression test.

A token endpoint may answer anything; the caller hears what to change, and the API is never called without a usable token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.raw import RawUpstream, Reply, say
from tests.fakes.token_server import TokenServer, answer, drop
from tests.integration.applications import Caller, until
from tests.integration.running import ran, write_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.conftest import StartBearerd
    from tests.integration.running import Bearerd

pytestmark = pytest.mark.lanes

GRANTED = {"access_token": "granted-token", "token_type": "Bearer", "expires_in": 3600}
HTML = "<html><body>Sign in</body></html>"


def alias(token_server: TokenServer, **more: Any) -> dict[str, Any]:
    """A credential at the scripted token endpoint."""
    return {
        "type": "oauth2_client_credentials",
        "token_url": token_server.token_url,
        "client_id": "the-client",
        "client_secret": "s3cret:/+",
        **more,
    }


@pytest.fixture
def start(token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd) -> Callable[..., Bearerd]:
    """Start bearerd with the alias `crm` on the route `/crm`: `start({route keys}, {credential keys})`."""

    def run(route: dict[str, Any] | None = None, keys: dict[str, Any] | None = None) -> Bearerd:
        return bearerd(
            {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm", "name": "crm", **(route or {})},
            credentials={"crm": alias(token_server, **(keys or {}))},
        )

    return run


def test_a_wrong_alias_is_refused_at_load(tmp_path: Path) -> None:
    """Exit 2 with file, line, key and the nearest name (BTP: an unknown destination fails at call time)."""
    material = {
        "salesforce": {"type": "oauth2_client_credentials", "token_url": "http://127.0.0.1:1/t", "client_id": "i", "client_secret": "s"}
    }
    config = write_config(tmp_path, [{"prefix": "/crm", "upstream": "http://127.0.0.1:1", "credential": "salesforc"}], material, {})
    done = ran("run", config=config, timeout=60)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert any(
        "proxy.yaml:" in line and "routes[0].credential: no credential 'salesforc'; did you mean 'salesforce'" in line for line in lines
    ), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("reply", "status", "code", "key"),
    [
        pytest.param(answer(404, HTML, content_type="text/html"), 502, "token_endpoint_not_found", "token_url", id="404 html"),
        pytest.param(answer(405, ""), 502, "token_endpoint_not_found", "token_url", id="405"),
        pytest.param(answer(302, headers={"Location": "http://127.0.0.1:1/login"}), 502, "token_endpoint_redirect", "token_url", id="302"),
        pytest.param(answer(200, HTML, content_type="text/html"), 503, "token_response_not_json", "token_url", id="html in a 200"),
        pytest.param(answer(200, ""), 503, "token_response_not_json", "token_url", id="empty 200"),
        pytest.param(answer(200, "[]"), 503, "token_response_invalid", "token_url", id="a list"),
        pytest.param(
            answer(200, {"access_token": "", "token_type": "Bearer"}), 503, "token_response_invalid", "token_url", id="empty token"
        ),
        pytest.param(answer(200, {"token_type": "Bearer"}), 503, "token_response_invalid", "token_url", id="no token"),
        pytest.param(answer(200, {**GRANTED, "access_token": None}), 503, "token_response_invalid", "token_url", id="null token"),
        pytest.param(answer(200, {**GRANTED, "access_token": "a\r\nX-Evil: 1"}), 503, "token_response_invalid", "token_url", id="CR LF"),
        pytest.param(answer(200, {**GRANTED, "token_type": "mac"}), 503, "token_response_invalid", "token_url", id="a foreign type"),
        pytest.param(answer(200, {"error": "invalid_client"}), 502, "token_invalid_client", "client_secret", id="error in a 200"),
        pytest.param(
            answer(400, {"error": "unauthorized_client"}), 502, "token_unauthorized_client", "client_id", id="unauthorized_client"
        ),
        pytest.param(answer(400, {"error": "unsupported_grant_type"}), 502, "token_unsupported_grant_type", "type", id="unsupported grant"),
        pytest.param(answer(429, headers={"Retry-After": "7"}), 503, "token_rate_limited", None, id="429"),
        pytest.param(answer(500, HTML, content_type="text/html"), 503, "token_endpoint_error", None, id="500"),
        pytest.param(drop, 503, "token_endpoint_unreachable", "token_url", id="reset"),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n" + b" " * (2 << 20)), 503, "token_response_", None, id="too large"
        ),
    ],
)
async def test_a_failed_fetch_never_becomes_a_call(
    reply: Reply,
    status: int,
    code: str,
    key: str | None,
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    start: Callable[..., Bearerd],
    caller: Caller,
) -> None:
    """Whatever the token endpoint says, the caller gets 502 or 503 with code and key, and the API sees nothing (Dapr, wso2#3849)."""
    token_server.reply = reply
    got = await caller.get(f"{start().url}/crm")
    problem = got.problem
    assert (got.status, problem["origin"], problem["alias"]) == (status, "token_endpoint", "crm")
    assert problem["code"].startswith(code)
    assert (f"change credentials.crm.{key}" if key else problem["code"]) in problem["detail"]
    assert f'details="{problem["code"]};' in got.proxy_status
    assert bool(got.get("Retry-After")) or status == 502
    assert raw_upstream.requests == []


@pytest.mark.parametrize(
    ("expires_in", "fetches"),
    [
        pytest.param(..., 1, id="missing"),
        pytest.param(None, 1, id="null"),
        pytest.param("3600", 1, id="a string"),
        pytest.param(3600.5, 1, id="a float"),
        pytest.param("soon", 1, id="not a number"),
        pytest.param(10**12, 1, id="huge"),
        pytest.param(420, 1, id="seven minutes"),
        pytest.param(30, 1, id="half a minute"),
        pytest.param(0, 4, id="zero"),
        pytest.param(-5, 4, id="negative"),
    ],
)
async def test_an_odd_lifetime_neither_crashes_nor_loops(
    expires_in: object, fetches: int, token_server: TokenServer, start: Callable[..., Bearerd], caller: Caller
) -> None:
    """Each call gets a token; zero and less serve their waiters and are not kept (quarkus#43799, @sap/approuter below 420 s)."""
    token_server.members = {"expires_in": expires_in}
    url = f"{start().url}/crm"
    statuses = [
        (await caller.get(url)).status,
        (await caller.get(url)).status,
        (await caller.get(url)).status,
        (await caller.get(url)).status,
    ]
    assert statuses == [200] * 4
    assert len(token_server.requests) == fetches


async def test_a_two_second_token_is_refreshed_without_a_loop(
    token_server: TokenServer, raw_upstream: RawUpstream, start: Callable[..., Bearerd], caller: Caller
) -> None:
    """Under constant calls a token of two seconds is renewed about every two seconds, never more often than every second."""
    token_server.members = {"expires_in": 2}
    url = f"{start().url}/crm"
    statuses = set()

    async def third() -> bool:
        statuses.add((await caller.get(url)).status)
        return len(token_server.issued) >= 3

    lasted = await until(third)
    assert statuses == {200}
    assert lasted > 2
    used = [request.head.get("Authorization").removeprefix("Bearer ") for request in raw_upstream.requests]
    assert list(dict.fromkeys(used)) == token_server.issued[: len(set(used))]


async def test_a_token_request_has_a_body_and_one_method(token_server: TokenServer, start: Callable[..., Bearerd], caller: Caller) -> None:
    """Form body and Content-Type are sent, and credentials in Basic alone, form-encoded first (SAP Commissions' 415, Kyma, authlib)."""
    await caller.get(f"{start().url}/crm")
    [request] = token_server.requests
    assert request.method == "POST"
    assert request.head.get("Content-Type").split(";")[0] == "application/x-www-form-urlencoded"
    assert token_server.forms() == [{"grant_type": ["client_credentials"]}]
    assert request.head.get("Authorization") == "Basic dGhlLWNsaWVudDpzM2NyZXQlM0ElMkYlMkI="


async def test_a_rate_limit_is_obeyed(token_server: TokenServer, start: Callable[..., Bearerd], caller: Caller) -> None:
    """After 429 no token request is made until Retry-After is over (zeebe-client-node-js#244: address blacklisted)."""
    token_server.reply = answer(429, headers={"Retry-After": "60"})
    url = f"{start().url}/crm"
    await caller.get(url)
    assert await caller.many(url, 20) == {503}
    assert 50 <= int((await caller.get(url)).get("Retry-After")) <= 61
    assert len(token_server.requests) == 1


async def test_narrower_scope_is_refused_before_the_api(
    token_server: TokenServer, raw_upstream: RawUpstream, start: Callable[..., Bearerd], caller: Caller
) -> None:
    """Granted is compared with asked, and both are told; `scope_narrowing: accept` sends it all the same."""
    token_server.members = {"scope": "api:read"}
    got = await caller.get(f"{start(keys={'scope': 'api:read api:write'}).url}/crm")
    assert (got.status, got.problem["code"]) == (502, "token_scope_narrowed")
    assert "api:write" in got.problem["detail"]
    assert raw_upstream.requests == []
    accepted = start(keys={"scope": "api:read api:write", "scope_narrowing": "accept"})
    assert (await caller.get(f"{accepted.url}/crm")).status == 200


@pytest.mark.parametrize(
    ("matcher", "expired"),
    [
        pytest.param(
            {"status": [403], "body": {"contains": "session expired"}},
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 16\r\n\r\nsession expired!",
            id="403 with a text",
        ),
        pytest.param(
            {"status": [200], "header": {"X-Error": "INVALID_SESSION"}},
            b"HTTP/1.1 200 OK\r\nX-Error: INVALID_SESSION\r\nContent-Length: 0\r\n\r\n",
            id="200 with a header",
        ),
        pytest.param(
            {"status": [400, 401], "body": {"contains": "AUTH_01"}},
            b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nAUTH_01\r\n0\r\n\r\n",
            id="400 with a chunked text",
        ),
    ],
)
async def test_expiry_said_otherwise_is_healed(
    matcher: dict[str, Any],
    expired: bytes,
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    start: Callable[..., Bearerd],
    caller: Caller,
) -> None:
    """An API that says expiry in its own way is understood by `expired_when` (n8n#17450, Informatica REST V2)."""
    url = f"{start({'expired_when': matcher}).url}/crm"
    await caller.get(url)
    raw_upstream.script.append(say(expired))
    got = await caller.get(url)
    assert (got.status, got.body, len(token_server.requests)) == (200, b"ok", 2)


async def test_a_403_without_the_text_is_not_expiry(
    token_server: TokenServer, raw_upstream: RawUpstream, start: Callable[..., Bearerd], caller: Caller
) -> None:
    """The matcher decides: another 403 passes through, body and all, and burns no token."""
    url = f"{start({'expired_when': {'status': [403], 'body': {'contains': 'session expired'}}}).url}/crm"
    await caller.get(url)
    raw_upstream.script.append(say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden"))
    got = await caller.get(url)
    assert (got.status, got.body, len(token_server.requests)) == (403, b"forbidden", 1)


async def test_a_rotated_secret_file_needs_no_restart(
    tmp_path: Path, token_server: TokenServer, start: Callable[..., Bearerd], caller: Caller
) -> None:
    """A changed secret file ends the cool-down of a refused client at once (oauth2-proxy#341)."""
    secret = tmp_path / "secret"
    secret.write_text("old\n")
    token_server.script.append(answer(401, {"error": "invalid_client"}))
    url = f"{start(keys={'client_secret': {'file': str(secret)}, 'client_auth': 'client_secret_post'}).url}/crm"
    assert (await caller.get(url)).problem["code"] == "token_invalid_client"
    secret.write_text("new-secret\n")

    async def works() -> bool:
        return (await caller.get(url)).status == 200

    await until(works)
    assert [form["client_secret"] for form in token_server.forms()] == [["old"], ["new-secret"]]


async def test_aliases_that_differ_share_no_token(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """One client with two scopes has two tokens, each on its own route (cloud-sdk-js#1765, Duende#1396)."""
    running = bearerd(
        {"prefix": "/read", "upstream": raw_upstream.url, "credential": "read"},
        {"prefix": "/write", "upstream": raw_upstream.url, "credential": "write"},
        credentials={"read": alias(token_server, scope="r"), "write": alias(token_server, scope="w")},
    )
    await caller.get(f"{running.url}/read")
    await caller.get(f"{running.url}/write")
    await caller.get(f"{running.url}/read")
    first, second = token_server.issued
    sent = [request.head.get("Authorization") for request in raw_upstream.requests]
    assert sent == [f"Bearer {first}", f"Bearer {second}", f"Bearer {first}"]


async def test_a_redirect_is_relayed_and_never_followed(
    token_server: TokenServer, raw_upstream: RawUpstream, start: Callable[..., Bearerd], caller: Caller
) -> None:
    """A Location elsewhere reaches the caller as it is; the token goes nowhere (appstrate#475)."""
    async with RawUpstream() as elsewhere:
        raw_upstream.reply = say(f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}/x\r\nContent-Length: 0\r\n\r\n".encode())
        got = await caller.get(f"{start().url}/crm")
        assert (got.status, got.get("Location")) == (302, f"{elsewhere.url}/x")
        assert elsewhere.connections == 0


async def test_a_failure_says_who_failed(start: Callable[..., Bearerd], raw_upstream: RawUpstream, caller: Caller) -> None:
    """An upstream that refuses connections is told apart from a token endpoint that does (approuter's x-error-source)."""
    running = start({"upstream": "http://127.0.0.1:1", "retry": {"attempts": 1}})
    got = await caller.get(f"{running.url}/crm")
    assert (got.status, got.problem["origin"], got.problem["code"]) == (502, "upstream", "upstream_unreachable")
    assert got.proxy_status.startswith("bearerd; error=connection_refused; details=")
    assert "routes.crm.upstream" in got.problem["detail"]


async def test_an_apis_own_failure_is_left_alone(raw_upstream: RawUpstream, start: Callable[..., Bearerd], caller: Caller) -> None:
    """A 502 of the API to a call that may not be sent twice comes as it is, without a word of ours."""
    raw_upstream.reply = say(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\nX-Their: own\r\n\r\ntheir")
    got = await caller.post(f"{start().url}/crm", b"x")
    assert (got.status, got.body, got.get("X-Their"), got.proxy_status) == (502, b"their", "own", "")


async def test_what_a_token_endpoint_says_is_redacted(token_server: TokenServer, start: Callable[..., Bearerd], caller: Caller) -> None:
    """A token endpoint that repeats our secret in its error teaches nobody that secret (kafka#13119)."""
    token_server.reply = answer(400, {"error": "invalid_request", "error_description": "secret s3cret:/+ is wrong, as is s3cret%3A%2F%2B"})
    running = start()
    got = await caller.get(f"{running.url}/crm")
    running.wait_for(lambda line: line.get("code") == "token_request_refused")
    everything = got.body.decode() + got.proxy_status + running.said + (await running.admin("/metrics"))[1]
    assert "s3cret" not in everything
