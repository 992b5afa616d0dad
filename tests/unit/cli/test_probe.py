"""`bearerd probe` with a token endpoint and an API on loopback: what it says, how it ends, what it never prints."""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.fakes.raw import RawUpstream, say
from tests.fakes.token_server import answer, drop, hang
from tests.unit.cli.conftest import SECRET, Configure, Run

if TYPE_CHECKING:
    from tests.fakes.raw import Exchange, Reply
    from tests.fakes.token_server import TokenServer

NARROW = {"WWW-Authenticate": 'Bearer realm="crm", error="insufficient_scope", scope="api write"'}
INVALID = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="wrong audience"'}
TOKEN_KEYS = ["ok", "state", "code", "key", "detail", "checks", "expires_in", "scope", "claims", "header"]
API_KEYS = ["ok", "status", "code", "key", "detail"]


def jwt(claims: dict[str, object]) -> str:
    """An unsigned token with these claims, and a signature that is none."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "k1"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2lnbmF0dXJlLW9mLW5vYm9keQ"])


@dataclass(frozen=True)
class Case:
    """What the servers answer, and what a probe makes of it."""

    status: int
    code: str | None
    key: str | None
    tokens: Reply | None = None
    api: Reply | None = None
    route: dict[str, Any] = field(default_factory=dict)
    credential: dict[str, Any] = field(default_factory=dict)


TOKEN_FAILURES = {
    "no such endpoint": Case(
        3, "token_endpoint_not_found", "credentials.crm.token_url", tokens=answer(404, "<html>", content_type="text/html")
    ),
    "wrong secret": Case(3, "token_invalid_client", "credentials.crm.client_secret", tokens=answer(401, {"error": "invalid_client"})),
    "wrong scope": Case(3, "token_invalid_scope", "credentials.crm.scope", tokens=answer(400, {"error": "invalid_scope"})),
    "less scope than asked": Case(
        3,
        "token_scope_narrowed",
        "credentials.crm.scope",
        tokens=answer(200, {"access_token": "narrow-token", "scope": "chatter"}),
        credential={"scope": "api"},
    ),
    "a redirect": Case(3, "token_endpoint_redirect", "credentials.crm.token_url", tokens=answer(302)),
    "down": Case(3, "token_endpoint_error", None, tokens=answer(503)),
    "hung up": Case(3, "token_endpoint_unreachable", "credentials.crm.token_url", tokens=say(b"", close=True)),
    "silence": Case(
        3, "token_endpoint_timeout", "credentials.crm.token_request.timeout", tokens=hang, credential={"token_request": {"timeout": "50ms"}}
    ),
    "no token in it": Case(3, "token_response_invalid", "credentials.crm.token_url", tokens=answer(200, {})),
}
API_FAILURES = {
    "scope too small": Case(4, "insufficient_scope", "credentials.crm.scope", api=answer(403, headers=NARROW), credential={"scope": "api"}),
    "scope too small by 401": Case(4, "insufficient_scope", "credentials.crm.scope", api=answer(401, headers=NARROW)),
    "token refused": Case(4, "new_token_refused", "credentials.crm.audience", api=answer(401, headers=INVALID)),
    "token refused without a word": Case(4, "new_token_refused", "credentials.crm.audience", api=answer(401)),
    "another proof wanted": Case(
        4, "foreign_challenge", "routes./crm.credential", api=answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    ),
    "a session that ended, in a 200": Case(
        4,
        "new_token_refused",
        "credentials.crm.audience",
        api=answer(200, "session expired"),
        route={"expired_when": {"status": [200], "body": {"contains": "session expired"}}},
    ),
    "forbidden without a scope": Case(4, "api_forbidden", "credentials.crm.scope", api=answer(403)),
    "forbidden with a scope": Case(4, "api_forbidden", None, api=answer(403), credential={"scope": "api"}),
    "no credential": Case(4, "credential_missing", "routes./crm.credential", api=answer(401), route={"credential": "none"}),
    "no such path": Case(4, "api_status_404", "routes./crm.probe.path", api=answer(404)),
    "a redirect": Case(4, "api_redirect", "routes./crm.probe.path", api=answer(302)),
    "down": Case(4, "api_status_503", None, api=answer(503)),
    "a reset": Case(4, "upstream_closed", None, api=drop),
    "not HTTP": Case(4, "upstream_response_invalid", None, api=answer(200, headers={"Bad Name": "x"})),
    "silence": Case(4, "upstream_timeout", "routes./crm.timeout.response", api=hang, route={"timeout": {"response": "50ms"}}),
    "silence to the deadline": Case(4, "deadline_exceeded", "routes./crm.timeout.total", api=hang, route={"timeout": {"total": "50ms"}}),
    "nobody listens": Case(4, "upstream_unreachable", "routes./crm.upstream", route={"upstream": "http://127.0.0.1:1"}),
}


def script(case: Case, tokens: TokenServer, api: RawUpstream) -> None:
    tokens.script.extend([case.tokens] if case.tokens else [])
    api.script.extend([case.api] if case.api else [])


def only(text: str) -> dict[str, Any]:
    """The one entry of a probe's JSON."""
    (entry,) = json.loads(text)
    assert isinstance(entry, dict)
    return entry


async def test_a_good_alias_ends_with_0(run: Run, configure: Configure, api: RawUpstream) -> None:
    """A token is minted, the API is called with it, and both are told."""
    configure(credential={"scope": "api"})
    told = await run("probe")
    assert told.exit_code == 0
    alias, token, called = told.stdout.splitlines()
    assert alias == "crm"
    assert re.fullmatch(r"  token   ok      fresh, 3600 s, scope api \(as asked\), audience not stated, in \d+ ms", token)
    assert re.fullmatch(rf"  api     ok      GET {api.url}/v1/me answered 200, in \d+ ms", called)


async def test_the_api_is_called_as_the_proxy_calls_it(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """The path is the origin's, not the upstream's base path; token, injected headers and query go with it, once."""
    configure({"inject": {"headers": {"X-Env": "prod"}, "query": {"v": "1"}}})
    await run("probe")
    (request,) = api.requests
    assert (request.method, request.target) == ("GET", b"/v1/me?v=1")
    assert request.head.get("Authorization") == f"Bearer {tokens.issued[0]}"
    assert (request.head.get("X-Env"), request.head.get("Host")) == ("prod", api.url.removeprefix("http://"))


@pytest.mark.parametrize(
    "reply",
    [
        answer(204),
        say(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", close=True),
    ],
    ids=["204", "early hints", "a body that is cut"],
)
async def test_a_good_answer_is_one(run: Run, configure: Configure, api: RawUpstream, reply: Reply) -> None:
    """Any 2xx is good, behind interim answers too; what follows the head is nobody's concern here."""
    configure()
    api.script.append(reply)
    assert (await run("probe")).exit_code == 0


@pytest.mark.parametrize("case", TOKEN_FAILURES.values(), ids=TOKEN_FAILURES)
async def test_no_token_ends_with_3(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream, case: Case) -> None:
    """A token stage that fails is told with its code and key, and the API is not called."""
    configure(case.route, case.credential)
    script(case, tokens, api)
    told = await run("probe", "--json")
    entry = only(told.stdout)
    assert told.exit_code == case.status
    assert (entry["token"]["ok"], entry["token"]["code"], entry["token"]["key"]) == (False, case.code, case.key)
    assert entry["token"]["detail"].startswith(f"{case.code}; ")
    assert entry["token"]["detail"].endswith(f"; change {case.key}" if case.key else "; nothing to change")
    assert (entry["api"], api.requests) == (None, [])


@pytest.mark.parametrize("case", API_FAILURES.values(), ids=API_FAILURES)
async def test_a_failing_api_ends_with_4(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream, case: Case) -> None:
    """An API stage that fails, by an answer or without one, is told with its code and key after one attempt."""
    configure(case.route, case.credential)
    script(case, tokens, api)
    told = await run("probe", "/crm", "--json")
    entry = only(told.stdout)
    assert told.exit_code == case.status
    assert (entry["api"]["ok"], entry["api"]["code"], entry["api"]["key"]) == (False, case.code, case.key)
    assert entry["api"]["detail"].endswith(f"; change {case.key}" if case.key else "; nothing to change")
    assert len(api.requests) <= 1


async def test_a_wrong_endpoint_is_told_in_a_sentence(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """People read alias, cause and key in one sentence; then code and address; then the key's place."""
    configure()
    tokens.script.append(answer(404, "<html>", content_type="text/html"))
    sentence, more, code, place, checks, called = (await run("probe")).stdout.splitlines()[1:]
    assert f"{sentence} {more.strip()}" == (
        "  token   FAILED  Alias 'crm': the token endpoint answered 404 text/html. "
        "Change credentials.crm.token_url. Nothing was sent to the API."
    )
    assert code.strip() == f"token_endpoint_not_found at {tokens.token_url}: <html>"
    assert re.fullmatch(r"config/proxy.yaml:\d+:\d+: credentials.crm.token_url", place.strip())
    assert checks.strip() == "checks: secret ok, dns ok, connect ok, http FAILED"
    assert called == "  api     -       not called: there is no token for route /crm"


async def test_a_scope_too_small_is_told_in_a_sentence(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """The scope asked, granted and needed stand side by side, with the key."""
    configure(credential={"scope": "api"})
    tokens.members["scope"] = "api chatter"
    api.script.append(answer(403, headers=NARROW))
    told = " ".join((await run("probe")).stdout.split())
    assert "Route '/crm': asked api; granted api chatter; needed api write. Change credentials.crm.scope." in told


async def test_a_refused_client_is_found_step_by_step(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """The checks say how far the call came, what the answer was and what of the request it refuses."""
    configure()
    tokens.script += [answer(401, {"error": "invalid_client"})] * 2
    told = " ".join((await run("probe")).stdout.split())
    assert "checks: secret ok, dns ok, connect ok, http ok (401 application/json), answer FAILED, client FAILED" in told
    entry = only((await run("probe", "--json")).stdout)
    assert {check["name"]: check["ok"] for check in entry["token"]["checks"]} == {
        **dict.fromkeys(["secret", "dns", "connect", "http"], True),
        **dict.fromkeys(["answer", "client"], False),
    }


async def test_a_short_life_is_told(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """A token that is there may still deserve a word."""
    configure()
    tokens.members["expires_in"] = 30
    told = await run("probe", "crm")
    assert told.exit_code == 0
    assert "lifetime: the token lives 30 s, less than refresh_before (60 s)" in " ".join(told.stdout.split())


async def test_flags_are_named_where_there_is_no_file(run: Run, tokens: TokenServer) -> None:
    """A route that was made by flags is repaired by a flag."""
    tokens.script.append(answer(404))
    told = await run(
        *("probe", "--upstream", "http://127.0.0.1:1", "--token-url", tokens.token_url, "--client-id", "erp", "--client-secret", SECRET)
    )
    assert told.exit_code == 3
    assert "--token-url ($BEARERD_TOKEN_URL): credentials.default.token_url" in told.stdout
    assert "  api     -       not probed: a path to call is said in a file alone, probe.path\n" in told.stdout


async def test_json_has_these_names(run: Run, configure: Configure) -> None:
    """--json is a list of entries with a token stage and an API stage, whose names are a contract."""
    configure(credential={"scope": "api"})
    entry = only((await run("probe", "--json")).stdout)
    assert list(entry) == ["alias", "route", "token", "api"]
    assert (entry["alias"], entry["route"]) == ("crm", "/crm")
    assert (list(entry["token"]), list(entry["api"])) == (TOKEN_KEYS, API_KEYS)
    assert (entry["token"]["ok"], entry["token"]["state"], entry["token"]["expires_in"], entry["token"]["scope"]) == (
        True,
        "fresh",
        3600,
        ["api"],
    )
    assert entry["api"] == {"ok": True, "status": 200, "code": None, "key": None, "detail": None}


async def test_a_jwt_is_shown_decoded(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """Header and claims are shown, times as dates for people; the token, its parts and its signature are not."""
    configure()
    token = jwt({"iss": "https://login.example", "aud": ["crm", "erp"], "exp": 1_900_000_000})
    tokens.members["access_token"] = token
    shown, told = " ".join((await run("probe")).output.split()), await run("probe", "--json")
    entry = only(told.stdout)
    assert entry["token"]["claims"] == {"iss": "https://login.example", "aud": ["crm", "erp"], "exp": 1_900_000_000}
    assert entry["token"]["header"] == {"alg": "RS256", "kid": "k1"}
    assert "audience crm erp" in shown
    assert '"exp": "2030-03-17T17:46:40Z"' in shown
    assert [part for part in token.split(".") if part in shown + told.output] == []


async def give_back(exchange: Exchange) -> None:
    """An API that refuses the token and says which one."""
    told = exchange.request.head.get("Authorization")
    await answer(401, headers={"WWW-Authenticate": f'Bearer error="{told} {SECRET}"'})(exchange)


LEAKY = [
    answer(400, {"error": "invalid_client", "error_description": f"bad secret {SECRET}"}),
    answer(200, {"access_token": jwt({"note": SECRET, "act": jwt({"sub": "x"})}), "scope": f"api {SECRET}"}),
    answer(200, {"access_token": "opaque-token-0123456789", "scope": "opaque-token-0123456789"}),
    answer(200, {"access_token": "opaque-token-0123456789", "token_type": "opaque-token-0123456789"}),
]


@pytest.mark.parametrize("reply", LEAKY)
@pytest.mark.parametrize("json_", [(), ("--json",)], ids=["text", "json"])
async def test_no_secret_is_printed(
    run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream, reply: Reply, json_: tuple[str, ...]
) -> None:
    """A server that gives back what it was sent, in whatever place, puts neither secret nor token into the output."""
    configure()
    tokens.script.append(reply)
    api.script.append(give_back)
    told = (await run("probe", *json_)).output
    assert told
    assert [secret for secret in (SECRET, "opaque-token-0123456789", "eyJ") if secret in told] == []


async def test_what_is_no_secret_is_printed(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """Hosts and realms that the configuration says by `values` are shown; a value that is named like a secret is not."""
    values = {"host": "127.0.0.1", "realm": "acme-realm", "api_key": "acme-key-0123"}
    url = tokens.url.replace("127.0.0.1", "${values.host}") + "/realms/${values.realm}/token"
    configure(credential={"values": values, "token_url": url})
    tokens.script.append(answer(400, {"error": "invalid_client", "error_description": "no erp in acme-realm for acme-key-0123"}))
    told = " ".join((await run("probe")).stdout.split())
    assert f"token_invalid_client at {tokens.url}/realms/acme-realm/token" in told
    assert "invalid_client (no erp in acme-realm for [redacted])" in told


async def test_a_terminal_is_left_alone(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """A server's control characters do not reach the terminal."""
    configure()
    tokens.script.append(answer(200, {"access_token": jwt({"sub": "\x1b[2J"}), "scope": "\x1b[31mapi"}))
    assert "\x1b" not in (await run("probe")).stdout


async def test_nothing_to_call(run: Run, configure: Configure) -> None:
    """A route without probe.path is no failure: the token is minted, and the key that is missing is named."""
    configure({"probe": {}})
    shown, told = await run("probe"), await run("probe", "--json")
    assert "  api     -       not probed: set routes./crm.probe.path" in shown.stdout
    assert (shown.exit_code, told.exit_code, only(told.stdout)["api"]) == (0, 0, None)


async def test_nothing_at_all(run: Run, configure: Configure) -> None:
    """A configuration with neither credential nor probe path has nothing to probe, and says so."""
    configure({"credential": "none", "probe": {}}, credentials={})
    told = await run("probe", "--json")
    assert (told.exit_code, json.loads(told.stdout), told.stderr[:17]) == (0, [], "nothing to probe:")


async def test_a_route_without_a_credential(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """A route that needs no token is called without one, and an alias that no route uses is minted all the same."""
    configure({"credential": "none"})
    told = await run("probe")
    assert told.exit_code == 0
    assert "  api     -       not probed: no route uses this alias" in told.stdout
    assert "/crm (no credential)\n  api     ok" in told.stdout
    assert (len(tokens.issued), api.requests[0].head.all("Authorization")) == (1, [])


@pytest.mark.parametrize("exp", [True, "soon", 1e300])
async def test_a_strange_time_is_shown_as_it_is(run: Run, configure: Configure, tokens: TokenServer, exp: object) -> None:
    """A claim that should be a time and is none breaks nothing."""
    configure()
    tokens.members["access_token"] = jwt({"exp": exp})
    assert f'claims {{"exp": {json.dumps(exp)}}}' in (await run("probe")).stdout


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("cmr", "no alias or route 'cmr'; did you mean 'crm'?"),
        ("/cmr", "no alias or route '/cmr'; did you mean '/crm'?"),
        ("zzz", "no alias or route 'zzz'"),
    ],
)
async def test_an_unknown_name_ends_with_2(run: Run, configure: Configure, tokens: TokenServer, name: str, line: str) -> None:
    """A name that is no alias and no route is answered with the nearest one, and nobody is called."""
    configure()
    told = await run("probe", name)
    assert (told.exit_code, told.stderr.strip(), told.stdout, tokens.requests) == (2, line, "", [])


@pytest.mark.parametrize("arguments", [("--nonsense",), ("--config", "missing.yaml"), ()])
async def test_wrong_usage_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    """An unknown option, a missing file and no configuration at all are wrong usage."""
    assert (await run("probe", *arguments)).exit_code == 2


async def test_a_missing_token_counts_before_a_failing_api(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """Where both stages fail somewhere, the status is 3."""
    good = {"type": "oauth2_client_credentials", "token_url": tokens.token_url, "client_id": "erp", "client_secret": {"env": "CRM_SECRET"}}
    configure(credentials={"crm": good, "other": {**good, "token_url": "http://127.0.0.1:1/token"}})
    api.script.append(answer(403))
    told = await run("probe", "--json")
    assert told.exit_code == 3
    assert [(entry["alias"], entry["token"]["ok"], entry["api"] and entry["api"]["ok"]) for entry in json.loads(told.stdout)] == [
        ("crm", True, False),
        ("other", False, None),
    ]


async def test_two_routes_share_a_token(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """An alias is asked for one token, whichever number of routes is called with it."""
    first = {"prefix": "/a", "upstream": api.url, "credential": "crm", "probe": {"path": "/a"}}
    configure(routes=[first, {**first, "prefix": "/b", "probe": {"path": "/b"}}])
    told = await run("probe", "crm")
    assert (told.exit_code, len(tokens.issued)) == (0, 1)
    assert [request.target for request in api.requests] == [b"/a", b"/b"]
    assert told.stdout.count("  token ") == 1


async def test_an_unknown_ca_is_told(run: Run, configure: Configure) -> None:
    """A certificate of a CA that is not trusted names the key that adds it, and why, in words for people."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)
    async with RawUpstream(ssl=server) as secure:
        configure({"upstream": secure.url})
        told = await run("probe")
    assert told.exit_code == 4
    assert "Change routes./crm.tls.ca." in " ".join(told.stdout.split())
    assert "upstream_tls_error: unable to get local issuer certificate\n" in told.stdout


async def test_a_token_endpoint_of_an_unknown_ca(run: Run, configure: Configure) -> None:
    """The host, the reason and the file to write `egress.ca` into are told, and nothing of the library."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)
    async with RawUpstream(ssl=server) as secure:
        configure(credential={"token_url": f"{secure.url}/token"})
        told = " ".join((await run("probe")).stdout.split())
    assert f"token_tls_error at {secure.url}/token: unable to get local issuer certificate config/proxy.yaml: egress.ca" in told
    assert "checks: secret ok, dns ok, connect ok, tls FAILED api" in told


async def test_lines_are_narrow(run: Run, configure: Configure, tokens: TokenServer) -> None:
    """No line is over 100 columns where no terminal reads it, however much a token says of itself."""
    configure()
    tokens.members["access_token"] = jwt({"iss": "https://login.example/" + "long/" * 40, "roles": ["reader", "writer"] * 20})
    told = (await run("probe")).stdout.splitlines()
    assert (max(map(len, told)) <= 100, told[2].startswith("                  header {")) == (True, True)


def test_the_command_itself(configure: Configure) -> None:
    """The command ends a process with its status, and writes no traceback."""
    configure({"upstream": "http://127.0.0.1:1"}, {"token_url": "http://127.0.0.1:1/token"})
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "probe"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(root), "CRM_SECRET": SECRET},
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert "token_endpoint_unreachable" in done.stdout
