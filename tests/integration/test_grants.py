"""Every grant with every client authentication, bearerd against a certified authorization server.

The server says what it counted: the method and the grant that were really sent, and how often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.fakes.api import EchoAPI
from tests.integration import matrix
from tests.integration.asking import Asker
from tests.integration.running import Bearerd, write_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer

METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "none",
    "private_key_jwt RS256",
    "private_key_jwt PS256",
    "private_key_jwt ES256",
    "private_key_jwt EdDSA",
    "tls_client_auth",
    "self_signed_tls_client_auth",
)
GRANTS = (
    "client_credentials",
    "password",
    "refresh_token",
    "jwt_bearer",
    "jwt_bearer from",
    "saml_bearer",
    "token_exchange",
    "token_exchange from",
    "token_exchange actor",
)
CASES = tuple((grant, method) for grant in GRANTS for method in METHODS if matrix.fits(grant, method))


@dataclass(frozen=True, slots=True)
class Served:
    """One bearerd with a route for every case, and a subject's token to show."""

    bearerd: Bearerd
    api: EchoAPI
    cases: Mapping[tuple[str, str], matrix.Case]
    subject: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(authorization_server: AuthorizationServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The whole matrix behind one bearerd."""
    server = authorization_server
    methods, grants = matrix.methods(server), matrix.grants(server)
    assert (set(methods), set(grants)) == (set(METHODS), set(GRANTS))
    cases = {
        (grant, method): matrix.case(server, f"c{number}", grants[grant], methods[method]) for number, (grant, method) in enumerate(CASES)
    }
    subject = Asker(server).ask({"scope": "api:read"}, basic=server.client()).token
    async with EchoAPI(server) as api:
        routes = [{"prefix": f"/{case.alias}", "upstream": api.url, "credential": case.alias} for case in cases.values()]
        credentials = matrix.sources(server) | {case.alias: case.said for case in cases.values()}
        with Bearerd(write_config(tmp_path_factory.mktemp("matrix"), routes, credentials, {})) as running:
            yield Served(running, api, cases, subject)


@pytest.mark.parametrize(("grant", "method"), CASES)
async def test_every_grant_with_every_client_authentication(
    grant: str, method: str, served: Served, authorization_server: AuthorizationServer, caller: Caller
) -> None:
    """The API accepts the call after one token request by the named method; a token that the server revoked is replaced by one more."""
    case = served.cases[grant, method]
    url, shown = f"{served.bearerd.url}/{case.alias}/echo", {matrix.PRESENTED: f"Bearer {served.subject}"}
    first = [await caller.get(url, headers=shown) for _ in range(2)]
    assert [(got.status, got.proxy_status) for got in first] == [(200, "")] * 2, first[0].body
    counts = authorization_server.counts(case.client)
    assert (counts.requests, counts.methods, counts.grants) == (1, {case.method.name: 1}, {case.grant.wire: 1})

    authorization_server.revoke_access(case.client)
    healed = await caller.get(url, headers=shown)
    assert (healed.status, "token_replaced" in healed.proxy_status) == (200, True), healed.body
    counts = authorization_server.counts(case.client)
    assert (counts.requests, counts.issued, counts.methods) == (2, 2, {case.method.name: 2})
    assert len({call.token for call in served.api.calls[-4:]}) == 2
