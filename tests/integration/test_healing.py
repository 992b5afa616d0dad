"""401 answers: one new token, one replay, byte for byte; and what is never replayed.

The tokens are revoked at a real authorization server, and the API sees it by introspection.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.raw import RawUpstream, say
from tests.fakes.token_server import TokenServer, answer
from tests.integration.applications import Caller, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.api import EchoAPI
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

    Credential = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.lanes

CROWD = 500
WIDE = {"pool": {"connections": 2 * CROWD}}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def refused(body: bytes, challenge: bytes = b'Bearer error="invalid_token"') -> bytes:
    """A 401 as an API sends it."""
    return b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: %b\r\nContent-Length: %d\r\n\r\n%b" % (challenge, len(body), body)


async def test_first_calls_share_one_token_request(
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """500 calls at once on a cold alias make exactly one token request, and all succeed."""
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client)})
    assert await caller.many(f"{running.url}/crm/echo", CROWD) == {200}
    assert authorization_server.counts(client).requests == 1
    assert await running.metric("token_fetches_total", alias="crm", outcome="ok") == 1


async def test_a_burst_of_401s_for_one_token_makes_one_more(
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """500 calls that are refused together share one fetch, and each is replayed once."""
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm", **WIDE}, credentials={"crm": credential(client)})
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    gate = echo_api.gate("burst")
    burst = asyncio.create_task(caller.many(f"{running.url}/crm/gate/burst", CROWD))
    await gate.crowd(CROWD)
    authorization_server.revoke(client)
    gate.open()
    assert await burst == {200}
    assert authorization_server.counts(client).requests == 2
    assert sum(call.status == 401 for call in echo_api.calls) == CROWD
    assert await running.metric("token_discards_total", alias="crm") == 1


async def test_a_late_401_keeps_the_newer_token(
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """A 401 for a token that was replaced meanwhile makes no token request: the newer one is used."""
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client)})
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    gate = echo_api.gate("late")
    late = asyncio.create_task(caller.get(f"{running.url}/crm/gate/late"))
    await gate.crowd(1)
    authorization_server.revoke(client)
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    assert authorization_server.counts(client).requests == 2
    gate.open()
    assert (await late).status == 200
    assert authorization_server.counts(client).requests == 2


@pytest.mark.parametrize("framing", ["fixed", "chunked"])
@pytest.mark.parametrize(
    ("size", "replay"),
    [
        pytest.param(0, {}, id="0 B"),
        pytest.param(1, {}, id="1 B"),
        pytest.param(64 << 10, {}, id="64 KiB"),
        pytest.param(1 << 20, {}, id="1 MiB"),
        pytest.param(20 << 20, {"disk": "32MiB"}, id="20 MiB on disk"),
    ],
)
async def test_a_body_is_replayed_byte_for_byte(
    size: int,
    replay: dict[str, str],
    framing: str,
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """A POST whose token was revoked succeeds: the API saw the same bytes twice, the second time with a new token."""
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm", "replay": replay}, credentials={"crm": credential(client)}
    )
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    authorization_server.revoke(client)
    echo_api.calls.clear()
    body = os.urandom(size)
    got = await caller.post(f"{running.url}/crm/echo", pieces(body) if framing == "chunked" else body)
    digest = hashlib.sha256(body).hexdigest()
    assert got.status == 200
    assert [(call.status, call.digest) for call in echo_api.calls] == [(401, digest), (200, digest)]
    assert len({call.token for call in echo_api.calls}) == 2
    assert "token_replaced" in got.proxy_status
    assert authorization_server.counts(client).requests == 2
    assert await running.metric("unauthorized_total", route="/crm") == 1


@pytest.mark.parametrize("framing", ["fixed", "chunked"])
async def test_a_body_over_the_bound_streams_and_is_not_replayed(
    framing: str,
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    client: Client,
    credential: Credential,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """The 401 comes back unchanged and counted, Proxy-Status says that a new token is ready, and the next call uses it."""
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm", "name": "crm", "replay": {"memory": "64KiB"}},
        credentials={"crm": credential(client)},
    )
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    authorization_server.revoke(client)
    echo_api.calls.clear()
    body = os.urandom(1 << 20)
    got = await caller.post(f"{running.url}/crm/echo", pieces(body) if framing == "chunked" else body)
    assert (got.status, got.body) == (401, b"refused with 401\n")
    assert 'error="invalid_token"' in got.get("WWW-Authenticate")
    assert "new token" in got.proxy_status
    assert [(call.status, call.digest) for call in echo_api.calls] == [(401, hashlib.sha256(body).hexdigest())]
    assert await running.metric("replays_skipped_total", route="crm") == 1
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    assert authorization_server.counts(client).requests == 2


@pytest.fixture
def crm(token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd) -> str:
    """The URL of a route to the raw upstream, with tokens of the scripted token endpoint."""
    running = bearerd(
        {"prefix": "/crm", "upstream": raw_upstream.url, "credential": "crm", "name": "crm"},
        credentials={
            "crm": {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "id", "client_secret": "s3cret"}
        },
    )
    return f"{running.url}/crm"


async def test_the_second_401_passes_through(token_server: TokenServer, raw_upstream: RawUpstream, crm: str, caller: Caller) -> None:
    """A replay that is refused too is the answer, with its own challenge and body; nothing is sent a third time."""
    raw_upstream.script.extend([say(OK), say(refused(b"first")), say(refused(b"second", b'Bearer realm="two"'))])
    await caller.get(crm)
    got = await caller.get(crm)
    assert (got.status, got.body, got.get("WWW-Authenticate")) == (401, b"second", 'Bearer realm="two"')
    assert [len(raw_upstream.requests), len(token_server.requests)] == [3, 2]


async def test_a_refusal_of_a_new_token_is_not_a_loop(
    token_server: TokenServer, raw_upstream: RawUpstream, crm: str, caller: Caller
) -> None:
    """An API that refuses every token gets each call once after that, and the token endpoint gets no more requests."""
    raw_upstream.reply = say(refused(b"no"))
    await caller.get(crm)
    await caller.get(crm)
    before = len(token_server.requests)
    assert await caller.many(crm, 20) == {401}
    assert before <= 2
    assert len(token_server.requests) == before


async def test_a_token_fetched_for_this_call_is_not_replaced(
    token_server: TokenServer, raw_upstream: RawUpstream, crm: str, caller: Caller
) -> None:
    """A 401 for a token that is as new as the request passes through: a newer one would be no better."""
    raw_upstream.script.append(say(refused(b"first")))
    got = await caller.get(crm)
    assert (got.status, got.body) == (401, b"first")
    assert [len(raw_upstream.requests), len(token_server.requests)] == [1, 1]


async def test_a_failed_refetch_gives_the_first_401_back(
    token_server: TokenServer, raw_upstream: RawUpstream, crm: str, caller: Caller
) -> None:
    """The API's own 401 is the answer, and Proxy-Status names why there was no new token."""
    await caller.get(crm)
    raw_upstream.script.append(say(refused(b"first")))
    token_server.script.append(answer(401, {"error": "invalid_client"}))
    got = await caller.get(crm)
    assert (got.status, got.body) == (401, b"first")
    assert got.get("WWW-Authenticate") == 'Bearer error="invalid_token"'
    assert "token_invalid_client" in got.proxy_status
    assert "credentials.crm.client_secret" in got.proxy_status
    assert len(raw_upstream.requests) == 2


@pytest.mark.parametrize(
    "challenge",
    [b'Basic realm="x"', b'Digest realm="x"', b"Negotiate", b'Bearer error="insufficient_scope"'],
    ids=["basic", "digest", "negotiate", "insufficient_scope"],
)
async def test_a_401_that_is_not_about_the_token_burns_none(
    challenge: bytes, token_server: TokenServer, raw_upstream: RawUpstream, crm: str, caller: Caller
) -> None:
    """A challenge that a new token would not meet passes through, and the token is kept."""
    await caller.get(crm)
    raw_upstream.script.append(say(refused(b"no", challenge)))
    got = await caller.get(crm)
    assert (got.status, got.body, got.get("WWW-Authenticate")) == (401, b"no", challenge.decode())
    await caller.get(crm)
    assert [len(raw_upstream.requests), len(token_server.requests)] == [3, 1]


async def test_a_401_without_a_challenge_is_healed(token_server: TokenServer, raw_upstream: RawUpstream, crm: str, caller: Caller) -> None:
    """Some APIs send no WWW-Authenticate when a token has expired: it is replaced all the same."""
    await caller.get(crm)
    raw_upstream.script.append(say(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"))
    got = await caller.get(crm)
    assert (got.status, got.body) == (200, b"ok")
    sent = [request.head.get("Authorization") for request in raw_upstream.requests]
    assert sent == [f"Bearer {token_server.issued[0]}"] * 2 + [f"Bearer {token_server.issued[1]}"]
