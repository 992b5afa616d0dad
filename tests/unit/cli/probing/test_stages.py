"""proxy/cli/probing/stages.py: the calls of a probe, on the way that the proxy takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes.raw import RawUpstream, say
from tests.fakes.token_server import answer

if TYPE_CHECKING:
    from pathlib import Path

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


CALLERS = {"type": "oauth2_token_exchange", "subject_token": {"header": "X-User-Token"}}


async def test_a_token_of_callers_needs_one(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """Without a caller's token the alias is neither well nor failing, says what gives one, and asks nobody."""
    configure(credential=CALLERS)
    api.reply = say(b"")
    told, shown = await run("probe", "--json"), await run("probe")
    [entry] = json.loads(told.stdout)
    assert (told.exit_code, entry["token"]["ok"], entry["token"]["code"]) == (0, None, "subject_token_missing")
    assert (entry["token"]["key"], entry["api"]) == ("credentials.crm.subject_token.header", None)
    assert (tokens.requests, api.requests, shown.exit_code) == ([], [], 0)
    assert "  token   -       not probed: needs a caller's token; --present X-User-Token=@FILE\n" in shown.stdout


@pytest.mark.parametrize("present", ["X-User-Token=@user.jwt", "x-user-token=env:USER_JWT"])
async def test_a_token_of_callers_is_presented(
    run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream, monkeypatch: pytest.MonkeyPatch, folder: Path, present: str
) -> None:
    """With a caller's token the alias is probed like any other, and the token is nowhere in what is said."""
    (folder / "user.jwt").write_text("callers.own.token\n")
    monkeypatch.setenv("USER_JWT", "Bearer callers.own.token")
    configure(credential=CALLERS)
    refusal = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="no callers.own.token"'}
    api.script.append(answer(401, headers=refusal))
    told = await run("probe", "--json", "--present", present)
    [entry] = json.loads(told.stdout)
    assert (told.exit_code, entry["token"]["ok"], entry["token"]["state"], len(api.requests)) == (4, True, "fresh", 1)
    assert tokens.forms()[0]["subject_token"] == ["callers.own.token"]
    assert ("[redacted]" in entry["api"]["detail"], "callers.own.token" in told.output) == (True, False)


@pytest.mark.parametrize("credential", [{"type": "user_credentials", "username": "u", "password": {"env": "CRM_SECRET"}}])
async def test_a_static_credential_has_no_lifetime(run: Run, configure: Configure, credential: dict[str, object]) -> None:
    """What is sent as it is was never asked for: nothing is said of seconds, scope and audience."""
    configure(credentials={"crm": credential})
    told, shown = await run("probe", "--json"), await run("probe")
    [entry] = json.loads(told.stdout)
    assert (told.exit_code, entry["token"]["ok"], entry["token"]["expires_in"], entry["token"]["scope"]) == (0, True, None, None)
    assert "  token   ok      sent as it is, without a token endpoint\n" in shown.stdout


STATIC = {
    "a password": ({"type": "user_credentials", "username": "u", "password": {"env": "CRM_SECRET"}}, "password"),
    "a key": ({"type": "secure_parameter", "value": {"env": "CRM_SECRET"}}, "value"),
}


@pytest.mark.parametrize(("status", "code"), [(401, "new_token_refused"), (403, "api_forbidden")])
@pytest.mark.parametrize(("credential", "option"), STATIC.values(), ids=STATIC)
async def test_a_refused_static_credential_is_repaired_by_itself(
    run: Run, configure: Configure, api: RawUpstream, credential: dict[str, object], option: str, status: int, code: str
) -> None:
    """The option that holds it is named, since it has neither audience nor scope."""
    configure(credentials={"crm": credential})
    api.script.append(answer(status, headers={"WWW-Authenticate": "Basic" if option == "password" else "Bearer"}))
    [entry] = json.loads((await run("probe", "--json")).stdout)
    assert (entry["api"]["code"], entry["api"]["key"]) == (code, f"credentials.crm.{option}")


PRINTED = {"command": ["/bin/echo", "hunterhunter"]}
SECRETS = {
    "a program's": {"values": {"api_key": PRINTED}},
    "a program's that is not kept": {"values": {"api_key": {**PRINTED, "every": 0}}},
    "a rotation's first, a program's": {"client_secret": {"current": PRINTED, "next": {"env": "CRM_SECRET"}}},
    "a rotation's next": {"client_secret": {"current": {"env": "CRM_SECRET"}, "next": {"env": "CRM_NEXT"}}},
}


@pytest.mark.parametrize("options", SECRETS.values(), ids=SECRETS)
async def test_no_secret_of_any_place_is_shown(
    run: Run, configure: Configure, api: RawUpstream, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    """What a program printed for the exchange is hidden in an API's words, and so is a rotation's next secret."""
    monkeypatch.setenv("CRM_NEXT", "hunterhunter")
    configure({"inject": {"headers": {"X-K": "${values.api_key}"}}} if "values" in options else {}, options)
    challenge = 'Bearer error="invalid_token", error_description="key hunterhunter unknown"'
    api.script.extend([answer(401, headers={"WWW-Authenticate": challenge})] * 2)
    told, shown = await run("probe", "--json"), await run("probe")
    [entry] = json.loads(told.stdout)
    assert ("key [redacted] unknown" in entry["api"]["detail"], "hunterhunter" in told.output + shown.output) == (True, False)


async def test_a_plain_issuer_has_no_tls(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """Of a way without TLS nothing is said of TLS, also where the failure names no place."""
    tokens.script.append(answer(200, {"issuer": "http://other.example", "token_endpoint": tokens.token_url}))
    issuer = {"type": "oauth2_client_credentials", "issuer": tokens.url, "client_id": "erp", "client_secret": {"env": "CRM_SECRET"}}
    configure(credentials={"crm": issuer})
    [entry] = json.loads((await run("probe", "--json")).stdout)
    assert (entry["token"]["code"], "tls" in {check["name"] for check in entry["token"]["checks"]}) == ("token_issuer_mismatch", False)


async def test_a_rate_limit_says_when_it_ends(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """The endpoint's Retry-After stands in what is told."""
    tokens.script.append(answer(429, headers={"Retry-After": "77"}))
    configure()
    assert "; the next try is in 77 s" in " ".join((await run("probe")).stdout.split())
