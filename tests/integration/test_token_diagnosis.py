"""Every way in which a token call fails, caused for real: the caller hears code and key, and `bearerd probe` finds how far the call came.

One bearerd with an alias for each failure serves each table.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import threading
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.raw import Exchange, RawUpstream, Reply, say
from tests.fakes.token_server import TokenServer, answer, hang
from tests.integration.running import ran

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd
    from tests.integration.running import Bearerd

pytestmark = pytest.mark.lanes

SECRET = "s3cret-of-the-client:/+"


@dataclass(frozen=True, slots=True)
class Case:
    """An answer of the token endpoint, what the credential says beside it, and what is told of it; `key` "": nothing to change."""

    reply: Reply
    status: int
    code: str
    key: str
    words: str = ""
    says: Mapping[str, Any] = field(default_factory=dict)


def declared(error: str, description: str = "", status: int = 400) -> Reply:
    return answer(status, {"error": error, **({"error_description": description} if description else {})})


def with_date(status: int, said: object, header: str, seconds: float) -> Reply:
    """An answer with a date in this header, so many seconds from when it is asked for."""

    async def reply(exchange: Exchange) -> None:
        await answer(status, said, headers={header: dated(seconds)})(exchange)

    return reply


def dated(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


PAGE = "<html><title>Sign in</title>"
JWT = {"client_auth": "client_secret_jwt"}
PASSWORD = {"type": "oauth2_password", "username": "u", "password": "p4ssword-of-the-user"}
ANSWERS = {
    "wrong": Case(answer(404, PAGE, content_type="text/html"), 502, "token_endpoint_not_found", "token_url", "404 text/html"),
    "html": Case(answer(200, PAGE, content_type="text/html"), 503, "token_response_not_json", "token_url", "200 text/html"),
    "redirect": Case(answer(302, headers={"Location": "http://127.0.0.1:1/"}), 502, "token_endpoint_redirect", "token_url", "302"),
    "client": Case(declared("invalid_client", status=401), 502, "token_invalid_client", "client_secret", "used was client_secret_basic"),
    "method": Case(
        declared("invalid_client", "unsupported authentication method"), 502, "token_invalid_client", "client_auth", "authentication method"
    ),
    "signed": Case(declared("invalid_client", "bad aud"), 502, "token_invalid_client", "assertion.audience", "client_secret_jwt", JWT),
    "password": Case(declared("invalid_grant", "wrong password"), 502, "token_invalid_grant", "password", "wrong password", PASSWORD),
    "refresh": Case(
        declared("invalid_grant"),
        *(502, "token_invalid_grant", "refresh_token", "invalid_grant"),
        {"type": "oauth2_refresh_token", "refresh_token": "r3fresh-token"},
    ),
    "grant": Case(declared("unsupported_grant_type"), 502, "token_unsupported_grant_type", "type"),
    "rights": Case(declared("unauthorized_client"), 502, "token_unauthorized_client", "client_id"),
    "scope": Case(declared("invalid_scope", "no such scope"), 502, "token_invalid_scope", "scope", "asked was api", {"scope": "api"}),
    "narrow": Case(
        answer(200, {"access_token": "t", "token_type": "Bearer", "scope": "read"}),
        *(502, "token_scope_narrowed", "scope", "asked read write; granted read"),
        {"scope": "read write"},
    ),
    "target": Case(declared("invalid_target"), 502, "token_request_refused", "resource", "", {"resource": "https://api.test"}),
    "audience": Case(
        declared("access_denied", "Service not enabled within domain", 403), 502, "token_request_refused", "audience", "Service not enabled"
    ),
    "form": Case(answer(415, ""), 502, "token_request_refused", "token_request.content_type", "does not take a form body"),
    "unread": Case(declared("invalid_request", "Missing grant_type"), 502, "token_request_refused", "token_request.content_type"),
    "ahead": Case(with_date(401, {"error": "invalid_client"}, "Date", -100), 502, "token_invalid_client", "", "ahead of the server's", JWT),
    "behind": Case(with_date(400, {"error": "invalid_grant"}, "Date", 100), 502, "token_invalid_grant", "", "behind the server's", JWT),
    "limit": Case(answer(429, headers={"Retry-After": "60"}), 503, "token_rate_limited", ""),
    "limit-by-date": Case(with_date(429, "", "Retry-After", 90), 503, "token_rate_limited", ""),
    "errors": Case(answer(400, {"errors": [{"code": "601", "message": "no"}]}), 502, "token_request_refused", "token_request", "601 (no)"),
    "object": Case(answer(403, {"error": {"message": "no app"}}), 502, "token_request_refused", "token_url", "error (no app)"),
    "fault": Case(
        answer(401, {"fault": {"faultstring": "Invalid key", "detail": {"errorcode": "oauth.v2.Invalid"}}}),
        *(502, "token_request_refused", "client_secret", "oauth.v2.Invalid (Invalid key)"),
    ),
    "message": Case(
        answer(400, {"message": f"bad key {SECRET} " + "x " * 300}), 502, "token_request_refused", "token_request", "bad key [red"
    ),
    "vendor": Case(answer(200, {"errorCode": "E7", "errorMessage": "no"}), 502, "token_request_refused", "token_url", "E7 (no)"),
    "code": Case(answer(400, {"error_code": 1042, "message": "no"}), 502, "token_request_refused", "token_request", "1042 (no)"),
    "silence": Case(hang, 503, "token_endpoint_timeout", "token_request.timeout", "0.5 s", {"token_request": {"timeout": "500ms"}}),
}
FAILED_FIRST = {  # by code: the first check that fails
    "token_endpoint_not_found": "http",
    "token_response_not_json": "http",
    "token_endpoint_redirect": "http",
    "token_rate_limited": "http",
    "token_endpoint_timeout": "http",
    "token_dns_error": "dns",
    "token_address_refused": "dns",
    "token_endpoint_unreachable": "connect",
    "token_tls_error": "tls",
    "token_egress_error": "egress",
}


def credential(token_url: str, says: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "oauth2_client_credentials", "token_url": token_url, "client_id": "id", "client_secret": SECRET, **says}


def route(alias: str, upstream: RawUpstream) -> dict[str, Any]:
    return {"prefix": f"/{alias}", "name": alias, "upstream": upstream.url, "credential": alias}


def probed(config: Path) -> dict[str, dict[str, Any]]:
    """The token stage of every alias, as `bearerd probe --json` tells it."""
    done = ran("probe", "--json", config=config)
    assert done.returncode == 3, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return {entry["alias"]: entry["token"] for entry in json.loads(done.stdout)}


def first_failed(stage: Mapping[str, Any]) -> str:
    return str(next(check["name"] for check in stage["checks"] if check["ok"] is False))


@pytest_asyncio.fixture(loop_scope="session")
async def answering() -> AsyncIterator[TokenServer]:
    """A token endpoint that answers the alias in its path as ANSWERS says."""

    async def as_told(exchange: Exchange) -> None:
        await ANSWERS[exchange.request.target.decode().rpartition("/")[2]].reply(exchange)

    async with TokenServer() as server:
        server.reply = as_told
        yield server


async def told(running: Bearerd, caller: Caller, alias: str) -> tuple[int, str, str, str]:
    """Status, code, key ("": nothing to change) and the whole sentence of a call that found no token."""
    got = await caller.get(f"{running.url}/{alias}")
    problem = got.problem
    key = problem.get("key") or ""
    assert problem["detail"].endswith(f"; change {key}" if key else "; nothing to change")
    return got.status, problem["code"], key.removeprefix(f"credentials.{alias}."), problem["detail"]


async def test_every_refusal_has_its_code_and_its_key(
    answering: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller
) -> None:
    """The answer decides: code, key and words are told to the caller, quoted short and without a secret, and the API sees nothing."""
    aliases = {alias: credential(f"{answering.url}/{alias}", case.says) for alias, case in ANSWERS.items()}
    running = bearerd(*(route(alias, raw_upstream) for alias in aliases), credentials=aliases)
    found = {alias: await told(running, caller, alias) for alias in ANSWERS}

    assert {alias: said[:3] for alias, said in found.items()} == {
        alias: (case.status, case.code, case.key) for alias, case in ANSWERS.items()
    }
    assert [alias for alias, case in ANSWERS.items() if case.words not in found[alias][3]] == []
    assert max(len(said[3]) for said in found.values()) < 700
    assert SECRET not in running.said
    assert running.wait_for(lambda line: line.get("alias") == "html" and 'a page "Sign in"' in (line.get("log_detail") or ""))
    assert raw_upstream.requests == []

    assert running.config is not None
    stages = await asyncio.to_thread(probed, running.config)
    expected = {alias: FAILED_FIRST.get(case.code, "answer") for alias, case in ANSWERS.items()}
    assert {alias: first_failed(stage) for alias, stage in stages.items()} == expected
    assert {alias for alias, stage in stages.items() if any(check["name"] == "clock" and not check["ok"] for check in stage["checks"])} == {
        "ahead",
        "behind",
    }


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [pytest.param(lambda: "60", 55, 61, id="seconds"), pytest.param(lambda: dated(90), 80, 91, id="a date")],
)
async def test_a_rate_limit_is_obeyed_in_both_forms(
    header: Callable[[], str],
    least: int,
    most: int,
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    bearerd: StartBearerd,
    caller: Caller,
) -> None:
    """After a 429 the endpoint is left alone until its Retry-After is over, be it seconds or a date."""
    token_server.reply = answer(429, headers={"Retry-After": header()})
    url = f"{bearerd(route('crm', raw_upstream), credentials={'crm': credential(token_server.token_url, {})}).url}/crm"
    await caller.get(url)
    assert await caller.many(url, 5) == {503}
    assert least <= int((await caller.get(url)).get("Retry-After")) <= most
    assert len(token_server.requests) == 1


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of this test alone; `file` is what `tls.ca` names."""

    ca: trustme.CA
    file: str

    def server(self, name: str, *, until: datetime | None = None) -> ssl.SSLContext:
        """A server's side of TLS; its certificate ends at `until`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        began = until - timedelta(days=365) if until else None
        self.ca.issue_cert(name, not_before=began, not_after=until).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return Authority(ca, str(tmp_path / "ca.pem"))


@pytest.fixture
def wanting(authority: Authority) -> Iterator[int]:
    """The port of a server that takes nobody without a certificate, and says so: asyncio's own would reset the connection."""
    context = authority.server("127.0.0.1")
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # which says so in the handshake; later, the alert may cross the request
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_refuse, args=(listening, context), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _refuse(listening: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # the end of the test
        while True:
            accepted, _ = listening.accept()
            with context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as connection:
                with suppress(ssl.SSLError):
                    connection.do_handshake()
                while os.read(connection.fileno(), 1 << 12):  # whoever closes on unread bytes resets, and the alert is lost
                    pass


@asynccontextmanager
async def speaking_plainly() -> AsyncIterator[int]:
    """The port of a server without TLS, which answers whatever comes."""

    async def answer_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_at_once, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def through(proxy: RawUpstream, authority: Authority) -> dict[str, Any]:
    return {"token_request": {"proxy": proxy.url, "tls": {"ca": authority.file}}}


async def test_every_broken_way_has_its_code_and_its_key(
    authority: Authority, wanting: int, raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller
) -> None:
    """TLS, DNS, refused connections and egress proxies are told apart, each with the key that repairs it, before a secret is sent."""
    trusted = {"token_request": {"tls": {"ca": authority.file}}}
    refusing, asking = say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), say(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
    async with (
        TokenServer(ssl=authority.server("127.0.0.1")) as good,
        TokenServer(ssl=authority.server("login.test")) as named,
        TokenServer(ssl=authority.server("127.0.0.1", until=datetime(2021, 1, 1, tzinfo=UTC))) as expired,
        RawUpstream(reply=refusing) as closed,
        RawUpstream(reply=asking) as curious,
        speaking_plainly() as plain,
    ):
        cases: dict[str, tuple[str, dict[str, Any], tuple[int, str, str], str]] = {
            "ca": (good.token_url, {}, (502, "token_tls_error", "egress.ca"), "CA is unknown"),
            "name": (named.token_url, trusted, (502, "token_tls_error", "token_url"), "for another name"),
            "expired": (expired.token_url, trusted, (502, "token_tls_error", ""), "certificate has expired"),
            "wanting": (
                f"https://127.0.0.1:{wanting}/token",
                trusted,
                (502, "token_tls_error", "token_request.tls.cert"),
                "wants a client certificate",
            ),
            "plain": (f"https://127.0.0.1:{plain}/token", {}, (502, "token_tls_error", "token_url"), "does not speak TLS"),
            "dns": ("https://login.invalid/token", {}, (502, "token_dns_error", "token_url"), "does not resolve"),
            "port": ("http://127.0.0.1:1/token", {}, (503, "token_endpoint_unreachable", "token_url"), "connection was refused"),
            "closed": (good.token_url, through(closed, authority), (502, "token_egress_error", "token_request.proxy"), "answered 403"),
            "curious": (
                good.token_url,
                through(curious, authority),
                (502, "token_egress_error", "token_request.proxy"),
                "asks for a user and password",
            ),
            "nowhere": (
                good.token_url,
                {"token_request": {"proxy": "http://127.0.0.1:1", "tls": {"ca": authority.file}}},
                (502, "token_egress_error", "token_request.proxy"),
                "cannot be reached",
            ),
        }
        aliases = {alias: credential(url, says) for alias, (url, says, _, _) in cases.items()}
        running = bearerd(*(route(alias, raw_upstream) for alias in cases), credentials=aliases)
        found = {alias: await told(running, caller, alias) for alias in cases}

        assert {alias: said[:3] for alias, said in found.items()} == {alias: case[2] for alias, case in cases.items()}
        assert [found[alias][3] for alias, case in cases.items() if case[3] not in found[alias][3]] == []
        assert [server.requests for server in (good, named, expired, raw_upstream)] == [[]] * 4

        assert running.config is not None
        stages = await asyncio.to_thread(probed, running.config)
        expected = {alias: FAILED_FIRST[case[2][1]] for alias, case in cases.items()}
        assert {alias: first_failed(stage) for alias, stage in stages.items()} == expected


def metadata(server: TokenServer, issuer: str, **more: Any) -> dict[str, Any]:
    return {"issuer": issuer, "token_endpoint": f"{server.url}/token", **more}


async def test_what_an_issuer_publishes_is_judged_before_the_secret_is_sent(
    raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller
) -> None:
    """Another issuer, a method that is not listed, no metadata: code and key, and no token request at all."""
    cases = {
        "slash": ((502, "token_issuer_mismatch", "issuer"), "differ in a slash"),
        "other": ((502, "token_issuer_mismatch", "issuer"), "names another issuer"),
        "unlisted": ((502, "token_invalid_client", "client_auth"), "it lists private_key_jwt; the secret was not sent"),
        "missing": ((502, "token_endpoint_not_found", "issuer"), "404"),
        "pointless": ((503, "token_response_invalid", "issuer"), "names no token_endpoint"),
    }
    async with TokenServer() as server:
        published = {
            "slash": metadata(server, f"{server.url}/slash/"),
            "other": metadata(server, "https://login.test"),
            "unlisted": metadata(server, f"{server.url}/unlisted", token_endpoint_auth_methods_supported=["private_key_jwt"]),
            "pointless": {"issuer": f"{server.url}/pointless"},
        }

        async def publish(exchange: Exchange) -> None:
            name = next((name for name in published if f"/{name}" in exchange.request.target.decode()), None)
            await (answer(200, published[name]) if name else answer(404, ""))(exchange)

        server.reply = publish
        aliases = {alias: {**credential("", {}), "issuer": f"{server.url}/{alias}"} for alias in cases}
        for said in aliases.values():
            del said["token_url"]
        running = bearerd(*(route(alias, raw_upstream) for alias in cases), credentials=aliases)
        found = {alias: await told(running, caller, alias) for alias in cases}

        assert {alias: said[:3] for alias, said in found.items()} == {alias: case[0] for alias, case in cases.items()}
        assert [alias for alias, case in cases.items() if case[1] not in found[alias][3]] == []
        assert {request.method for request in server.requests} == {"GET"}
        assert SECRET not in running.said
        both = f"write issuer: {server.url}/slash/ instead of {server.url}/slash"
        assert running.wait_for(lambda line: both in (line.get("log_detail") or ""))


async def test_a_short_life_is_warned_of_once(
    token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller
) -> None:
    """A token that lives shorter than refresh_before is used, and the log names the key once."""
    token_server.members = {"expires_in": 1}
    running = bearerd(route("crm", raw_upstream), credentials={"crm": credential(token_server.token_url, {})})
    while len(token_server.issued) < 2:
        assert (await caller.get(f"{running.url}/crm")).status == 200
    [line] = running.events("token_short_lived")
    assert (line["level"], line["alias"], line["key"]) == ("warning", "crm", "credentials.crm.lifetime.min_refresh_interval")


async def test_a_clock_matters_to_signatures_alone(
    tmp_path: Path, token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller
) -> None:
    """With a plain secret the same Date changes nothing: the secret is named."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "key.pem").chmod(0o600)
    signed = {"client_auth": "private_key_jwt", "private_key": {"file": str(tmp_path / "key.pem")}}
    token_server.reply = with_date(401, {"error": "invalid_client"}, "Date", -3600)
    aliases = {"plain": credential(token_server.token_url, {}), "signed": credential(token_server.token_url, signed)}
    del aliases["signed"]["client_secret"]
    running = bearerd(*(route(alias, raw_upstream) for alias in aliases), credentials=aliases)
    plain, by_key = await told(running, caller, "plain"), await told(running, caller, "signed")
    assert plain[:3] == (502, "token_invalid_client", "client_secret")
    assert by_key[:3] == (502, "token_invalid_client", "")
    assert "set this host's clock" in by_key[3]
    assert "clock" not in plain[3]
