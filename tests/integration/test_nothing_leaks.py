"""No secret and no token in anything that comes out: a grep over all of it, at debug level.

Every kind of failure is provoked first, so that each of their messages is among what is read.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from tests.fakes.raw import RawUpstream, say
from tests.fakes.token_server import TokenServer, answer, drop
from tests.integration.applications import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.api import EchoAPI
    from tests.integration.applications import Caller, Got
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

SECRET = "hush/hush+%&"
CALLERS = "callers-own-token"


def spellings(secret: str) -> set[str]:
    """A secret in every form that it takes on its way."""
    encoded = {secret, quote(secret, safe=""), quote_plus(secret)}
    return encoded | {base64.b64encode(text.encode()).decode().rstrip("=") for text in encoded}


async def test_no_secret_comes_out(
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    client: Client,
    credential: Callable[..., dict[str, Any]],
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """Standard output and error, metrics, admin pages and answers hold no secret, no token and no Authorization of a caller."""
    odd = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "odd", "client_secret": SECRET}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        {"prefix": "/odd", "upstream": raw_upstream.url, "credential": "odd", "retry": {"attempts": 1}},
        credentials={"crm": credential(client), "odd": odd},
        log={"level": "debug"},
    )
    repeats = {"error": "invalid_request", "error_description": f"client odd secret {SECRET} {quote_plus(SECRET)}"}
    basic = "Basic " + base64.b64encode(f"odd:{quote_plus(SECRET)}".encode()).decode()
    token_server.script.extend(
        [
            drop,
            answer(500, f"failed for {basic}", content_type="text/plain"),
            answer(200, f'"access_token": "half-a-token {SECRET}'),
            answer(200, {"access_token": "leaky token", "token_type": "Bearer"}),
        ]
    )
    own = {"Authorization": f"Bearer {CALLERS}", "Cookie": f"session={CALLERS}"}
    got: list[Got] = [
        await caller.get(f"{running.url}/crm/echo?access_token={CALLERS}", headers=own),
        await caller.get(f"{running.url}/nowhere?token={CALLERS}", headers=own),
        await caller.get(f"{running.url}/odd/1", headers=own),
    ]
    raw_upstream.reply = say(b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n", close=True)

    async def answers() -> bool:
        got.append(await caller.get(f"{running.url}/odd/2", headers=own))
        return bool(token_server.issued)

    await until(answers, seconds=20)
    token_server.reply = answer(400, repeats)
    raw_upstream.reply = say(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    got.append(await caller.get(f"{running.url}/odd/3", headers=own))
    authorization_server.revoke(client)
    got.append(await caller.post(f"{running.url}/crm/write", b"x", headers=own))
    assert got.pop(0).status == 200  # an echo of what was sent, and so of no account

    pages = [await running.admin(path) for path in ("/metrics", "/healthz", "/readyz", "/readyz?alias=odd")]
    assert running.stop() == 0
    everything = "\n".join([running.said, *(body for _, body in pages), *(f"{answer.headers} {answer.body!r}" for answer in got)])
    hidden = spellings(SECRET) | spellings(client.secret) | {CALLERS, basic.removeprefix("Basic "), "leaky token", "half-a-token"}
    hidden |= set(token_server.issued) | {call.token for call in echo_api.calls}
    assert {text for text in hidden if text in everything} == set()
    assert "token_request_refused" in everything
