"""Where a token goes on a call, where its answer sends the call, whose token it is, and the proxy on the way out.

Each by the YAML that a user writes, and by the bytes that reach the API.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tests.fakes.egress_proxy import EgressProxy
from tests.fakes.raw import RawUpstream, say
from tests.fakes.token_server import TokenServer

if TYPE_CHECKING:
    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes

CALLERS = "callers-own-token"
PASSWORD = "0ut-pässword"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"


def credential(server: TokenServer, **more: Any) -> dict[str, Any]:
    return {
        "type": "oauth2_client_credentials",
        "token_url": server.token_url,
        "client_id": "id",
        "client_secret": "hush-hush",
        **more,
    }


def route(upstream: str, **more: Any) -> dict[str, Any]:
    return {"prefix": "/crm", "name": "crm", "upstream": upstream, "credential": "crm", **more}


@pytest.mark.parametrize(
    ("placement", "names"),
    [
        pytest.param({"header": "X-Auth-Token"}, {"X-Auth-Token": "{token}"}, id="bare"),
        pytest.param({"header": "X-Auth", "prefix": "Token "}, {"X-Auth": "Token {token}"}, id="prefix"),
        pytest.param({"prefix": "OAuth "}, {"Authorization": "OAuth {token}"}, id="Authorization, prefix"),
        pytest.param(
            {"header": "X-Sig", "value": "${request.method} ${request.path} ${token}"},
            {"X-Sig": "GET /base/a {token}"},
            id="of the request",
        ),
        pytest.param({"header": "X-Auth", "value": "Basic ${base64(${client_id}:${token})}"}, {"X-Auth": "Basic {basic}"}, id="template"),
    ],
)
async def test_a_token_in_a_header(
    placement: dict[str, str],
    names: dict[str, str],
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """In place of whatever the caller sent under that name; no other Authorization is sent."""
    crm = credential(token_server, token_placement=placement)
    running = bearerd(route(f"{raw_upstream.url}/base"), credentials={"crm": crm})
    mine = {"Authorization": f"Bearer {CALLERS}", **dict.fromkeys(names, CALLERS)}
    assert (await caller.get(f"{running.url}/crm/a?b=1", headers=mine)).status == 200
    [seen], [token] = raw_upstream.requests, token_server.issued
    basic = base64.b64encode(f"id:{token}".encode()).decode()
    expected = {"Authorization": "", **{name: text.format(token=token, basic=basic) for name, text in names.items()}}
    assert ({name: seen.head.get(name) for name in expected}, seen.target) == (expected, b"/base/a?b=1")


async def test_a_token_in_the_query(token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd) -> None:
    """In place of the caller's parameter; renewed after a 401, and in no line, metric or answer."""
    crm = credential(token_server, token_placement={"query": "access_token"})
    running = bearerd(route(raw_upstream.url), credentials={"crm": crm}, log={"level": "debug"})
    await caller.get(f"{running.url}/crm/warm")
    raw_upstream.script.append(say(REFUSED))
    got = await caller.get(f"{running.url}/crm/a?x=1&access_token={CALLERS}", headers={"Authorization": f"Bearer {CALLERS}"})
    first, second = token_server.issued
    assert [request.target.decode() for request in raw_upstream.requests] == [
        f"/warm?access_token={first}",
        f"/a?x=1&access_token={first}",
        f"/a?x=1&access_token={second}",
    ]
    assert (got.status, [seen.head.get("Authorization") for seen in raw_upstream.requests]) == (200, [""] * 3)
    _, metrics = await running.admin("/metrics")
    told = f"{running.said}\n{metrics}\n{got.proxy_status}"
    assert [secret in told for secret in (first, second, CALLERS, "hush-hush")] == [False] * 4


async def test_values_of_the_answer_are_injected(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """In headers and query, beside what is fixed; one that the answer lacks is a 503 with the key, and nothing is sent."""
    token_server.members = {"rest": {"token": "r3st"}, "member": "a b&c"}
    crm = credential(token_server, values={"tenant": "eu1"})
    inject = {
        "headers": {"X-Tenant": "${values.tenant}", "X-Rest": "${response.rest.token}", "X-Fixed": "f"},
        "query": {"m": "${response.member}", "on": "${now:%Y}"},
    }
    running = bearerd(
        route(raw_upstream.url, inject=inject),
        route(raw_upstream.url, inject={"headers": {"X-No": "${response.none}"}}) | {"prefix": "/none", "name": "none"},
        credentials={"crm": crm},
    )
    assert (await caller.get(f"{running.url}/crm/a?m=mine", headers={"X-Rest": CALLERS})).status == 200
    [seen] = raw_upstream.requests
    assert [seen.head.get(name) for name in ("X-Tenant", "X-Rest", "X-Fixed")] == ["eu1", "r3st", "f"]
    assert seen.target.startswith(b"/a?m=a%20b%26c&on=20")
    got = await caller.get(f"{running.url}/none/a")
    assert (got.status, got.problem["code"], len(raw_upstream.requests)) == (503, "token_response_invalid", 1)


async def test_the_answer_names_the_upstream(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """Salesforce's instance_url: the call goes there with the route's own path, Location comes back, the login host is not called."""
    async with RawUpstream() as instance:
        instance.reply = say(f"HTTP/1.1 201 Created\r\nLocation: {instance.url}/services/a/7\r\nContent-Length: 0\r\n\r\n".encode())
        token_server.members = {"instance_url": instance.url}
        crm = credential(token_server, token_response={"upstream": "instance_url"}, allowed_hosts=["127.0.0.1"])
        running = bearerd(route(f"{raw_upstream.url}/services"), credentials={"crm": crm})
        got = await caller.post(f"{running.url}/crm/a?b=1", b"hello")
        [seen] = instance.requests
    assert (seen.target, seen.head.get("Host"), seen.body.data) == (b"/services/a?b=1", f"127.0.0.1:{instance.port}", b"hello")
    assert (got.status, got.get("Location"), raw_upstream.requests) == (201, f"{running.url}/crm/a/7", [])


@pytest.mark.parametrize(
    ("named", "hosts", "key"),
    [
        pytest.param("https://evil.test", ["127.0.0.1"], "credentials.crm.allowed_hosts", id="not allowed"),
        pytest.param("http://api.test", ["127.0.0.1", "api.test"], "routes.crm.allow_plaintext", id="without TLS"),
        pytest.param("https://169.254.169.254", ["127.0.0.1", "169.254.169.254"], "routes.crm.allow_link_local", id="link-local"),
    ],
)
async def test_where_an_answer_does_not_lead(
    named: str,
    hosts: list[str],
    key: str,
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """503 with the key that would allow it; the token is sent nowhere."""
    token_server.members = {"instance_url": named}
    crm = credential(token_server, token_response={"upstream": "instance_url"}, allowed_hosts=hosts)
    running = bearerd(route(raw_upstream.url), credentials={"crm": crm})
    got = await caller.get(f"{running.url}/crm/a")
    assert (got.status, got.problem["key"], raw_upstream.requests) == (503, key, [])


async def test_a_callers_own_token_is_exchanged(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """One token for each caller's, cached; what callers showed goes to the token endpoint and no further; without it 401."""
    crm = credential(token_server, type="oauth2_token_exchange", subject_token={"header": "Authorization"})
    running = bearerd(route(raw_upstream.url), credentials={"crm": crm}, log={"level": "debug"})
    for who in ("ada-s3cret", "bob-s3cret", "ada-s3cret"):
        assert (await caller.get(f"{running.url}/crm/a", headers={"Authorization": f"Bearer {who}"})).status == 200
    first, second = token_server.issued
    assert [seen.head.get("Authorization") for seen in raw_upstream.requests] == [f"Bearer {token}" for token in (first, second, first)]
    asked = [parse_qs(request.body.data.decode()) for request in token_server.requests]
    assert [form["subject_token"] for form in asked] == [["ada-s3cret"], ["bob-s3cret"]]
    got = await caller.get(f"{running.url}/crm/a")
    assert (got.status, got.problem["code"], got.get("WWW-Authenticate")) == (401, "subject_token_missing", "Bearer")
    assert (len(raw_upstream.requests), "s3cret" in running.said) == (3, False)


async def test_one_callers_refused_token_holds_up_no_other(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """A 401 to one caller's new token is remembered for that caller alone."""
    crm = credential(token_server, type="oauth2_token_exchange", subject_token={"header": "X-User"})
    running = bearerd(route(raw_upstream.url), credentials={"crm": crm})
    await caller.get(f"{running.url}/crm/a", headers={"X-User": "bob"})
    raw_upstream.script.extend([say(REFUSED), say(REFUSED)])
    ada = await caller.get(f"{running.url}/crm/a", headers={"X-User": "ada"})
    bob = await caller.get(f"{running.url}/crm/a", headers={"X-User": "bob"})
    assert (ada.status, "new_token_refused" in ada.proxy_status) == (401, True)
    assert (bob.status, "token_replaced" in bob.proxy_status, len(token_server.issued)) == (200, True, 3)


def out(proxy: EgressProxy, **more: Any) -> dict[str, Any]:
    return {"proxy": proxy.url, "username": "bearerd", "password": PASSWORD, **more}


async def test_an_egress_proxy_is_told_who_calls(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """By token calls and API calls alike; it sees a tunnel to the API, and the API sees nothing of it."""
    expected = "Basic " + base64.b64encode(f"bearerd:{PASSWORD}".encode()).decode()
    async with EgressProxy(expected) as proxy:
        running = bearerd(route(raw_upstream.url), credentials={"crm": credential(token_server)}, egress=out(proxy))
        assert (await caller.get(f"{running.url}/crm/a")).status == 200
        assert proxy.lines == [f"POST {token_server.token_url} HTTP/1.1", f"CONNECT 127.0.0.1:{raw_upstream.port} HTTP/1.1"]
    seen = [request.head.get("Proxy-Authorization") for request in (*token_server.requests, *raw_upstream.requests)]
    assert (seen, PASSWORD in running.said, expected in running.said) == (["", ""], False, False)


@pytest.mark.parametrize(
    ("egress", "key"),
    [
        pytest.param({"password": "wrong-one"}, "egress.password", id="wrong"),
        pytest.param({"username": None, "password": None}, "egress.proxy", id="none"),
    ],
)
@pytest.mark.parametrize(
    ("around", "code"),
    [pytest.param([], "token_egress_error", id="token call"), pytest.param(["token"], "upstream_egress_error", id="API call")],
)
async def test_an_egress_proxy_that_does_not_know_us(
    egress: dict[str, Any],
    key: str,
    around: list[str],
    code: str,
    raw_upstream: RawUpstream,
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """A 407 is told as what it is, with the key of the password, or of the proxy where none is said; nothing goes past it."""
    async with EgressProxy("Basic none") as proxy, TokenServer() as tokens:
        upstream = f"http://localhost:{raw_upstream.port}"
        crm = credential(tokens, token_url=tokens.token_url)
        ways = out(proxy, **egress, no_proxy=["127.0.0.1"] if around else [])
        running = bearerd(route(upstream), credentials={"crm": crm}, egress={name: value for name, value in ways.items() if value})
        got = await caller.get(f"{running.url}/crm/a")
    assert (got.status, got.problem["code"], got.problem["key"], raw_upstream.requests) == (502, code, key, [])
    assert "wrong-one" not in running.said


async def test_a_routes_own_proxy_has_its_own_password(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd
) -> None:
    """The password of `egress` goes to no other proxy than its own; a route's proxy is a URL, or a mapping with a password."""
    async with EgressProxy() as shared, EgressProxy() as plain, EgressProxy() as named:
        running = bearerd(
            route(raw_upstream.url, proxy=plain.url),
            route(raw_upstream.url, proxy={"url": named.url, "username": "u", "password": "p"}) | {"prefix": "/named", "name": "named"},
            credentials={"crm": credential(token_server)},
            egress=out(shared),
        )
        for prefix in ("crm", "named"):
            assert (await caller.get(f"{running.url}/{prefix}/a")).status == 200
    told = [[head.get("Proxy-Authorization") for head in proxy.asked] for proxy in (shared, plain, named)]
    assert told == [["Basic " + base64.b64encode(f"bearerd:{PASSWORD}".encode()).decode()], [""], ["Basic dTpw"]]
