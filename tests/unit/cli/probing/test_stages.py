"""proxy/cli/probing/stages.py: the calls of a probe, on the way that the proxy takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes.raw import RawUpstream, say
from tests.fakes.token_server import answer

if TYPE_CHECKING:
    from tests.fakes.token_server import TokenServer
    from tests.unit.cli.conftest import Configure, Run


async def test_a_token_goes_where_the_proxy_puts_it(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """In a query, with what is made of the answer; what an API quotes of it is not shown."""
    tokens.members = {"tenant": "eu1"}
    inject = {"headers": {"X-Tenant": "${response.tenant}", "X-Path": "${request.path}"}, "query": {"v": "1"}}
    configure({"inject": inject}, {"token_placement": {"query": "key"}})

    async def repeats(exchange: object) -> None:
        challenge = {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{tokens.issued[0]}"'}
        await answer(401, headers=challenge)(exchange)  # type: ignore[arg-type]  # an Exchange

    api.script.append(repeats)
    told = await run("probe", "--json")
    [seen] = api.requests
    assert seen.target == f"/v1/me?v=1&key={tokens.issued[0]}".encode()
    assert [seen.head.get(name) for name in ("X-Tenant", "X-Path", "Authorization")] == ["eu1", "/v1/me", ""]
    assert (told.exit_code, tokens.issued[0] in told.output) == (4, False)


async def test_the_upstream_that_the_answer_names_is_called(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """`probe.path` begins at its root, as at the route's own."""
    async with RawUpstream() as named:
        tokens.members = {"instance_url": f"{named.url}/base"}
        configure(credential={"token_response": {"upstream": "instance_url"}, "allowed_hosts": ["127.0.0.1"]})
        told = await run("probe")
        assert (told.exit_code, [seen.target for seen in named.requests], api.requests) == (0, [b"/v1/me"], [])


@pytest.mark.parametrize(("asks", "sends"), [(1, 2), (2, 2)], ids=["once", "again and again"])
async def test_a_nonce_is_taken_up(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream, asks: int, sends: int) -> None:
    """An API that wants its nonce in the proof is asked once more, and no more."""
    tokens.members = {"token_type": "DPoP"}
    headers = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "n1"}
    api.script.extend([answer(401, headers=headers)] * asks)
    configure(credential={"dpop": True})
    told = await run("probe")
    proofs = {seen.head.get("DPoP") for seen in api.requests}
    assert (len(api.requests), len(proofs), told.exit_code) == (sends, sends, 0 if asks == 1 else 4)


async def test_a_token_of_callers_cannot_be_probed(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """It says so, and asks nobody."""
    configure(credential={"type": "oauth2_token_exchange", "subject_token": {"header": "Authorization"}})
    api.reply = say(b"")
    told = await run("probe", "--json")
    [entry] = json.loads(told.stdout)
    assert (told.exit_code, entry["token"]["code"], tokens.requests, api.requests) == (3, "subject_token_missing", [], [])
