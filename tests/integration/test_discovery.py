"""`issuer` in place of `token_url`: the server says where its token endpoint is, and which client authentication it takes.

What its metadata rule out is never tried, so that the secret stays here.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tests.fakes.token_server import TokenServer, answer

if TYPE_CHECKING:
    from tests.fakes.api import EchoAPI
    from tests.fakes.raw import Exchange
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer
    from tests.integration.conftest import StartBearerd

TYPE = "oauth2_client_credentials"
OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"


async def test_the_issuer_leads_to_the_token_endpoint(
    authorization_server: AuthorizationServer, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """By HTTP, by HTTPS with its own CA, and for an issuer with a path; a second token needs no second look."""
    server = authorization_server
    issuers = {"plain": server.issuer, "path": server.tenant_issuer, "tls": server.tls_issuer}
    clients = {name: server.client() for name in issuers}
    credentials = {
        name: {
            "type": TYPE,
            "issuer": issuer,
            "client_id": clients[name].id,
            "client_secret": clients[name].secret,
            "token_request": {"tls": {"ca": str(server.ca)}},
        }
        for name, issuer in issuers.items()
    }
    running = bearerd(*({"prefix": f"/{name}", "upstream": echo_api.url, "credential": name} for name in issuers), credentials=credentials)
    for name, client in clients.items():
        for _ in range(2):
            assert (await caller.get(f"{running.url}/{name}/echo")).status == 200
            server.revoke(client)
        assert (await caller.get(f"{running.url}/{name}/echo")).status == 200
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


PLACES = (  # an issuer's path, where its metadata are, and what is asked until they are found
    ("", OPENID, [f"GET {OPENID}"]),
    ("", OAUTH, [f"GET {OPENID}", f"GET {OAUTH}"]),
    ("/t/one", f"{OAUTH}/t/one", [f"GET /t/one{OPENID}", f"GET {OAUTH}/t/one"]),
    ("/t/one", f"{OPENID}/t/one", [f"GET /t/one{OPENID}", f"GET {OAUTH}/t/one", f"GET {OPENID}/t/one"]),
)
RULED_OUT: tuple[tuple[dict[str, Any], str, tuple[int, str, str]], ...] = (  # metadata, what the issuer ends with, and the answer
    ({"issuer": "https://evil.example"}, "", (502, "token_issuer_mismatch", "issuer")),
    ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "", (502, "token_invalid_client", "client_auth")),
    ({"token_endpoint": None}, "", (503, "token_response_invalid", "issuer")),
    ({}, "/elsewhere", (502, "token_endpoint_not_found", "issuer")),
    ({}, "/", (502, "token_issuer_mismatch", "issuer")),
)


async def test_metadata_are_found_at_every_place(echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd) -> None:
    """OpenID's place, RFC 8414's, and both for an issuer with a path; the next is asked only where there is nothing."""
    async with AsyncExitStack() as running:
        servers = [await running.enter_async_context(Publisher()) for _ in PLACES]
        for server, (path, place, _) in zip(servers, PLACES, strict=True):
            server.publish(place, issuer=f"{server.url}{path}")
        issuers = [f"{server.url}{path}" for server, (path, _, _) in zip(servers, PLACES, strict=True)]
        urls = started(bearerd, issuers, echo_api)
        assert [(await caller.get(url)).status for url in urls] == [200] * len(PLACES)
        assert [server.asked for server in servers] == [[*asked, "POST /token"] for _, _, asked in PLACES]


async def test_what_the_metadata_rule_out_is_not_tried(echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd) -> None:
    """No token request goes out, no secret with it, and the answer names the key."""
    async with AsyncExitStack() as running:
        servers = [await running.enter_async_context(Publisher()) for _ in RULED_OUT]
        for server, (published, _, _) in zip(servers, RULED_OUT, strict=True):
            server.publish(OPENID, **published)
        issuers = [f"{server.url}{end}" for server, (_, end, _) in zip(servers, RULED_OUT, strict=True)]
        got = [await caller.get(url) for url in started(bearerd, issuers, echo_api)]
        told = [(each.status, each.problem["code"], each.problem["key"].rpartition(".")[2]) for each in got]
        assert told == [answered for _, _, answered in RULED_OUT]
        requests = [request for server in servers for request in server.requests]
        assert {request.method for request in requests} == {"GET"}
        assert all(b"\nauthorization:" not in request.head.raw.lower() for request in requests)
        assert echo_api.calls == []


def started(bearerd: StartBearerd, issuers: list[str], api: EchoAPI) -> list[str]:
    """A URL for each issuer, with a credential of its own behind one bearerd."""
    said = {"type": TYPE, "client_id": "id", "client_secret": "s3cret-of-it"}
    credentials = {f"c{number}": {**said, "issuer": issuer} for number, issuer in enumerate(issuers)}
    routes = [{"prefix": f"/{alias}", "upstream": api.open_url, "credential": alias} for alias in credentials]
    running = bearerd(*routes, credentials=credentials)
    return [f"{running.url}/{alias}/echo" for alias in credentials]
