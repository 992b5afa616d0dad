"""proxy/http/sending.py: what stands in the head of a send, by what the token says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.http.routing import Inject, Retry
from proxy.oauth.template import Template
from proxy.oauth.token import Header, Send
from tests.clients.raw import request
from tests.fakes.raw import RawUpstream, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.http.conftest import Walk

pytestmark = pytest.mark.lanes

NONCE = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: DPoP\r\nDPoP-Nonce: n1\r\nContent-Length: 2\r\n\r\nno"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: DPoP\r\nContent-Length: 2\r\n\r\nno"


class Proofs:
    """A PerSend whose proofs are numbered; an answer with a DPoP-Nonce wants another."""

    def __init__(self) -> None:
        self.sends: list[Send] = []
        self.answers: list[int] = []

    def headers(self, send: Send) -> tuple[Header, ...]:
        self.sends.append(send)
        return ((b"DPoP", b"proof-%d" % len(self.sends)),)

    def heard(self, _send: Send, status: int, headers: Sequence[Header]) -> bool:
        self.answers.append(status)
        return any(name == b"DPoP-Nonce" for name, _ in headers)


def made(**said: dict[str, str]) -> Inject:
    parsed: dict[str, Any] = {place: {name: Template.parse(text) for name, text in values.items()} for place, values in said.items()}
    return Inject(**parsed)


async def ask(walk: Walk, raw: bytes) -> Any:
    async with await walk.client() as client:
        return await client.ask(raw)


async def test_a_token_in_another_header(walk: Walk) -> None:
    """It replaces what the caller sent under that name, look-alikes too, and what is injected; no Authorization goes up."""
    walk.tokens.placed = {"headers": ((b"X-Api-Key", b"k3y"),)}
    await walk.start(credential="crm", inject=made(headers={"x-api-key": "fixed", "X-Env": "prod"}))
    await ask(walk, request("/x", headers="X-API-Key: mine\r\nx_api_key: mine\r\nAuthorization: Basic bWluZQ==\r\n"))
    [seen] = walk.upstream.requests
    assert (seen.head.get("X-Api-Key"), seen.head.get("x_api_key"), seen.head.get("Authorization")) == ("k3y", "", "")
    assert seen.head.get("X-Env") == "prod"


async def test_a_token_in_the_query(walk: Walk) -> None:
    """In place of the caller's parameter of that name; a replay sends the new one, and no line of ours shows either."""
    walk.tokens.placed = {"headers": (), "query": (("access_token", "qu3ry-1"),)}
    await walk.start(credential="crm", inject=made(query={"v": "2"}))
    await walk.tokens.token(walk.active.token.key)  # type: ignore[union-attr]  # the route has one
    walk.upstream.script.append(say(REFUSED))
    walk.tokens.placed = {"headers": (), "query": (("access_token", "qu3ry-2"),)}
    await ask(walk, request("/x?a=1&access_token=mine&b"))
    assert [seen.target for seen in walk.upstream.requests] == [
        b"/x?a=1&b&v=2&access_token=qu3ry-1",
        b"/x?a=1&b&v=2&access_token=qu3ry-2",
    ]
    await walk.quiet()
    walk.logs.close()
    assert b"qu3ry" not in b"".join(walk.lines)


@pytest.mark.parametrize(("target", "sent"), [("/x", b"/x?t=1"), ("/x?", b"/x?t=1"), ("/x?a", b"/x?a&t=1")])
async def test_a_query_grows_where_there_is_none(walk: Walk, target: str, sent: bytes) -> None:
    """And stays as it came where there is one."""
    walk.tokens.placed = {"query": (("t", "1"),)}
    await walk.start(credential="crm")
    await ask(walk, request(target))
    assert [seen.target for seen in walk.upstream.requests] == [sent]


async def test_headers_are_made_for_each_send(walk: Walk) -> None:
    """Of the path at the upstream, and of the answer that brought the token."""
    walk.tokens.placed = {"look_up": {"response.id": "7"}.__getitem__}
    await walk.start(
        credential="crm", inject=made(headers={"X-Sig": "${request.method} ${request.path} ${response.id}"}, query={"at": "${now:epoch}"})
    )
    await ask(walk, request("/x?y", headers="X-Sig: mine\r\n"))
    [seen] = walk.upstream.requests
    assert (seen.head.get("X-Sig"), seen.target) == ("GET /x 7", b"/x?y&at=1700000000")


async def test_proofs_are_made_for_each_send(walk: Walk) -> None:
    """For the method and the absolute URL that are sent, in place of the caller's; a plain 401 is the token's, as ever."""
    proofs = Proofs()
    walk.tokens.placed = {"per_send": proofs}
    await walk.start(credential="crm", inject=made(query={"v": "2"}))
    await walk.tokens.token(walk.active.token.key)  # type: ignore[union-attr]  # the route has one
    walk.upstream.script.append(say(REFUSED))
    answer = await ask(walk, request("/x?a", headers="DPoP: mine\r\n"))
    assert (answer.status, walk.tokens.discards) == (200, ["refused"])
    assert [seen.head.get("DPoP") for seen in walk.upstream.requests] == ["proof-1", "proof-2"]
    assert (proofs.sends, proofs.answers) == ([Send("GET", f"{walk.upstream.url}/x?a&v=2", "/x")] * 2, [401, 200])


@pytest.mark.parametrize("raw", [request("/x"), request("/x", method="POST", body=b"hello")], ids=["GET", "POST"])
async def test_a_nonce_is_answered_by_another_proof(walk: Walk, raw: bytes) -> None:
    """The same request with the same token, on the same connection, at no attempt's cost (RFC 9449 §9); the token is kept."""
    walk.tokens.placed = {"per_send": Proofs()}
    await walk.start(credential="crm")
    walk.upstream.script.append(say(NONCE))
    answer = await ask(walk, raw)
    first, second = walk.upstream.requests
    assert (answer.status, walk.tokens.discards, walk.tokens.fetches, walk.upstream.connections) == (200, [], 1, 1)
    assert (first.head.get("Authorization"), first.body.data) == (second.head.get("Authorization"), second.body.data)
    assert (second.head.get("DPoP"), walk.metric("bearerd_retries_total", reason="proof_nonce")) == ("proof-2", 1)


async def test_a_nonce_is_answered_once(walk: Walk) -> None:
    """An API that asks again and again is passed on; no token is discarded for it."""
    walk.tokens.placed = {"per_send": Proofs()}
    await walk.start(credential="crm")
    walk.upstream.reply = say(NONCE)
    answer = await ask(walk, request("/x"))
    assert (answer.status, len(walk.upstream.requests), walk.tokens.discards) == (401, 2, [])


async def test_a_nonce_for_a_body_that_is_gone(walk: Walk) -> None:
    """What cannot be sent twice is not; the next call has the nonce."""
    proofs = Proofs()
    walk.tokens.placed = {"per_send": proofs}
    await walk.start(credential="crm", unauthorized="pass", retry=Retry(attempts=1))
    walk.upstream.script.append(say(NONCE))
    async with await walk.client() as client:
        answers = [await client.ask(request("/x", method="POST", body=b"hello")) for _ in range(2)]
    assert ([answer.status for answer in answers], proofs.answers, walk.tokens.discards) == ([401, 200], [401, 200], [])


async def test_the_upstream_that_a_token_names(walk: Walk) -> None:
    """The call goes there, with its Host and the route's path; Location and cookies of it come back as the route's own."""
    location = b"HTTP/1.1 302 Found\r\nLocation: %b/x/next\r\nSet-Cookie: s=1; Domain=127.0.0.1; Path=/x\r\nContent-Length: 0\r\n\r\n"
    async with RawUpstream() as named:
        named.reply = say(location % named.url.encode())
        walk.tokens.placed = {"upstream": named.url}
        await walk.start(credential="crm")
        async with await walk.client() as client:
            first, second = [await client.ask(request("/x")) for _ in range(2)]
        assert (len(walk.upstream.requests), len(named.requests), named.connections) == (0, 2, 1)
        assert named.requests[0].head.get("Host") == f"127.0.0.1:{named.port}"
        assert (first.get("Location"), first.get("Set-Cookie")) == ("http://bearerd.test/x/next", "s=1; Path=/x")
        assert (second.status, walk.active.connections) == (302, (1, 0))
