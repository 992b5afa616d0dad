"""Runs a grant against its token endpoint.

One session and connector per credential, so that an endpoint that hangs slows no other; no redirect, no cookie, no environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from proxy.addresses import bypasses_proxy, forbidden_address
from proxy.errors import SecretUnavailableError, TokenAddressRefusedError, TokenEgressError, TokenError, TokenResponseInvalidError
from proxy.oauth.exchange import Facts, TokenRequest, TokenResponse
from proxy.oauth.faults import AddressRefusedError, translated
from proxy.oauth.response import MAX_RESPONSE
from proxy.secrets import SecretUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.oauth.credential import Credential
    from proxy.oauth.token import Token, TokenKey

CONNECTIONS = 10  # at once, per credential
_PROXY_AUTHENTICATION = 407


def tls_context(ca: str | None = None) -> ssl.SSLContext:
    """The system's trust, and the CA file `ca` beside it.

    Raises:
        OSError: the file cannot be read, or is not PEM (ssl.SSLError).
    """
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(cafile=ca)
    return context


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


class TokenEndpoint:
    """One credential's token endpoint.

    Args:
        tls: the trust for the endpoint and for an https egress proxy.
        proxy: the egress proxy's URL; None: straight out.
        no_proxy: whom the egress proxy does not serve.
        clock: monotonic seconds; wall: epoch seconds; chance: a number in [0, 1).
        resolver: names to addresses; None: the system's. What it answers is checked.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        tls: ssl.SSLContext,
        proxy: str | None = None,
        no_proxy: tuple[str, ...] = (),
        clock: Callable[[], float],
        wall: Callable[[], float],
        chance: Callable[[], float],
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._credential = credential
        self._tls = tls
        host = URL(credential.grant.token_url).host or ""
        self._proxy = None if proxy is None or bypasses_proxy(host, no_proxy) else URL(proxy)
        self._clock = clock
        self._wall = wall
        self._chance = chance
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None  # made by the first fetch, since it belongs to a running loop

    async def fetch(self, _key: TokenKey) -> Token:
        """A new token; the secret is read now, so that a rotated one is taken up.

        Raises:
            TokenError: what is wrong, with the key that repairs it; hosts and places are in its log_detail.
        """
        grant, timeout = self._credential.grant, self._credential.options.token_request.timeout
        try:
            steps = grant.exchange(self._facts())
            async with asyncio.timeout(timeout):
                request = next(steps)
                while True:
                    request = steps.send(await self._send(request))
        except StopIteration as done:
            token: Token = done.value
            return token
        except TokenError as error:
            error.log_detail = error.log_detail or self._place()
            raise
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            fault = translated(exc, alias=self._credential.alias, proxied=self._proxy is not None, timeout=timeout)
            fault.log_detail = f"{self._place()}: {fault.log_detail}"
            raise fault from exc

    def secret_version(self) -> str | None:
        """Something that changes when the secret does, and tells nothing of it; None: unreadable."""
        secret = self._credential.options.client_secret
        try:
            return None if secret is None else hashlib.sha256(secret.read().encode(errors="surrogatepass")).hexdigest()
        except SecretUnreadableError:
            return None

    async def aclose(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _facts(self) -> Facts:
        alias, options = self._credential.alias, self._credential.options
        if options.client_secret is None:
            raise SecretUnavailableError("it has no client_secret", alias=alias)
        try:
            secret = options.client_secret.read()
            secret.encode()
        except SecretUnreadableError as exc:
            raise SecretUnavailableError(alias=alias, log_detail=str(exc)) from exc
        except UnicodeEncodeError:  # an environment variable may hold any bytes; the exception would show one
            raise SecretUnavailableError("the secret is not UTF-8 text", alias=alias) from None
        return Facts(
            alias=alias,
            now=self._clock(),
            epoch=self._wall(),
            jitter=self._chance(),
            client_secret=secret,
            client_auth=options.client_auth,
            basic_encoding=options.basic_encoding,
            content_type=options.token_request.content_type,
            lifetime=options.lifetime,
            scope_narrowing=options.scope_narrowing,
        )

    async def _send(self, request: TokenRequest) -> TokenResponse:
        alias, url = self._credential.alias, URL(request.url, encoded=True)
        if not self._credential.options.allow_link_local and forbidden_address(url.host or ""):
            raise TokenAddressRefusedError("a link-local or metadata address", alias=alias)
        if self._session is None:
            self._session = self._new_session()
        async with self._session.request(
            request.method, url, data=request.body, headers=request.headers, proxy=self._proxy, allow_redirects=False
        ) as response:
            if self._proxy is not None and response.status == _PROXY_AUTHENTICATION:
                raise TokenEgressError("the egress proxy asks for authentication", alias=alias, key="egress.proxy")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return TokenResponse(response.status, headers, await self._body(response))

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_RESPONSE:
                response.close()
                raise TokenResponseInvalidError(f"the answer is over {MAX_RESPONSE >> 20} MiB", alias=self._credential.alias)
        return bytes(body)

    def _new_session(self) -> aiohttp.ClientSession:
        resolver = self._resolver or ThreadedResolver()
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            limit=CONNECTIONS,
            force_close=True,  # tokens are rare: a kept connection would mostly be one that the server has closed
            resolver=resolver if self._credential.options.allow_link_local else CheckedResolver(resolver),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "bearerd"},
            timeout=aiohttp.ClientTimeout(total=None),  # `fetch` bounds the whole exchange
            trust_env=False,
        )

    def _place(self) -> str:
        """The endpoint's URL for the log: without userinfo, query and fragment."""
        url = URL(self._credential.grant.token_url)
        return f"{url.scheme}://{url.host}:{url.port}{url.path}"
