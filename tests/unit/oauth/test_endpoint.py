"""proxy/oauth/endpoint.py: a grant against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from proxy import errors
from proxy.oauth.credential import Credential, CredentialOptions, TokenRequestOptions
from proxy.oauth.endpoint import TokenEndpoint, tls_context
from proxy.oauth.grants import ClientCredentials, Scope
from proxy.oauth.response import MAX_RESPONSE
from proxy.oauth.token import TokenKey
from proxy.secrets.sources import Env, File, Text
from proxy.units import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from proxy.oauth.token import Token

KEY = TokenKey("fingerprint")
GOOD = '{"access_token": "abc", "token_type": "Bearer", "expires_in": 60}'


@dataclass
class Server:
    """An HTTP server that answers as it is told and keeps what it saw."""

    port: int = 0
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(
            (request.raw_path if isinstance(request, web.Request) else request.path_qs, await request.text(), dict(request.headers))
        )
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(text=GOOD, content_type="application/json")


class Names(AbstractResolver):
    """Every name is at these addresses, or is unknown."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        if not self.addresses:
            raise OSError(None, "unknown name")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family or socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST)
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Build(Protocol):
    """Builds an endpoint for `token_url` and takes its end upon itself."""

    def __call__(
        self,
        token_url: str,
        options: CredentialOptions = ...,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        no_proxy: tuple[str, ...] = (),
        resolver: AbstractResolver | None = None,
    ) -> TokenEndpoint: ...


OPTIONS = CredentialOptions(client_secret=Text("s3cr3t"))
QUICK = CredentialOptions(client_secret=Text("s3cr3t"), token_request=TokenRequestOptions(timeout=Seconds(0.05)))


@pytest.fixture
async def build() -> AsyncGenerator[Build, None]:
    built: list[TokenEndpoint] = []

    def endpoint(
        token_url: str,
        options: CredentialOptions = OPTIONS,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        no_proxy: tuple[str, ...] = (),
        resolver: AbstractResolver | None = None,
    ) -> TokenEndpoint:
        grant = ClientCredentials(token_url=token_url, client_id="id", scope=Scope(("api",)))
        built.append(
            TokenEndpoint(
                Credential(alias="crm", grant=grant, options=options),
                tls=tls or tls_context(),
                proxy=proxy,
                no_proxy=no_proxy,
                clock=lambda: 100.0,
                wall=lambda: 1_800_000_000.0,
                chance=lambda: 0.5,
                resolver=resolver,
            )
        )
        return built[-1]

    yield endpoint
    await asyncio.gather(*(endpoint.aclose() for endpoint in built))


async def serve(server: Server, tls: ssl.SSLContext | None = None) -> web.ServerRunner:
    runner = web.ServerRunner(web.Server(server), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server.port = runner.addresses[0][1]
    return runner


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    server = Server()
    runner = await serve(server)
    yield server
    await runner.cleanup()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def serve_tls(authority: trustme.CA, *names: str, not_after: datetime | None = None) -> tuple[Server, web.ServerRunner]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_before=datetime(2000, 1, 1, tzinfo=UTC), not_after=not_after).configure_cert(context)
    server = Server()
    return server, await serve(server, context)


@pytest.fixture
async def secure(authority: trustme.CA) -> AsyncGenerator[Server, None]:
    server, runner = await serve_tls(authority, "127.0.0.1")
    yield server
    await runner.cleanup()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = tls_context()
    authority.configure_trust(context)
    return context


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def refused(endpoint: TokenEndpoint) -> errors.TokenError:
    with pytest.raises(errors.TokenError) as caught:
        await endpoint.fetch(KEY)
    return caught.value


def check(token: Token) -> None:
    assert (token.value, token.obtained_at, token.expires_at) == ("abc", 100, 160)


async def test_token(server: Server, build: Build) -> None:
    """One POST, and its answer is the token."""
    check(await build(f"http://127.0.0.1:{server.port}/as//token?x=%2F").fetch(KEY))
    ((path, body, headers),) = server.seen
    assert path == "/as//token?x=%2F"
    assert body == "grant_type=client_credentials&scope=api"
    assert headers["User-Agent"] == "bearerd"
    assert (headers["Content-Type"], headers["Accept"]) == ("application/x-www-form-urlencoded", "application/json")
    assert "Cookie" not in headers


async def test_compressed_answer(server: Server, build: Build) -> None:
    """A gzip answer is read."""

    async def zipped(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=gzip.compress(GOOD.encode()), headers={"Content-Encoding": "gzip"}, content_type="application/json")

    server.answer = zipped
    check(await build(f"http://127.0.0.1:{server.port}/").fetch(KEY))


async def test_cookie_is_not_kept(server: Server, build: Build) -> None:
    """A cookie of one answer is not sent with the next request."""

    async def with_cookie(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=GOOD, headers={"Set-Cookie": "a=b; Path=/"})

    server.answer = with_cookie
    endpoint = build(f"http://127.0.0.1:{server.port}/")
    await endpoint.fetch(KEY)
    await endpoint.fetch(KEY)
    assert [headers.get("Cookie") for _, _, headers in server.seen] == [None, None]


async def test_redirect_is_not_followed(server: Server, build: Build) -> None:
    """A 307 would carry the secret elsewhere: it is an error, and the other place sees nothing."""

    async def away(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{server.port}/other"})

    server.answer = away
    error = await refused(build(f"http://127.0.0.1:{server.port}/token"))
    assert error.code == "token_endpoint_redirect"
    assert [path for path, _, _ in server.seen] == ["/token"]


async def test_environment_proxy_is_ignored(server: Server, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY and the like say nothing to bearerd."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    check(await build(f"http://127.0.0.1:{server.port}/").fetch(KEY))


@pytest.mark.parametrize("status", [200, 400])
async def test_answer_over_the_limit(server: Server, build: Build, status: int) -> None:
    """1.5 MiB is not read to its end."""

    async def large(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"x" * (MAX_RESPONSE * 3 // 2), status=status)

    server.answer = large
    error = await refused(build(f"http://127.0.0.1:{server.port}/"))
    assert error.code == "token_response_invalid"
    assert "over 1 MiB" in error.facts


async def test_compressed_bomb(server: Server, build: Build) -> None:
    """The limit counts what comes out of the compression."""

    async def bomb(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b" " * (64 << 20)), headers={"Content-Encoding": "gzip"})

    server.answer = bomb
    assert (await refused(build(f"http://127.0.0.1:{server.port}/"))).code == "token_response_invalid"


async def test_html(server: Server, build: Build) -> None:
    """A sign-in page under 200 is told by its media type."""

    async def page(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="<html>", content_type="text/html")

    server.answer = page
    error = await refused(build(f"http://127.0.0.1:{server.port}/"))
    assert error.code == "token_response_not_json"
    assert "answered 200 text/html, not a JSON object" in error.facts


async def test_hang(server: Server, build: Build) -> None:
    """An endpoint that never answers ends with the timeout, 503."""
    forever = asyncio.Event()

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await forever.wait()
        return web.Response()

    server.answer = hang
    error = await refused(build(f"http://127.0.0.1:{server.port}/", QUICK))
    assert (error.status, error.code, error.key) == (503, "token_endpoint_timeout", "credentials.crm.token_request.timeout")
    forever.set()


async def raw_answer(data: bytes) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"scope=api")
        writer.write(data)
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "token_endpoint_unreachable"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "token_response_invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "token_endpoint_unreachable"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "token_response_invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx", "token_endpoint_unreachable"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "token_response_invalid"),
    ],
)
async def test_malformed_http(build: Build, data: bytes, code: str) -> None:
    """An answer that is cut short or is no HTTP is 503 and nothing worse."""
    listening = await raw_answer(data)
    port = listening.sockets[0].getsockname()[1]
    error = await refused(build(f"http://127.0.0.1:{port}/"))
    assert (error.status, error.code) == (503, code)
    listening.close()
    await listening.wait_closed()


async def test_connection_refused(build: Build) -> None:
    """A closed port is 503; the address is for the log alone."""
    port = free_port()
    error = await refused(build(f"http://127.0.0.1:{port}/token?code=1"))
    assert (error.status, error.code, error.key) == (503, "token_endpoint_unreachable", "credentials.crm.token_url")
    assert "127.0.0.1" not in error.detail
    assert f"http://127.0.0.1:{port}/token:" in error.log_detail
    assert "code=1" not in error.log_detail


async def test_unknown_name(build: Build) -> None:
    """A name that does not resolve is 502, without the name."""
    error = await refused(build("https://login.invalid/token", resolver=Names()))
    assert (error.status, error.code, error.key) == (502, "token_dns_error", "credentials.crm.token_url")
    assert "login" not in error.detail
    assert "login.invalid" in error.log_detail


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/token",
        "http://[fe80::1]/token",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
    ],
)
async def test_forbidden_literal(build: Build, url: str) -> None:
    """A link-local or metadata address is not called, however it is spelled."""
    error = await refused(build(url, QUICK))
    assert (error.status, error.code) == (502, "token_address_refused")


async def test_name_at_a_forbidden_address(build: Build) -> None:
    """Nor where a name leads there."""
    error = await refused(build("http://login.test/", QUICK, resolver=Names("169.254.169.254", "fe80::1")))
    assert error.code == "token_address_refused"


async def test_name_with_an_allowed_address(server: Server, build: Build) -> None:
    """Of several addresses only the allowed ones are tried."""
    names = Names("169.254.169.254", "127.0.0.1")
    check(await build(f"http://login.test:{server.port}/", resolver=names).fetch(KEY))


@pytest.mark.parametrize("host", ["127.0.0.1", "login.test"])
async def test_link_local_allowed_by_name(server: Server, build: Build, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`allow_link_local: true` lets the call out that is refused without it; loopback stands in for such an address."""
    monkeypatch.setattr("proxy.oauth.endpoint.forbidden_address", lambda address: address == "127.0.0.1")
    url, names = f"http://{host}:{server.port}/", Names("127.0.0.1")
    assert (await refused(build(url, resolver=names))).code == "token_address_refused"
    allowed = CredentialOptions(client_secret=OPTIONS.client_secret, allow_link_local=True)
    check(await build(url, allowed, resolver=names).fetch(KEY))


async def test_tls(secure: Server, authority: trustme.CA, build: Build) -> None:
    """A certificate of a trusted CA is accepted."""
    check(await build(f"https://127.0.0.1:{secure.port}/", tls=trusting(authority)).fetch(KEY))


async def test_ca_file(secure: Server, authority: trustme.CA, build: Build, tmp_path: Path) -> None:
    """egress.ca adds to the system's trust."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    check(await build(f"https://127.0.0.1:{secure.port}/", tls=tls_context(str(file))).fetch(KEY))


async def test_unknown_ca(secure: Server, build: Build) -> None:
    """An unknown CA names egress.ca, and the secret was not sent."""
    error = await refused(build(f"https://127.0.0.1:{secure.port}/"))
    assert (error.status, error.code, error.key) == (502, "token_tls_error", "egress.ca")
    assert secure.seen == []


async def test_wrong_name(authority: trustme.CA, build: Build) -> None:
    """A certificate for another host names token_url, and no host."""
    server, runner = await serve_tls(authority, "other.test")
    error = await refused(build(f"https://127.0.0.1:{server.port}/", tls=trusting(authority)))
    assert (error.code, error.key) == ("token_tls_error", "credentials.crm.token_url")
    assert "127.0.0.1" not in error.detail
    await runner.cleanup()


async def test_expired_certificate(authority: trustme.CA, build: Build) -> None:
    """An expired certificate is the endpoint's own matter: no key of ours repairs it."""
    server, runner = await serve_tls(authority, "127.0.0.1", not_after=datetime(2001, 1, 1, tzinfo=UTC))
    error = await refused(build(f"https://127.0.0.1:{server.port}/", tls=trusting(authority)))
    assert (error.code, error.key) == ("token_tls_error", None)
    assert "certificate has expired" in error.facts
    assert error.detail.endswith("; nothing to change")
    await runner.cleanup()


async def test_https_to_a_plain_port(server: Server, build: Build) -> None:
    """TLS towards a plain server is a TLS error."""
    error = await refused(build(f"https://127.0.0.1:{server.port}/"))
    assert (error.code, error.key) == ("token_tls_error", "credentials.crm.token_url")


async def test_egress_proxy(server: Server, build: Build) -> None:
    """A token call over plain http goes to the egress proxy in absolute form."""
    check(await build("http://login.test/token", proxy=f"http://127.0.0.1:{server.port}", resolver=Names("127.0.0.1")).fetch(KEY))
    assert server.seen[0][2]["Host"] == "login.test"


class Tunnel:
    """An egress proxy that takes CONNECT to any host and leads to 127.0.0.1:port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
    writer.close()


async def test_https_through_the_egress_proxy(secure: Server, authority: trustme.CA, build: Build) -> None:
    """An https token call is tunnelled: the proxy sees the host's name, never the secret."""
    tunnel = Tunnel(secure.port)
    listening = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    proxy = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    check(await build("https://127.0.0.1:4443/", tls=trusting(authority), proxy=proxy).fetch(KEY))
    assert tunnel.heads[0].startswith(b"CONNECT 127.0.0.1:4443 HTTP/1.1\r\n")
    assert b"uthorization" not in tunnel.heads[0]
    error = await refused(build("https://127.0.0.1:4443/", proxy=proxy))
    assert (error.code, error.key) == ("token_tls_error", "egress.ca")
    listening.close()


async def test_no_proxy(server: Server, build: Build) -> None:
    """A host in no_proxy is called directly."""
    endpoint = build(f"http://127.0.0.1:{server.port}/", proxy=f"http://127.0.0.1:{free_port()}", no_proxy=("127.0.0.0/8",))
    check(await endpoint.fetch(KEY))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_egress_proxy_that_is_down(build: Build, scheme: str) -> None:
    """A proxy that cannot be reached is not taken for the endpoint."""
    error = await refused(build(f"{scheme}://login.test/", proxy=f"http://127.0.0.1:{free_port()}"))
    assert (error.status, error.code, error.key) == (502, "token_egress_error", "egress.proxy")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_egress_proxy_that_refuses(server: Server, build: Build, scheme: str) -> None:
    """407, to CONNECT or to a plain call, is the proxy's refusal."""

    async def unauthorised(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=407)

    server.answer = unauthorised
    error = await refused(build(f"{scheme}://login.test/", proxy=f"http://127.0.0.1:{server.port}"))
    assert (error.code, error.key) == ("token_egress_error", "egress.proxy")
    assert "407" in error.facts or "authentication" in error.facts


async def test_rotated_secret(server: Server, build: Build, tmp_path: Path) -> None:
    """The secret is read for every fetch, and its version changes with it without telling it."""
    file = tmp_path / "secret"
    file.write_text("first\n")
    options = CredentialOptions(client_secret=File(str(file)), client_auth="client_secret_post")
    endpoint = build(f"http://127.0.0.1:{server.port}/", options)
    await endpoint.fetch(KEY)
    before = endpoint.secret_version()
    file.write_text("second\n")
    await endpoint.fetch(KEY)
    assert [body.rpartition("=")[2] for _, body, _ in server.seen] == ["first", "second"]
    assert before is not None
    assert before != endpoint.secret_version()
    assert "first" not in before


async def test_unreadable_secret(server: Server, build: Build, tmp_path: Path) -> None:
    """Without its secret nothing is sent; the place is for the log alone."""
    options = CredentialOptions(client_secret=File(str(tmp_path / "none")))
    endpoint = build(f"http://127.0.0.1:{server.port}/", options)
    error = await refused(endpoint)
    assert (error.code, error.origin, error.key) == ("secret_unavailable", "config", "credentials.crm.client_secret")
    assert str(tmp_path) not in error.detail
    assert str(tmp_path) in error.log_detail
    assert endpoint.secret_version() is None
    assert server.seen == []


async def test_secret_that_is_no_text(server: Server, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with foreign bytes is the secret's fault, told without showing any of it."""
    monkeypatch.setenv("CRM_SECRET", "abc\udcff")
    endpoint = build(f"http://127.0.0.1:{server.port}/", CredentialOptions(client_secret=Env("CRM_SECRET")))
    error = await refused(endpoint)
    assert error.code == "secret_unavailable"
    assert "udcff" not in error.detail + error.log_detail
    assert endpoint.secret_version() is not None


async def test_no_secret(server: Server, build: Build) -> None:
    """A credential without client_secret fails closed."""
    assert (await refused(build(f"http://127.0.0.1:{server.port}/", CredentialOptions()))).code == "secret_unavailable"


async def test_hanging_endpoint_slows_no_other(server: Server, build: Build) -> None:
    """Fifty hanging fetches of one credential leave another's untouched."""
    forever = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/hang":
            await forever.wait()
        return web.Response(text=GOOD)

    server.answer = hang
    hanging = build(f"http://127.0.0.1:{server.port}/hang")
    stuck = [asyncio.create_task(hanging.fetch(KEY)) for _ in range(50)]
    check(await build(f"http://127.0.0.1:{server.port}/").fetch(KEY))
    forever.set()
    await asyncio.gather(*stuck)
