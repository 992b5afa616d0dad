"""proxy/http/upstream/connect.py: TCP, TLS and the egress proxy; every failure with the key that repairs it."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from proxy.egress import Egress, EgressProxy, way_out
from proxy.errors import (
    UpstreamAddressRefusedError,
    UpstreamClosedError,
    UpstreamConnectTimeoutError,
    UpstreamDNSError,
    UpstreamEgressError,
    UpstreamError,
    UpstreamTLSError,
    UpstreamUnreachableError,
)
from proxy.http.address import UpstreamURL
from proxy.http.routing import Route, RouteTLS, Timeout
from proxy.http.upstream import Connection, Connector, Resolver
from proxy.secrets.sources import Env, Text
from proxy.trust import Trust
from proxy.units import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Material:
    """A CA, a certificate for localhost, one for a client, and one that has expired."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.good = self.ca.issue_cert("localhost", "127.0.0.1")
        self.other = self.ca.issue_cert("other.test")
        self.expired = self.ca.issue_cert("localhost", "127.0.0.1", not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        client = self.ca.issue_cert("client@test")
        self.cert_file, self.key_file = folder / "client.pem", folder / "client.key"
        client.cert_chain_pems[0].write_to_path(self.cert_file)
        client.private_key_pem.write_to_path(self.key_file)

    def server(self, certificate: trustme.LeafCert, *, wants_client: bool = False, newest: bool = True) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        if not newest:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tls"))


async def answer_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)
    await reader.read()


@asynccontextmanager
async def server(serve: Any = answer_ok, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback; its port. Its connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    running = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def connector(
    url: str | UpstreamURL,
    *,
    proxy: str | None = None,
    own: EgressProxy | None = None,
    connect: float = 5.0,
    ca: Path | None = None,
    who: Any = None,
    **facts: Any,
) -> Connector:
    route = Route(
        prefix="/",
        upstream=url if isinstance(url, UpstreamURL) else UpstreamURL.parse(url),
        credential="none",
        name="r",
        timeout=Timeout(connect=Seconds(connect)),
        **facts,
    )
    context = Trust().context(route.tls, str(ca) if ca else None) if route.upstream.scheme == "https" else None
    out = way_out(route.upstream.host, Egress(proxy=proxy, **who or {}), own=own, key="routes.r.proxy")
    return Connector(route, resolver=Resolver(asyncio.get_running_loop().time), context=context, egress=out)


async def exchange(connection: Connection) -> tuple[int, bytes]:
    connection.begin(b"GET")
    connection.write(REQUEST)
    try:
        async with asyncio.timeout(5):
            return (await connection.head()).status, await connection.read()
    finally:
        connection.abort()
        await asyncio.sleep(0)


async def failure(to: Connector) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await exchange(await to.connect())
    await asyncio.sleep(0)
    return raised.value


async def test_a_plain_connection() -> None:
    """By name and by address."""
    async with server() as port:
        assert [await exchange(await connector(f"http://{host}:{port}").connect()) for host in ("127.0.0.1", "localhost")] == [
            (200, b"ok")
        ] * 2


async def test_nobody_listens() -> None:
    """The key is the upstream; host and port stand in the log alone."""
    port = free_port()
    error = await failure(connector(f"http://127.0.0.1:{port}"))
    assert (type(error), error.key, str(port) in str(error), str(port) in error.log_detail) == (
        UpstreamUnreachableError,
        "routes.r.upstream",
        False,
        True,
    )


@pytest.mark.parametrize("host", ["no-such-name.invalid", f"{'a' * 70}.test", "a..b"])
async def test_no_such_name(host: str) -> None:
    """Neither a name that does not exist nor one that cannot is a fault of ours."""
    error = await failure(connector(UpstreamURL("http", host, 80, "")))
    assert (type(error), error.key) == (UpstreamDNSError, "routes.r.upstream")


async def test_a_metadata_address_is_refused() -> None:
    """Nothing is sent to it."""
    error = await failure(connector("http://169.254.169.254"))
    assert (type(error), error.key) == (UpstreamAddressRefusedError, "routes.r.upstream")


async def test_tls_by_http_1_1(material: Material) -> None:
    """Trust from `egress.ca` or `tls.ca`; ALPN says http/1.1 and nothing else."""
    async with server(context=material.server(material.good)) as port:
        by_egress = await connector(f"https://localhost:{port}", ca=material.ca_file).connect()
        by_route = await connector(f"https://127.0.0.1:{port}", tls=RouteTLS(ca=str(material.ca_file))).connect()
        assert by_egress._transport is not None
        assert by_egress._transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        assert [await exchange(by_egress), await exchange(by_route)] == [(200, b"ok")] * 2


async def test_the_server_name_of_the_route_is_verified(material: Material) -> None:
    """`tls.server_name` stands for the URL's host."""
    async with server(context=material.server(material.other)) as port:
        to = connector(f"https://127.0.0.1:{port}", ca=material.ca_file, tls=RouteTLS(server_name="other.test"))
        assert await exchange(await to.connect()) == (200, b"ok")


@pytest.mark.parametrize(
    ("certificate", "trusted", "key"),
    [("good", False, "routes.r.tls.ca"), ("other", True, "routes.r.tls.server_name"), ("expired", True, None)],
)
async def test_a_certificate_that_is_refused(material: Material, certificate: str, trusted: bool, key: str | None) -> None:  # noqa: FBT001  # a column of the table
    """The key that repairs it, if one does; no host is told to callers."""
    async with server(context=material.server(getattr(material, certificate))) as port:
        error = await failure(connector(f"https://localhost:{port}", ca=material.ca_file if trusted else None))
    assert (type(error), error.key, "localhost" in str(error)) == (UpstreamTLSError, key, False)


def refuse_one(listener: socket.socket, context: ssl.SSLContext) -> None:
    """A handshake that fails as OpenSSL's own does, with an alert; asyncio's server sends none."""
    plain, _ = listener.accept()
    secure = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
    with secure:
        secure.settimeout(5)
        with suppress(ssl.SSLError):
            secure.do_handshake()
        with suppress(OSError):
            socket.socket.shutdown(secure, socket.SHUT_WR)
            while socket.socket.recv(secure, 1 << 16):
                pass


@pytest.mark.parametrize("name", ["a..b", f"{'a' * 70}.test", "."])
async def test_a_server_name_that_is_none(material: Material, name: str) -> None:
    """Told as TLS with the key that says it, not as a fault of ours; nothing stays open."""
    async with server(context=material.server(material.good)) as port:
        error = await failure(connector(f"https://127.0.0.1:{port}", ca=material.ca_file, tls=RouteTLS(server_name=name)))
    assert (type(error), error.key) == (UpstreamTLSError, "routes.r.tls.server_name")


@pytest.mark.parametrize("newest", [True, False], ids=["TLS 1.3", "TLS 1.2"])
async def test_a_client_certificate_is_asked_for(material: Material, newest: bool) -> None:  # noqa: FBT001  # a column of the table
    """In TLS 1.3 the refusal comes after the handshake; both name the same key."""
    context = material.server(material.good, wants_client=True, newest=newest)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusing = asyncio.create_task(asyncio.to_thread(refuse_one, listener, context))
        error = await failure(connector(f"https://localhost:{listener.getsockname()[1]}", ca=material.ca_file))
        await refusing
    assert (type(error), error.key) == (UpstreamTLSError, "routes.r.tls.cert")


@pytest.mark.parametrize("newest", [True, False], ids=["TLS 1.3", "TLS 1.2"])
async def test_a_client_certificate_is_shown(material: Material, newest: bool) -> None:  # noqa: FBT001  # a column of the table
    """`tls.cert` and `tls.key`."""
    tls = RouteTLS(cert=str(material.cert_file), key=str(material.key_file))
    async with server(context=material.server(material.good, wants_client=True, newest=newest)) as port:
        assert await exchange(await connector(f"https://localhost:{port}", ca=material.ca_file, tls=tls).connect()) == (200, b"ok")


async def test_tls_to_a_plain_server(material: Material) -> None:
    """The scheme is wrong: the key is the upstream."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with server(plain) as port:
        error = await failure(connector(f"https://localhost:{port}", ca=material.ca_file))
    assert (type(error), error.key) == (UpstreamTLSError, "routes.r.upstream")


async def test_a_handshake_that_is_cut(material: Material) -> None:
    """Told as TLS, with nothing left open."""

    async def cut(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with server(cut) as port:
        error = await failure(connector(f"https://localhost:{port}", ca=material.ca_file))
    assert (type(error), error.key) == (UpstreamTLSError, "routes.r.upstream")


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    ("url", "proxy"), [("https://localhost:{port}", None), ("http://localhost:1", "http://127.0.0.1:{port}")], ids=["TLS", "CONNECT"]
)
async def test_connecting_ends_in_time(url: str, proxy: str | None) -> None:
    """`timeout.connect` covers the handshake and the tunnel."""
    async with server(hang) as port:
        error = await failure(connector(url.format(port=port), proxy=proxy.format(port=port) if proxy else None, connect=0.05))
    assert (type(error), error.key) == (UpstreamConnectTimeoutError, "routes.r.timeout.connect")


class Tunnel:
    """An egress proxy that answers CONNECT, then serves the upstream's part itself."""

    def __init__(self, reply: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n", context: ssl.SSLContext | None = None) -> None:
        self.reply, self.context = reply, context
        self.asked = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(self.reply)
        await writer.drain()
        if self.context is not None:
            await writer.start_tls(self.context)
        await answer_ok(reader, writer)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://api.test", b"CONNECT api.test:80 HTTP/1.1\r\nHost: api.test:80\r\n\r\n"),
        ("http://[2001:db8::1]:81", b"CONNECT [2001:db8::1]:81 HTTP/1.1\r\nHost: [2001:db8::1]:81\r\n\r\n"),
    ],
)
async def test_a_tunnel(url: str, asked: bytes) -> None:
    """The egress proxy resolves the name, and is told nothing besides."""
    tunnel = Tunnel()
    async with server(tunnel) as port:
        answer = await exchange(await connector(url, proxy=f"http://127.0.0.1:{port}").connect())
    assert (answer, tunnel.asked) == ((200, b"ok"), asked)


async def test_a_tunnel_by_name_and_password() -> None:
    """Sent as Basic (RFC 7617) with CONNECT, and with nothing that goes through the tunnel; the password may be empty."""
    asked = []
    for password in (Text("pässword"), None):
        tunnel = Tunnel()
        async with server(tunnel) as port:
            to = connector("http://api.test", proxy=f"http://127.0.0.1:{port}", who={"username": "bearerd", "password": password})
            assert await exchange(await to.connect()) == (200, b"ok")
        asked.append(tunnel.asked.split(b"\r\n")[2])
    assert asked == [b"Proxy-Authorization: Basic YmVhcmVyZDpww6Rzc3dvcmQ=", b"Proxy-Authorization: Basic YmVhcmVyZDo="]


@pytest.mark.parametrize(
    ("password", "fact"),
    [(Text("wrong"), "refuses the user"), (Env("BEARERD_TEST_NO_SUCH"), "cannot be read"), (Text("half \ud800"), "not UTF-8")],
)
async def test_a_password_that_opens_no_tunnel(password: Any, fact: str) -> None:
    """Refused, unset or not to be sent: the key is the password's, and no message shows it."""
    async with server(Tunnel(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as port:
        to = connector("http://api.test", proxy=f"http://127.0.0.1:{port}", who={"username": "bearerd", "password": password})
        error = await failure(to)
    shown = str(error) + error.log_detail
    assert (type(error), error.key, fact in error.facts) == (UpstreamEgressError, "egress.password", True)
    assert ("wrong" in shown, "half" in shown) == (False, False)


async def test_tls_within_a_tunnel(material: Material) -> None:
    """The upstream's own certificate is verified."""
    async with server(Tunnel(context=material.server(material.other))) as port:
        proxy = f"http://127.0.0.1:{port}"
        assert await exchange(await connector("https://other.test", proxy=proxy, ca=material.ca_file).connect()) == (200, b"ok")


@pytest.mark.parametrize(
    ("reply", "fact"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!", "407"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\n\r\n", "302"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "100"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "did not answer"),
        (b"\r\n\r\n", "did not answer"),
        (b"HTTP/1.1\r\n\r\n", "did not answer"),
        (b"HTTP/1.1 abc\r\n\r\n", "did not answer"),
        (b"HTTP/1.1 200 " + b"a" * (20 << 10), "did not answer"),
    ],
)
async def test_a_tunnel_that_is_refused(reply: bytes, fact: str) -> None:
    """The key is `egress.proxy`."""
    async with server(Tunnel(reply)) as port:
        error = await failure(connector("http://api.test", proxy=f"http://127.0.0.1:{port}"))
    assert (type(error), error.key, fact in error.facts) == (UpstreamEgressError, "egress.proxy", True)


async def test_a_routes_own_egress_proxy_is_named() -> None:
    """Whatever fails on it, the key is the route's; the one for all is not concerned."""
    unreached = await failure(
        connector("http://api.test", proxy="http://127.0.0.1:1", own=EgressProxy(url=f"http://127.0.0.1:{free_port()}"))
    )
    async with server(Tunnel(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as port:
        refused = await failure(connector("http://api.test", proxy="http://127.0.0.1:1", own=EgressProxy(url=f"http://127.0.0.1:{port}")))
    async with server(Tunnel(b"\r\n\r\n")) as port:
        unanswered = await failure(
            connector("http://api.test", proxy="http://127.0.0.1:1", own=EgressProxy(url=f"http://127.0.0.1:{port}"))
        )
    assert [(type(error), error.key) for error in (unreached, refused, unanswered)] == [(UpstreamEgressError, "routes.r.proxy")] * 3


async def test_a_tunnel_that_is_cut() -> None:
    """An end before the answer's."""

    async def cut(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with server(cut) as port:
        error = await failure(connector("http://api.test", proxy=f"http://127.0.0.1:{port}"))
    assert (type(error), error.key) == (UpstreamEgressError, "egress.proxy")


async def test_an_egress_proxy_that_is_not_there() -> None:
    """Nothing goes past it."""
    error = await failure(connector("http://127.0.0.1:1", proxy=f"http://127.0.0.1:{free_port()}"))
    assert (type(error), error.key) == (UpstreamEgressError, "egress.proxy")


async def test_the_upstream_that_ends_a_connection_at_once() -> None:
    """It accepted, so it is not unreachable."""

    async def nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0)

    async with server(nothing) as port:
        error = await failure(connector(f"http://127.0.0.1:{port}"))
    assert type(error) is UpstreamClosedError
