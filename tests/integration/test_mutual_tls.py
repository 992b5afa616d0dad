"""Tokens that are bound to a client certificate (RFC 8705 §3): the connection to the API shows the one that the token was asked with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.bound_api import BoundAPI

if TYPE_CHECKING:
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer
    from tests.integration.certificates import ClientCertificate
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes


def _tls(server: AuthorizationServer, shown: ClientCertificate) -> dict[str, str]:
    return {"ca": str(server.ca), "cert": str(shown.cert), "key": str(shown.key)}


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth", "client_secret_basic"])
async def test_a_bound_token_needs_the_certificate_on_the_way_to_the_api(
    method: str, authorization_server: AuthorizationServer, caller: Caller, bearerd: StartBearerd
) -> None:
    """The API takes the token with the same certificate, whatever proved the client; with another one its 401 passes through.

    Where the certificate proves the client, a route without one of its own shows it too.
    """
    server = authorization_server
    make = server.self_signed_certificate if method.startswith("self_signed") else server.client_certificate
    shown, other = make("legacy"), make("other")
    registered: dict[str, dict[str, Any]] = {
        "tls_client_auth": {"tls_client_auth_subject_dn": shown.subject_dn},
        "self_signed_tls_client_auth": {"jwks": shown.jwks},
        "client_secret_basic": {},
    }
    client = server.client(token_endpoint_auth_method=method, tls_client_certificate_bound_access_tokens=True, **registered[method])
    said = {
        "type": "oauth2_client_credentials",
        "token_url": server.tls_token_url,
        "client_id": client.id,
        "client_auth": method,
        "token_request": {"tls": _tls(server, shown)},
        **({"client_secret": client.secret} if client.secret else {}),
    }
    async with BoundAPI(server, tls=server.server_context(shown, other)) as api:
        running = bearerd(
            {"prefix": "/right", "upstream": api.url, "credential": "crm", "tls": _tls(server, shown)},
            {"prefix": "/wrong", "upstream": api.url, "credential": "crm", "tls": _tls(server, other)},
            {"prefix": "/without", "upstream": api.url, "credential": "crm", "tls": {"ca": str(server.ca)}},
            credentials={"crm": said},
        )
        assert [(await caller.get(f"{running.url}/{name}/x")).status for name in ("right", "wrong", "without")] == [
            200,
            401,
            401 if client.secret else 200,
        ]
        assert [call.refusal for call in api.calls if "another certificate" not in call.refusal and call.status != 200] == []
        server.revoke(client)
        healed = await caller.get(f"{running.url}/right/x")
    assert (healed.status, "token_replaced" in healed.proxy_status) == (200, True)
