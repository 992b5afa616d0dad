"""Sends token requests: one session per credential, so that an endpoint that hangs slows no other.

No redirect, no cookie, no environment; what is resolved is checked before it is called.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from proxy.addresses import forbidden_address, host_matches, is_loopback
from proxy.egress import Egress, way_out
from proxy.errors import TokenAddressRefusedError, TokenEgressError, TokenResponseInvalidError
from proxy.oauth.allowance import aside
from proxy.oauth.exchange import TokenRequest, TokenResponse
from proxy.oauth.faults import AddressRefusedError
from proxy.oauth.response import MAX_RESPONSE
from proxy.secrets.introduction import IntroductionError, introduction

if TYPE_CHECKING:
    import ssl

    from proxy.egress import EgressProxy, WayOut

NO_EGRESS = Egress()
CONNECTIONS = 10  # at once, per credential
_PROXY_AUTHENTICATION = 407


class CheckedResolver(AbstractResolver):
    """A resolver that answers no link-local or metadata address."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """The host's allowed addresses.

        Raises:
            AddressRefusedError: there are none but forbidden ones.
        """
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if not forbidden_address(result["host"])]
        if found and not allowed:
            raise AddressRefusedError(f"{host} is {found[0]['host']}")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


class TokenTransport:
    """The way to one credential's token endpoint.

    Args:
        alias: for the errors.
        tls: the trust for the endpoint and for an https egress proxy.
        server_name: what the certificate is for, where that is not the URL's host.
        egress: the way out for all calls; own: the proxy that these calls take in its place.
        resolver: names to addresses; None: the system's.
        allow_link_local: whether such an address may be called; allow_plaintext: whether another machine may be without TLS.
    """

    def __init__(
        self,
        alias: str,
        *,
        tls: ssl.SSLContext,
        server_name: str | None = None,
        egress: Egress = NO_EGRESS,
        own: EgressProxy | None = None,
        resolver: AbstractResolver | None = None,
        allow_link_local: bool = False,
        allow_plaintext: bool = False,
    ) -> None:
        self._alias = alias
        self._tls = tls
        self._server_name = server_name
        self._egress = egress
        self._own = own
        self._resolver = resolver
        self._allow_link_local = allow_link_local
        self._allow_plaintext = allow_plaintext
        self._session: aiohttp.ClientSession | None = None  # made by the first request, since it belongs to a running loop

    def proxy_key(self, url: str) -> str | None:
        """The key of the egress proxy that a request to `url` goes through; None: it goes straight."""
        out = self._way_out(url)
        return out.key if out else None

    async def send(self, request: TokenRequest) -> TokenResponse:
        """The answer to one request.

        Raises:
            TokenError: the address is refused, the egress proxy refuses, the answer is too large.
            aiohttp.ClientError, OSError, ValueError: there is no answer; `faults.translated` tells why.
        """
        url = _parsed(request.url)
        self._check(url, request.hosts)
        if self._session is None:
            self._session = self._new_session()
        out = self._way_out(request.url)
        try:
            return await self._asked(self._session, url, request, out)
        except aiohttp.ClientHttpProxyError as exc:  # to CONNECT (RFC 9110 §9.3.6)
            if out is None or exc.status != _PROXY_AUTHENTICATION:
                raise
            raise self._unknown_caller(out) from exc
        except aiohttp.ClientProxyConnectionError as exc:
            if out is None:
                raise
            raise TokenEgressError("the egress proxy cannot be reached", alias=self._alias, key=out.key, log_detail=str(exc)) from exc

    async def aclose(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _check(self, url: URL, hosts: tuple[str, ...] | None) -> None:
        """Refuses an address that settings could not judge, since an answer or a secret made it."""
        host = url.host or ""
        if url.scheme not in {"https", "http"}:  # aiohttp would open a websocket too
            raise TokenAddressRefusedError("its scheme is neither https nor http", alias=self._alias)
        if not self._allow_link_local and forbidden_address(host):
            raise TokenAddressRefusedError("a link-local or metadata address", alias=self._alias)
        if url.scheme != "https" and not self._allow_plaintext and not is_loopback(host):
            raise TokenAddressRefusedError("plain http to another machine", alias=self._alias, field="allow_plaintext")
        if hosts is not None and not any(host_matches(host, pattern) for pattern in hosts):
            told = "an earlier step's answer leads to a host that the credential may not go to"
            raise TokenAddressRefusedError(told, alias=self._alias, field="allowed_hosts", log_detail=host)

    def _way_out(self, url: str) -> WayOut | None:
        return way_out(_parsed(url).host or "", self._egress, own=self._own, key=f"credentials.{self._alias}.token_request.proxy")

    async def _introduced(self, out: WayOut | None) -> dict[str, str]:
        try:
            with aside():
                return await introduction(out)
        except IntroductionError as exc:
            raise TokenEgressError(exc.facts, alias=self._alias, key=exc.key, log_detail=exc.log_detail) from exc

    def _unknown_caller(self, out: WayOut) -> TokenEgressError:
        return TokenEgressError(f"the egress proxy answered 407: {out.unknown}", alias=self._alias, key=out.password_key)

    async def _asked(self, session: aiohttp.ClientSession, url: URL, request: TokenRequest, out: WayOut | None) -> TokenResponse:
        introduced = await self._introduced(out)
        tunnelled = url.scheme == "https"  # the proxy sees CONNECT alone
        async with session.request(
            request.method,
            url,
            data=request.body or None,
            headers=request.headers if tunnelled else {**request.headers, **introduced},
            proxy=out.url if out else None,
            proxy_headers=introduced if tunnelled and introduced else None,
            server_hostname=self._server_name,
            allow_redirects=False,
        ) as response:
            if out is not None and not tunnelled and response.status == _PROXY_AUTHENTICATION:
                raise self._unknown_caller(out)
            headers = {name.lower(): value for name, value in response.headers.items()}
            cookies = tuple(response.headers.getall("Set-Cookie", ()))
            return TokenResponse(response.status, headers, await self._body(response), cookies)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_RESPONSE:
                response.close()
                raise TokenResponseInvalidError(f"the answer is over {MAX_RESPONSE >> 20} MiB", alias=self._alias)
        return bytes(body)

    def _new_session(self) -> aiohttp.ClientSession:
        resolver = self._resolver or ThreadedResolver()
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            limit=CONNECTIONS,
            force_close=True,  # tokens are rare: a kept connection would mostly be one that the server has closed
            resolver=resolver if self._allow_link_local else CheckedResolver(resolver),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "bearerd"},
            timeout=aiohttp.ClientTimeout(total=None),  # `TokenEndpoint.fetch` bounds the whole exchange
            trust_env=False,
        )


def _parsed(url: str) -> URL:
    """Raises aiohttp.InvalidURL, which is told without the URL, where a template has made none."""
    try:
        parsed = URL(url, encoded=True)
        _ = parsed.port  # host and port are read when they are asked for
    except ValueError:
        raise aiohttp.InvalidURL(url) from None
    return parsed
