"""What a token is for: resource indicators (RFC 8707) and audience, as the server that issued the token tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.asking import TOKEN_EXCHANGE, Asker
from tests.integration.authorization import ORDERS, RESOURCE, STOCK

if TYPE_CHECKING:
    from tests.fakes.api import EchoAPI
    from tests.integration.applications import Caller
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes


@pytest.fixture
def exchanging(authorization_server: AuthorizationServer) -> Client:
    """A client of every grant that these tests need."""
    return authorization_server.client(grant_types=["client_credentials", "password", TOKEN_EXCHANGE])


WANTED: tuple[tuple[str, dict[str, Any], object], ...] = (  # a grant, what its credential says, and the token's `aud`
    ("client_credentials", {}, RESOURCE),
    ("client_credentials", {"resource": ORDERS}, ORDERS),
    ("password", {"resource": [ORDERS]}, ORDERS),
    ("password", {"resource": [ORDERS, STOCK]}, [ORDERS, STOCK]),
    ("token_exchange", {"audience": STOCK}, STOCK),
    ("token_exchange", {"resource": ORDERS, "audience": STOCK}, [ORDERS, STOCK]),
)


async def test_a_token_is_for_what_the_credential_says(
    asker: Asker, exchanging: Client, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """One resource, several, an audience, and both: the token's `aud` is theirs."""
    server = asker.server
    more: dict[str, dict[str, Any]] = {
        "client_credentials": {},
        "password": {"username": server.user.name, "password": server.user.password},
        "token_exchange": {"subject_token": {"header": "X-Subject"}},
    }
    named = {"token_url": server.token_url, "client_id": exchanging.id, "client_secret": exchanging.secret, "scope": "api:read"}
    credentials = {f"c{number}": {"type": f"oauth2_{kind}", **named, **more[kind], **said} for number, (kind, said, _) in enumerate(WANTED)}
    running = bearerd(
        *({"prefix": f"/{alias}", "upstream": echo_api.url, "credential": alias} for alias in credentials), credentials=credentials
    )
    shown = {"X-Subject": asker.ask({"scope": "api:read"}, basic=server.client()).token}
    assert [(await caller.get(f"{running.url}/{alias}/echo", headers=shown)).status for alias in credentials] == [200] * len(WANTED)
    assert [asker.introspect(call.token)["aud"] for call in echo_api.calls] == [audience for _, _, audience in WANTED]


async def test_a_resource_that_nobody_knows_is_named(
    asker: Asker, exchanging: Client, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """invalid_target leads to `resource`, and the API hears nothing."""
    named = {"type": "oauth2_client_credentials", "token_url": asker.server.token_url, "resource": "urn:no"}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": {**named, "client_id": exchanging.id, "client_secret": exchanging.secret}},
    )
    got = await caller.get(f"{running.url}/crm/echo")
    assert (got.status, got.problem["code"], got.problem["key"]) == (502, "token_request_refused", "credentials.crm.resource")
    assert echo_api.calls == []


async def test_two_callers_with_subjects_of_their_own_share_no_token(
    asker: Asker, exchanging: Client, echo_api: EchoAPI, caller: Caller, bearerd: StartBearerd
) -> None:
    """Each token is exchanged once and used again for the caller who showed it, and one who shows none is sent away."""
    server = asker.server
    named = {
        "type": "oauth2_token_exchange",
        "token_url": server.token_url,
        "scope": "api:read",
        "subject_token": {"header": "Authorization"},
    }
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        credentials={"crm": {**named, "client_id": exchanging.id, "client_secret": exchanging.secret}},
    )
    callers = [server.client() for _ in range(2)]
    shown = [{"Authorization": f"Bearer {asker.ask({'scope': 'api:read'}, basic=each).token}"} for each in callers]
    for _ in range(2):
        for own in shown:
            assert (await caller.get(f"{running.url}/crm/echo", headers=own)).status == 200
    subjects = [asker.introspect(call.token)["sub"] for call in echo_api.calls]
    assert subjects == [each.id for each in callers] * 2
    assert server.counts(exchanging).grants == {TOKEN_EXCHANGE: 2}
    assert (await caller.get(f"{running.url}/crm/echo")).problem["code"] == "subject_token_missing"
    assert len(echo_api.calls) == 4
