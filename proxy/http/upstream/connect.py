"""Opens connections to one upstream: several addresses, an egress proxy, TLS with its own trust.

Every failure becomes an UpstreamError here, once, with the key that repairs it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from proxy.errors import UpstreamConnectTimeoutError, UpstreamEgressError, UpstreamError, UpstreamTLSError, UpstreamUnreachableError
from proxy.http.upstream.connection import Connection
from proxy.secrets.introduction import IntroductionError, introduction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.egress import WayOut
    from proxy.http.routing import Route
    from proxy.http.upstream.resolve import Resolver

HAPPY_EYEBALLS_DELAY = 0.25  # seconds, RFC 8305 §5
_PROXY_AUTHENTICATION = 407
_OUT_OF_TIME = frozenset({9, 10})  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED: no key of ours repairs that
MAX_PROXY_ANSWER = 16 << 10  # bytes of an egress proxy's answer to CONNECT


class Connector:
    """Connects to the upstream of `route`, through `egress` when there is one."""

    def __init__(self, route: Route, *, resolver: Resolver, context: ssl.SSLContext | None, egress: WayOut | None) -> None:
        self._route = route
        self._resolver = resolver
        self._context = context
        self._egress = egress
        self._key = f"routes.{route.name}"

    async def connect(self) -> Connection:
        """A new connection, ready for an exchange.

        Raises:
            UpstreamError: it could not be had within `timeout.connect`, which begins when the egress proxy's password is at hand.
        """
        introduced = await self._introduced()
        try:
            async with asyncio.timeout(self._route.timeout.connect):
                return await self._open(introduced)
        except TimeoutError as exc:
            raise UpstreamConnectTimeoutError("no connection within timeout.connect", key=f"{self._key}.timeout.connect") from exc

    async def _introduced(self) -> dict[str, str]:
        try:
            return await introduction(self._egress)
        except IntroductionError as exc:
            raise UpstreamEgressError(exc.facts, key=exc.key, log_detail=exc.log_detail) from exc

    async def _open(self, introduced: Mapping[str, str]) -> Connection:
        loop = asyncio.get_running_loop()
        upstream = self._route.upstream
        sock = (
            await self._through(self._egress, introduced)
            if self._egress
            else await self._dial(upstream.host, upstream.port, f"{self._key}.upstream")
        )
        try:
            name = (self._route.tls.server_name or upstream.host) if self._context else None
            _, connection = await loop.create_connection(lambda: Connection(self._key), sock=sock, ssl=self._context, server_hostname=name)
        except (ssl.SSLError, ssl.CertificateError) as exc:
            raise self._tls_error(exc) from exc
        except ValueError as exc:  # a UnicodeError is one: a name that no certificate can have, such as `a..b`
            sock.close()
            key = f"{self._key}.{'tls.server_name' if self._route.tls.server_name else 'upstream'}"
            raise UpstreamTLSError("the server name is no name", key=key, log_detail=str(exc)) from exc
        except OSError as exc:
            sock.close()
            kind = UpstreamTLSError if self._context else UpstreamUnreachableError
            raise kind("the connection was reset while it was opened", key=f"{self._key}.upstream", log_detail=str(exc)) from exc
        except BaseException:
            sock.close()
            raise
        return connection

    async def _dial(self, host: str, port: int, key: str) -> socket.socket:
        found = await self._resolver.resolve(host, port, allow_link_local=self._route.allow_link_local, key=key)
        try:
            sock = await start_connection(found, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY, interleave=1)
        except OSError as exc:
            raise UpstreamUnreachableError("no address accepts a connection", key=key, log_detail=f"{host}:{port}: {exc}") from exc
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    async def _through(self, egress: WayOut, introduced: Mapping[str, str]) -> socket.socket:
        """A tunnel by CONNECT (RFC 9110 §9.3.6)."""
        proxy = urlsplit(egress.url)
        try:
            sock = await self._dial(proxy.hostname or "", proxy.port or 80, egress.key)
        except UpstreamError as exc:
            raise UpstreamEgressError("the egress proxy cannot be reached", key=egress.key, log_detail=exc.log_detail) from exc
        upstream = self._route.upstream
        host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
        authority = f"{host}:{upstream.port}"
        try:
            head = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}", *(f"{name}: {value}" for name, value in introduced.items())]
            status = await _connect_answer(sock, "".join(f"{line}\r\n" for line in (*head, "")).encode("ascii"))
        except BaseException as exc:
            sock.close()
            if isinstance(exc, OSError | ValueError):
                raise UpstreamEgressError("the egress proxy did not answer CONNECT", key=egress.key) from exc
            raise
        if status == _PROXY_AUTHENTICATION:
            sock.close()
            raise UpstreamEgressError(f"the egress proxy answered {status} to CONNECT: {egress.unknown}", key=egress.password_key)
        if not 200 <= status < 300:  # noqa: PLR2004  # RFC 9110 §15.3
            sock.close()
            raise UpstreamEgressError(f"the egress proxy answered {status} to CONNECT", key=egress.key)
        return sock

    def _tls_error(self, exc: Exception) -> UpstreamTLSError:
        facts, key = "the TLS handshake failed", f"{self._key}.upstream"
        if isinstance(exc, ssl.SSLCertVerificationError):
            reason = exc.verify_message.partition(",")[0]  # what follows names the host, which no caller is told
            facts = f"the certificate is refused: {reason}"
            if exc.verify_code in _OUT_OF_TIME:
                return UpstreamTLSError(facts, log_detail=str(exc))
            key = f"{self._key}.tls.server_name" if "mismatch" in reason.lower() else f"{self._key}.tls.ca"
        elif "CERTIFICATE_REQUIRED" in str(exc) or "HANDSHAKE_FAILURE" in str(exc):
            facts, key = "the upstream asks for a client certificate", f"{self._key}.tls.cert"
        return UpstreamTLSError(facts, key=key, log_detail=str(exc))


async def _connect_answer(sock: socket.socket, request: bytes) -> int:
    """The status of a proxy's answer; nothing behind its head is read."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, request)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        byte = await loop.sock_recv(sock, 1)  # one by one: what follows the head belongs to the tunnel
        if not byte or len(answer) > MAX_PROXY_ANSWER:
            raise ValueError("the answer to CONNECT has no end")
        answer += byte
    version, status, *_ = answer.split(maxsplit=2)
    if not version.startswith(b"HTTP/1."):
        raise ValueError("not HTTP")
    return int(status)
