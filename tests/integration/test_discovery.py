"""`issuer` in place of `token_url`: the server says where its token endpoint is, and which client authentication it takes.

What its metadata rule out is never tried, so that the secret stays here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.token_server import TokenServer, answer

if TYPE_CHECKING:
    from tests.fakes.api import EchoAPI
    from tests.fakes.raw import Exchange
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer
    from tests.integration.conftest import StartBearerd

TYPE = "oauth2_client_credentials"
OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize("which", ["issuer", "tenant_issuer", "tls_issuer"])
async def test_the_issuer_leads_to_the_token_endpoint(
    which: str, authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """By HTTP, by HTTPS with its own CA, and for an issuer with a path; a second token needs no second look."""
    server, client = authorization_server, authorization_server.client()
    said = {"type": TYPE, "issuer": getattr(server, which), "client_id": client.id, "client_secret": client.secret}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": {**said, "token_request": {"tls": {"ca": str(server.ca)}}}},
    )
    for _ in range(2):
        assert (await caller.get(f"{running.url}/crm/echo")).status == 200
        server.revoke(client)
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    assert server.counts(client).methods == {"client_secret_basic": 3}


async def test_a_client_with_a_certificate_is_led_to_the_endpoint_that_asks_for_it(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """RFC 8705 §5: mtls_endpoint_aliases of an issuer by HTTP name the HTTPS one."""
    server, shown = authorization_server, authorization_server.client_certificate("legacy")
    client = server.client(token_endpoint_auth_method="tls_client_auth", tls_client_auth_subject_dn=shown.subject_dn)
    said = {"type": TYPE, "issuer": server.issuer, "client_id": client.id, "client_auth": "tls_client_auth"}
    tls = {"ca": str(server.ca), "cert": str(shown.cert), "key": str(shown.key)}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": {**said, "token_request": {"tls": tls}}},
    )
    assert (await caller.get(f"{running.url}/crm/echo")).status == 200
    assert server.counts(client).methods == {"tls_client_auth": 1}


class Publisher(TokenServer):
    """A token server that publishes metadata at the places that it is told."""

    def publish(self, *places: str, **changed: Any) -> None:
        """From now on."""
        issue = self.reply
        told = {"issuer": self.url, "token_endpoint": self.token_url, **changed}

        async def reply(exchange: Exchange) -> None:
            if exchange.request.method == "POST":
                await issue(exchange)
            elif exchange.request.target.decode() in places:
                await answer(200, json.dumps(told))(exchange)
            else:
                await answer(404, "no such page", content_type="text/plain")(exchange)

        self.reply = reply

    @property
    def asked(self) -> list[str]:
        """Method and path of every request."""
        return [f"{request.method} {request.target.decode()}" for request in self.requests]


@pytest.mark.parametrize(
    ("path", "place", "asked"),
    [
        ("", OPENID, [f"GET {OPENID}"]),
        ("", OAUTH, [f"GET {OPENID}", f"GET {OAUTH}"]),
        ("/t/one", f"{OAUTH}/t/one", [f"GET /t/one{OPENID}", f"GET {OAUTH}/t/one"]),
        ("/t/one", f"{OPENID}/t/one", [f"GET /t/one{OPENID}", f"GET {OAUTH}/t/one", f"GET {OPENID}/t/one"]),
    ],
)
async def test_metadata_are_found_at_every_place(
    path: str, place: str, asked: list[str], echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """OpenID's place, RFC 8414's, and both for an issuer with a path; the next is asked only where there is nothing."""
    async with Publisher() as server:
        server.publish(place, issuer=f"{server.url}{path}")
        said = {"type": TYPE, "issuer": f"{server.url}{path}", "client_id": "id", "client_secret": "s3cret-of-it"}
        running = bearerd({"prefix": "/crm", "upstream": echo_api.open_url, "credential": "crm"}, credentials={"crm": said})
        assert (await caller.get(f"{running.url}/crm/echo")).status == 200
        assert server.asked == [*asked, "POST /token"]


@pytest.mark.parametrize(
    ("published", "said", "status", "code", "key"),
    [
        ({"issuer": "https://evil.example"}, {}, 502, "token_issuer_mismatch", "issuer"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, {}, 502, "token_invalid_client", "client_auth"),
        ({"token_endpoint": None}, {}, 503, "token_response_invalid", "issuer"),
        ({}, {"issuer": "/elsewhere"}, 502, "token_endpoint_not_found", "issuer"),
        ({}, {"issuer": "/"}, 502, "token_issuer_mismatch", "issuer"),
    ],
    ids=["another issuer", "another method", "no endpoint", "no metadata", "slash"],
)
async def test_what_the_metadata_rule_out_is_not_tried(
    published: dict[str, Any],
    said: dict[str, str],
    status: int,
    code: str,
    key: str,
    echo_api: EchoAPI,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """No token request goes out, no secret with it, and the answer names the key."""
    async with Publisher() as server:
        server.publish(OPENID, **published)
        credential = {"type": TYPE, "client_id": "id", "client_secret": "s3cret-of-it", "issuer": server.url + said.get("issuer", "")}
        running = bearerd({"prefix": "/crm", "upstream": echo_api.open_url, "credential": "crm"}, credentials={"crm": credential})
        got = await caller.get(f"{running.url}/crm/echo")
        assert (got.status, got.problem["code"], got.problem["key"]) == (status, code, f"credentials.crm.{key}")
        assert all(request.method == "GET" for request in server.requests)
        assert all(b"\nauthorization:" not in request.head.raw.lower() for request in server.requests)
        assert echo_api.calls == []
