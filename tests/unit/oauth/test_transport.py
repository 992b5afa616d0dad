"""proxy/oauth/transport.py: token requests on a real connection: HTTP, TLS, egress proxies, addresses, limits."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiohttp import web

from proxy import errors
from proxy.egress import Egress, EgressProxy
from proxy.oauth.exchange import Scope, TokenRequest
from proxy.oauth.options import TokenRequestOptions, TokenTLS
from proxy.oauth.response import MAX_RESPONSE
from proxy.oauth.transport import TokenTransport
from proxy.secrets.sources import Env, Text
from proxy.trust import Trust
from proxy.units import FilePath, Seconds
from tests.fakes.credentials import crm
from tests.fakes.exchanges import GOOD, KEY, Bench, NamesAt, Server, serve

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from proxy.oauth.endpoint import TokenEndpoint
    from proxy.oauth.grants import ClientCredentials
    from proxy.oauth.token import Token


def plain(token_url: str, **options: Any) -> ClientCredentials:
    return crm(token_url, scope=Scope(("api",)), **options)


def quick(token_url: str) -> ClientCredentials:
    return plain(token_url, token_request=TokenRequestOptions(timeout=Seconds(0.05)))


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
    context = Trust().context(TokenTLS(), None)
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


async def test_token(server: Server, bench: Bench) -> None:
    """One POST, and its answer is the token."""
    check(await bench.endpoint(plain(server.url + "/as//token?x=%2F")).fetch(KEY))
    ((path, body, headers),) = server.seen
    assert path == "/as//token?x=%2F"
    assert body == "grant_type=client_credentials&scope=api"
    assert headers["User-Agent"] == "bearerd"
    assert (headers["Content-Type"], headers["Accept"]) == ("application/x-www-form-urlencoded", "application/json")
    assert "Cookie" not in headers


async def test_compressed_answer(server: Server, bench: Bench) -> None:
    """A gzip answer is read."""

    async def zipped(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=gzip.compress(GOOD.encode()), headers={"Content-Encoding": "gzip"}, content_type="application/json")

    server.answer = zipped
    check(await bench.endpoint(plain(server.url + "/")).fetch(KEY))


async def test_cookie_is_not_kept(server: Server, bench: Bench) -> None:
    """A cookie of one answer is not sent with the next request."""

    async def with_cookie(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=GOOD, headers={"Set-Cookie": "a=b; Path=/"})

    server.answer = with_cookie
    endpoint = bench.endpoint(plain(server.url + "/"))
    await endpoint.fetch(KEY)
    await endpoint.fetch(KEY)
    assert [headers.get("Cookie") for _, _, headers in server.seen] == [None, None]


async def test_redirect_is_not_followed(server: Server, bench: Bench) -> None:
    """A 307 would carry the secret elsewhere: it is an error, and the other place sees nothing."""

    async def away(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{server.port}/other"})

    server.answer = away
    error = await refused(bench.endpoint(plain(server.url + "/token")))
    assert error.code == "token_endpoint_redirect"
    assert [path for path, _, _ in server.seen] == ["/token"]


async def test_environment_proxy_is_ignored(server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY and the like say nothing to bearerd."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    check(await bench.endpoint(plain(server.url + "/")).fetch(KEY))


@pytest.mark.parametrize("status", [200, 400])
async def test_answer_over_the_limit(server: Server, bench: Bench, status: int) -> None:
    """1.5 MiB is not read to its end."""

    async def large(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"x" * (MAX_RESPONSE * 3 // 2), status=status)

    server.answer = large
    error = await refused(bench.endpoint(plain(server.url + "/")))
    assert error.code == "token_response_invalid"
    assert "over 1 MiB" in error.facts


async def test_compressed_bomb(server: Server, bench: Bench) -> None:
    """The limit counts what comes out of the compression."""

    async def bomb(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b" " * (64 << 20)), headers={"Content-Encoding": "gzip"})

    server.answer = bomb
    assert (await refused(bench.endpoint(plain(server.url + "/")))).code == "token_response_invalid"


async def test_hang(server: Server, bench: Bench) -> None:
    """An endpoint that never answers ends with the timeout, 503."""
    forever = asyncio.Event()

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await forever.wait()
        return web.Response()

    server.answer = hang
    error = await refused(bench.endpoint(quick(server.url + "/")))
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
async def test_malformed_http(bench: Bench, data: bytes, code: str) -> None:
    """An answer that is cut short or is no HTTP is 503 and nothing worse."""
    listening = await raw_answer(data)
    port = listening.sockets[0].getsockname()[1]
    error = await refused(bench.endpoint(plain(f"http://127.0.0.1:{port}/")))
    assert (error.status, error.code) == (503, code)
    listening.close()
    await listening.wait_closed()


async def test_connection_refused(bench: Bench) -> None:
    """A closed port is 503; the address is for the log alone."""
    port = free_port()
    error = await refused(bench.endpoint(plain(f"http://127.0.0.1:{port}/token?code=1")))
    assert (error.status, error.code, error.key) == (503, "token_endpoint_unreachable", "credentials.crm.token_url")
    assert "127.0.0.1" not in error.detail
    assert f"http://127.0.0.1:{port}/token:" in error.log_detail
    assert "code=1" not in error.log_detail


async def test_unknown_name(bench: Bench) -> None:
    """A name that does not resolve is 502, without the name."""
    error = await refused(bench.endpoint(plain("https://login.invalid/token"), resolver=NamesAt()))
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
async def test_forbidden_literal(bench: Bench, url: str) -> None:
    """A link-local or metadata address is not called, however it is spelled."""
    error = await refused(bench.endpoint(quick(url)))
    assert (error.status, error.code) == (502, "token_address_refused")


async def test_plaintext_to_another_machine(bench: Bench) -> None:
    """A URL that an earlier answer made is not called without TLS unless the credential allows it; nothing is sent."""
    error = await refused(bench.endpoint(quick("http://login.test/token"), resolver=NamesAt("127.0.0.1"), allow_plaintext=False))
    assert (error.code, error.key) == ("token_address_refused", "credentials.crm.allow_plaintext")


async def test_name_at_a_forbidden_address(bench: Bench) -> None:
    """Nor where a name leads there."""
    error = await refused(bench.endpoint(quick("http://login.test/"), resolver=NamesAt("169.254.169.254", "fe80::1")))
    assert error.code == "token_address_refused"


async def test_name_with_an_allowed_address(server: Server, bench: Bench) -> None:
    """Of several addresses only the allowed ones are tried."""
    names = NamesAt("169.254.169.254", "127.0.0.1")
    check(await bench.endpoint(plain(f"http://login.test:{server.port}/"), resolver=names).fetch(KEY))


@pytest.mark.parametrize("host", ["127.0.0.1", "login.test"])
async def test_link_local_allowed_by_name(server: Server, bench: Bench, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`allow_link_local: true` lets the call out that is refused without it; loopback stands in for such an address."""
    monkeypatch.setattr("proxy.oauth.transport.forbidden_address", lambda address: address == "127.0.0.1")
    url, names = f"http://{host}:{server.port}/", NamesAt("127.0.0.1")
    assert (await refused(bench.endpoint(plain(url), resolver=names))).code == "token_address_refused"
    check(await bench.endpoint(plain(url, allow_link_local=True), resolver=names).fetch(KEY))


async def test_tls(secure: Server, authority: trustme.CA, bench: Bench) -> None:
    """A certificate of a trusted CA is accepted."""
    check(await bench.endpoint(plain(f"https://127.0.0.1:{secure.port}/"), tls=trusting(authority)).fetch(KEY))


async def test_ca_file(secure: Server, authority: trustme.CA, bench: Bench, tmp_path: Path) -> None:
    """egress.ca adds to the system's trust."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    check(await bench.endpoint(plain(f"https://127.0.0.1:{secure.port}/"), tls=Trust().context(TokenTLS(), str(file))).fetch(KEY))


async def test_unknown_ca(secure: Server, bench: Bench) -> None:
    """An unknown CA names egress.ca, and the secret was not sent."""
    error = await refused(bench.endpoint(plain(f"https://127.0.0.1:{secure.port}/")))
    assert (error.status, error.code, error.key) == (502, "token_tls_error", "egress.ca")
    assert secure.seen == []


async def test_wrong_name(authority: trustme.CA, bench: Bench) -> None:
    """A certificate for another host names token_url, and no host."""
    server, runner = await serve_tls(authority, "other.test")
    error = await refused(bench.endpoint(plain(f"https://127.0.0.1:{server.port}/"), tls=trusting(authority)))
    assert (error.code, error.key) == ("token_tls_error", "credentials.crm.token_url")
    assert "127.0.0.1" not in error.detail
    await runner.cleanup()


async def test_expired_certificate(authority: trustme.CA, bench: Bench) -> None:
    """An expired certificate is the endpoint's own matter: no key of ours repairs it."""
    server, runner = await serve_tls(authority, "127.0.0.1", not_after=datetime(2001, 1, 1, tzinfo=UTC))
    error = await refused(bench.endpoint(plain(f"https://127.0.0.1:{server.port}/"), tls=trusting(authority)))
    assert (error.code, error.key) == ("token_tls_error", None)
    assert "certificate has expired" in error.facts
    assert error.detail.endswith("; nothing to change")
    await runner.cleanup()


async def test_https_to_a_plain_port(server: Server, bench: Bench) -> None:
    """TLS towards a plain server is a TLS error."""
    error = await refused(bench.endpoint(plain(f"https://127.0.0.1:{server.port}/")))
    assert (error.code, error.key) == ("token_tls_error", "credentials.crm.token_url")


async def test_egress_proxy(server: Server, bench: Bench) -> None:
    """A token call over plain http goes to the egress proxy in absolute form."""
    check(await bench.endpoint(plain("http://login.test/token"), egress=Egress(proxy=server.url), resolver=NamesAt("127.0.0.1")).fetch(KEY))
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


async def test_https_through_the_egress_proxy(secure: Server, authority: trustme.CA, bench: Bench) -> None:
    """An https token call is tunnelled: the proxy sees the host's name, never the secret."""
    tunnel = Tunnel(secure.port)
    listening = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    egress = Egress(proxy=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    known = Egress(proxy=egress.proxy, username="bearerd", password=Text("pässword"))
    check(await bench.endpoint(plain("https://127.0.0.1:4443/"), tls=trusting(authority), egress=egress).fetch(KEY))
    assert tunnel.heads[0].startswith(b"CONNECT 127.0.0.1:4443 HTTP/1.1\r\n")
    assert b"uthorization" not in tunnel.heads[0]
    check(await bench.endpoint(plain("https://127.0.0.1:4443/"), tls=trusting(authority), egress=known).fetch(KEY))
    assert b"Proxy-Authorization: Basic " + b64encode("bearerd:pässword".encode()) + b"\r\n" in tunnel.heads[1]
    assert "Proxy-Authorization" not in secure.seen[1][2]
    error = await refused(bench.endpoint(plain("https://127.0.0.1:4443/"), egress=egress))
    assert (error.code, error.key) == ("token_tls_error", "egress.ca")
    listening.close()


async def test_a_407_in_the_tunnel(secure: Server, authority: trustme.CA, bench: Bench) -> None:
    """It is the endpoint's own: the proxy has let the call through, and sees nothing of its answer."""

    async def unauthorised(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=407)

    secure.answer = unauthorised
    listening = await asyncio.start_server(Tunnel(secure.port), "127.0.0.1", 0)
    egress = Egress(proxy=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    error = await refused(bench.endpoint(plain("https://127.0.0.1:4443/"), tls=trusting(authority), egress=egress))
    assert (error.code, error.key) == ("token_request_refused", "credentials.crm.token_url")
    assert "the token endpoint answered 407" in error.facts
    listening.close()


async def test_no_proxy(server: Server, bench: Bench) -> None:
    """A host in no_proxy is called directly."""
    endpoint = bench.endpoint(plain(server.url + "/"), egress=Egress(proxy=f"http://127.0.0.1:{free_port()}", no_proxy=("127.0.0.0/8",)))
    check(await endpoint.fetch(KEY))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_egress_proxy_that_is_down(bench: Bench, scheme: str) -> None:
    """A proxy that cannot be reached is not taken for the endpoint."""
    error = await refused(bench.endpoint(plain(f"{scheme}://login.test/"), egress=Egress(proxy=f"http://127.0.0.1:{free_port()}")))
    assert (error.status, error.code, error.key) == (502, "token_egress_error", "egress.proxy")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_egress_proxy_that_refuses(server: Server, bench: Bench, scheme: str) -> None:
    """407, to CONNECT or to a plain call, is the proxy's refusal."""

    async def unauthorised(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=407)

    server.answer = unauthorised
    error = await refused(bench.endpoint(plain(f"{scheme}://login.test/"), egress=Egress(proxy=server.url)))
    assert (error.code, error.key) == ("token_egress_error", "egress.proxy")
    assert "407" in error.facts or "authentication" in error.facts


async def test_hanging_endpoint_slows_no_other(server: Server, bench: Bench) -> None:
    """Fifty hanging fetches of one credential leave another's untouched."""
    forever = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/hang":
            await forever.wait()
        return web.Response(text=GOOD)

    server.answer = hang
    hanging = bench.endpoint(plain(server.url + "/hang"))
    stuck = [asyncio.create_task(hanging.fetch(KEY)) for _ in range(50)]
    check(await bench.endpoint(plain(server.url + "/")).fetch(KEY))
    forever.set()
    await asyncio.gather(*stuck)


async def test_egress_proxy_with_a_password(server: Server, bench: Bench) -> None:
    """The proxy is told who calls, and the endpoint's own Authorization stays as it is."""
    egress = Egress(proxy=server.url, username="bearerd", password=Text("pässword"))
    check(await bench.endpoint(plain("http://login.test/"), egress=egress, resolver=NamesAt("127.0.0.1")).fetch(KEY))
    headers = server.seen[0][2]
    assert headers["Proxy-Authorization"] == "Basic " + b64encode("bearerd:pässword".encode()).decode()
    assert headers["Authorization"].startswith("Basic ")
    assert headers["Authorization"] != headers["Proxy-Authorization"]


async def test_egress_proxy_whose_password_is_missing(server: Server, bench: Bench) -> None:
    """Without its password nothing is sent, and its key is named."""
    egress = Egress(proxy=server.url, username="bearerd", password=Env("NOT_SET_ANYWHERE"))
    error = await refused(bench.endpoint(plain("http://login.test/"), egress=egress))
    assert (error.code, error.key) == ("token_egress_error", "egress.password")
    assert server.seen == []


async def test_own_proxy(server: Server, bench: Bench) -> None:
    """`token_request.proxy` stands in place of the way out for all, and without its password."""
    egress = Egress(proxy=f"http://127.0.0.1:{free_port()}", username="bearerd", password=Text("s3cr3t"))
    own = EgressProxy(url=server.url)
    check(await bench.endpoint(plain("http://login.test/"), egress=egress, own=own, resolver=NamesAt("127.0.0.1")).fetch(KEY))
    assert "Proxy-Authorization" not in server.seen[0][2]


async def test_own_proxy_that_is_down(bench: Bench) -> None:
    """A proxy of the credential's own that cannot be reached names its own key."""
    error = await refused(bench.endpoint(plain("http://login.test/"), own=EgressProxy(url=f"http://127.0.0.1:{free_port()}")))
    assert (error.code, error.key) == ("token_egress_error", "credentials.crm.token_request.proxy")


async def test_client_certificate(authority: trustme.CA, bench: Bench, tmp_path: Path) -> None:
    """`token_request.tls` presents a certificate (RFC 8705 §2); without it the server takes nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server()
    runner = await serve(server, context)
    client = authority.issue_cert("client.test")
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca))
    client.cert_chain_pems[0].write_to_path(str(cert))
    client.private_key_pem.write_to_path(str(key))
    own = TokenTLS(ca=FilePath(str(ca)), cert=FilePath(str(cert)), key=FilePath(str(key)))
    url = f"https://127.0.0.1:{server.port}/"
    check(await bench.endpoint(plain(url), tls=Trust().context(own, None)).fetch(KEY))
    error = await refused(bench.endpoint(plain(url), tls=Trust().context(TokenTLS(), str(ca))))
    assert error.status >= 502
    assert len(server.seen) == 1
    await runner.cleanup()


async def test_server_name(authority: trustme.CA, bench: Bench) -> None:
    """`server_name` is the name for which the certificate has to be."""
    server, runner = await serve_tls(authority, "login.test")
    endpoint = bench.endpoint(plain(f"https://127.0.0.1:{server.port}/"), tls=trusting(authority), server_name="login.test")
    check(await endpoint.fetch(KEY))
    await runner.cleanup()


async def test_what_an_answer_holds(server: Server) -> None:
    """Header names in lower case, each Set-Cookie line, the status as it is; a GET has no body."""

    async def cookies(_: web.BaseRequest) -> web.StreamResponse:
        answer = web.Response(status=418, text="short and stout", headers={"X-Token": "t"})
        answer.headers.add("Set-Cookie", "a=1; Path=/")
        answer.headers.add("Set-Cookie", "b=2")
        return answer

    server.answer = cookies
    transport = TokenTransport("crm", tls=Trust().context(TokenTLS(), None))
    said = await transport.send(TokenRequest(f"{server.url}/x?a=b", b"", {"Accept": "application/json"}, "GET"))
    await transport.aclose()
    assert (said.status, said.body, said.headers["x-token"], said.cookies) == (418, b"short and stout", "t", ("a=1; Path=/", "b=2"))
    ((path, body, headers),) = server.seen
    assert (path, body) == ("/x?a=b", "")
    assert "Content-Type" not in headers


async def test_end_and_new_begin(server: Server) -> None:
    """A transport that was ended may be ended again, and used again."""
    transport = TokenTransport("crm", tls=Trust().context(TokenTLS(), None))
    await transport.aclose()
    for _ in range(2):
        assert (await transport.send(TokenRequest(server.url, b"", {}))).status == 200
        await transport.aclose()


async def test_egress_proxy_that_leads_nowhere(server: Server, bench: Bench) -> None:
    """Another refusal of CONNECT is the proxy's as well, with its status."""

    async def bad_gateway(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=502)

    server.answer = bad_gateway
    error = await refused(bench.endpoint(plain("https://login.test/"), egress=Egress(proxy=server.url)))
    assert (error.code, error.key) == ("token_egress_error", "egress.proxy")
    assert "the egress proxy answered 502" in error.facts


async def test_egress_proxy_whose_password_is_no_text(server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password with foreign bytes is told without showing any of it."""
    monkeypatch.setenv("PROXY_PASSWORD", "abc\udcff")
    egress = Egress(proxy=server.url, username="bearerd", password=Env("PROXY_PASSWORD"))
    error = await refused(bench.endpoint(plain("http://login.test/"), egress=egress))
    assert (error.code, error.key) == ("token_egress_error", "egress.password")
    assert "udcff" not in error.detail + error.log_detail
    assert server.seen == []
