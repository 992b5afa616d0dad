"""Runs a credential's exchange: gathers what its grant may know, carries requests and answers to and fro.

Secrets are read when a token is fetched, so that a rotated one is taken up; a refresh token is kept before its token is used.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import aiohttp

from proxy.errors import (
    SecretUnavailableError,
    TokenEndpointNotFoundError,
    TokenError,
    TokenInvalidClientError,
    TokenInvalidGrantError,
    TokenRefusedError,
)
from proxy.oauth.allowance import aside, within
from proxy.oauth.discovery import discover, refuse_method, token_url
from proxy.oauth.exchange import Facts
from proxy.oauth.faults import place, translated
from proxy.oauth.holdings import Holdings
from proxy.oauth.names import Names
from proxy.oauth.refreshing import exchange
from proxy.oauth.rotation import may_be_rotated
from proxy.oauth.walk import options_named

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from proxy.oauth.credential import Credential
    from proxy.oauth.exchange import Metadata, Prover, Signer, TokenRequest, TokenResponse
    from proxy.oauth.store import TokenStore
    from proxy.oauth.template import Template
    from proxy.oauth.token import Token, TokenKey
    from proxy.oauth.transport import TokenTransport
    from proxy.secrets import Secret

Result = TypeVar("Result")
_ASKED: ContextVar[TokenRequest | None] = ContextVar("this fetch's last request", default=None)
METADATA_LIFE = 3600.0  # seconds for which what a server says of itself is taken as it was
STATIC_TIMEOUT = 10.0  # seconds in which a credential without an endpoint is read


class Others(Protocol):
    """The tokens of the other aliases."""

    async def token(self, alias: str) -> Token:
        """A usable one.

        Raises:
            TokenError: there is none.
        """

    def refused(self, alias: str, token: Token) -> None:
        """A server did not take it."""


class TokenEndpoint:
    """One credential's token endpoint.

    Args:
        transport: sends its requests.
        store: keeps its refresh tokens.
        others: the other aliases, of which a grant may need a token.
        signer: signs with keys.
        clock: monotonic seconds; wall: epoch seconds; chance: a number in [0, 1); unique: an unguessable text, new at every call.
        on_next_secret: told when a rotation's next secret was taken where the current one was refused.
    """

    def __init__(
        self,
        credential: Credential,
        transport: TokenTransport,
        *,
        store: TokenStore,
        others: Others,
        signer: Signer,
        clock: Callable[[], float],
        wall: Callable[[], float],
        chance: Callable[[], float],
        unique: Callable[[], str],
        on_next_secret: Callable[[str], None],
    ) -> None:
        self._credential = credential
        self._alias = credential.alias
        self._transport = transport
        self._store = store
        self._others = others
        self._signer = signer
        self._clock = clock
        self._wall = wall
        self._chance = chance
        self._unique = unique
        self._on_next_secret = on_next_secret
        self._holdings = Holdings(credential)
        self._needed = tuple(options_named(credential.grant, "from").values())
        self._metadata: tuple[Metadata, float] | None = None  # and until when, in monotonic seconds
        self._later = False  # whether a rotation's next secret is the one that works

    async def fetch(self, key: TokenKey) -> Token:
        """A new token.

        Raises:
            TokenError: what is wrong, with the key that repairs it; hosts and places are in its log_detail.
        """
        endpoint = self._credential.endpoint
        timeout = endpoint.token_request.timeout if endpoint else STATIC_TIMEOUT
        try:
            async with within(timeout):
                token = await self._exchanged(key)
        except TokenError as error:
            if isinstance(error, TokenEndpointNotFoundError):
                self._metadata = None
            error.log_detail = error.log_detail or ": ".join(filter(None, (place(_ASKED.get()), error.seen)))
            raise
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            asked = _ASKED.get()
            proxy = self._transport.proxy_key(asked.url) if asked and not isinstance(exc, aiohttp.InvalidURL) else None
            certified = endpoint is not None and endpoint.token_request.tls.cert is not None
            fault = translated(exc, alias=self._alias, proxy=proxy, timeout=timeout, certified=certified)
            fault.log_detail = f"{place(asked)}: {fault.log_detail}"
            raise fault.said_under(asked.within if asked else "") from exc
        self._store.keep_refresh_token(key, token.refresh_token)
        return token

    def secret_version(self) -> str | None:
        """Something that changes when a secret does, and tells nothing of it; None: one is unreadable."""
        return self._holdings.version()

    async def aclose(self) -> None:
        """End the connections."""
        await self._transport.aclose()

    async def _exchanged(self, key: TokenKey) -> Token:
        """The token; where other aliases' tokens may be what is refused, once more with new ones of theirs."""
        began = self._clock()
        tokens = await self._tokens_of(self._needed)
        try:
            return await self._with_either_secret(key, tokens)
        except TokenRefusedError as refused:
            # RFC 7521 §4.1.1: invalid_grant; RFC 8693 §2.2.2: invalid_request; a vendor has a code of its own
            told = isinstance(refused, TokenInvalidGrantError) or type(refused) is TokenRefusedError
            aged = {alias: token for alias, token in tokens.items() if told and token.obtained_at < began}
            if not aged:
                raise
            for alias, token in aged.items():
                self._others.refused(alias, token)
            anew = await self._tokens_of(aged)
        return await self._with_either_secret(key, {**tokens, **anew})

    async def _tokens_of(self, aliases: Iterable[str]) -> dict[str, Token]:
        with aside():
            return {alias: await self._others.token(alias) for alias in aliases}

    async def _with_either_secret(self, key: TokenKey, tokens: Mapping[str, Token]) -> Token:
        """The token, with the other secret of a rotation where one is refused."""
        later = self._later
        try:
            return await self._run_with(key, tokens, later=later)
        except TokenRefusedError as refused:
            if not may_be_rotated(refused, self._holdings.rotated):
                raise
            try:
                token = await self._run_with(key, tokens, later=not later)
            except SecretUnavailableError:
                refused.facts += "; the other secret of the rotation cannot be read"
                raise refused from None
            except TokenRefusedError as again:
                if may_be_rotated(again, self._holdings.rotated):
                    again.facts += "; so was the other secret of the rotation"
                else:  # refused for another reason: the secret was taken
                    self._takes(later=not later)
                raise
            self._takes(later=not later)
            return token

    def _takes(self, *, later: bool) -> None:
        """The server took this secret of a rotation; another subject's exchange may have found out at the same time."""
        if self._later != later:
            self._later = later
            if later:
                self._on_next_secret(self._alias)

    async def _run_with(self, key: TokenKey, tokens: Mapping[str, Token], *, later: bool) -> Token:
        """The token; where a secret is another by now than the one that was refused, once more with it."""
        facts = await self._facts(key, tokens, later=later)
        try:
            return await self._run(exchange(self._credential.grant, await self._located(facts)))
        except TokenInvalidClientError as refused:
            self._holdings.doubt()
            try:
                anew = await self._facts(key, tokens, later=later)
            except SecretUnavailableError:
                raise refused from None  # that there is none by now explains nothing
            if anew.secrets == facts.secrets:
                raise
        return await self._run(exchange(self._credential.grant, await self._located(anew)))

    async def _run(self, steps: Generator[TokenRequest, TokenResponse, Result]) -> Result:
        """What comes of an exchange, each of its requests sent."""
        try:
            request = next(steps)
            while True:
                _ASKED.set(request)
                request = steps.send(await self._sent(request))
        except StopIteration as done:
            result: Result = done.value
            return result

    async def _sent(self, request: TokenRequest) -> TokenResponse:
        try:
            return await self._transport.send(request)
        except TokenError as error:
            raise error.said_under(request.within) from error.__cause__

    async def _facts(self, key: TokenKey, tokens: Mapping[str, Token], *, later: bool) -> Facts:
        secrets = await self._holdings.secrets(later=later)
        return Facts(
            alias=self._alias,
            key=key,
            token_url="",
            now=self._clock(),
            epoch=self._wall(),
            jitter=self._chance(),
            unique=self._unique,
            wall=self._wall,
            signer=self._signer,
            secrets=secrets,
            tokens={alias: token.value for alias, token in tokens.items()},
            variables=self._holdings.variables(),
            refresh_token=self._store.refresh_token(key),
            prover=self._prover(key, secrets),
            keep_refresh_token=partial(self._store.keep_refresh_token, key),
            kept=self._credential.kept,
        )

    def _prover(self, key: TokenKey, secrets: Mapping[Secret, str]) -> Prover | None:
        """What proves possession for this credential, the same at every exchange while its key stays."""
        grant = self._credential.endpoint
        if grant is None or not grant.dpop:
            return None
        said = secrets[grant.dpop_key] if grant.dpop_key is not None else None
        try:
            return self._signer.prover(said, of=key.family or key.fingerprint)
        except ValueError as exc:
            raise SecretUnavailableError(str(exc), alias=self._alias, field="dpop_key") from exc

    async def _located(self, facts: Facts) -> Facts:
        """The facts with the token endpoint: the one said, or the one that the issuer names."""
        grant = self._credential.endpoint
        if grant is None:
            return facts
        if grant.issuer is None:
            said = grant.token_url
            return replace(facts, token_url=said.render(Names(grant, facts)) if said is not None and not _waits(said) else "")
        metadata = await self._found(grant.issuer)
        refused = refuse_method(grant, metadata, self._alias)
        if refused is not None:
            raise refused
        return replace(facts, token_url=token_url(grant, metadata), metadata=metadata)

    async def _found(self, issuer: str) -> Metadata:
        if self._metadata is None or self._clock() >= self._metadata[1]:
            self._metadata = await self._run(discover(issuer, self._alias, self._wall())), self._clock() + METADATA_LIFE
        return self._metadata[0]


def _waits(token_url: Template) -> bool:
    """Whether an earlier step's answer is needed to know it."""
    return any(name.startswith("step") for name in token_url.names)
