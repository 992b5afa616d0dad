"""Proof of possession on token requests (RFC 9449 §5): a DPoP header on each, and the server's nonce where it asks for one.

Wraps any exchange; what is wrapped knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.oauth.answer import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from proxy.oauth.exchange import Prover, TokenRequest, TokenResponse
    from proxy.oauth.token import Token


MAX_ROUNDS = 3  # an exchange of several servers may be asked for a nonce by each


class _NonceAskedError(Exception):
    """The server wants its nonce in the proof, and has just given it."""


def proven(
    begin: Callable[[], Generator[TokenRequest, TokenResponse, Token]], prover: Prover
) -> Generator[TokenRequest, TokenResponse, Token]:
    """The exchange that `begin` makes, with a proof on each request; begun again where an answer gives a nonce (RFC 9449 §8).

    It begins again as a whole, since a server may have taken the client's assertion, which serves once, before it asked.

    Raises:
        TokenError: as the exchange itself.
    """
    for _ in range(MAX_ROUNDS - 1):
        try:
            return (yield from _proven(begin(), prover, last=False))
        except _NonceAskedError:
            continue
    return (yield from _proven(begin(), prover, last=True))


def _proven(
    steps: Generator[TokenRequest, TokenResponse, Token], prover: Prover, *, last: bool
) -> Generator[TokenRequest, TokenResponse, Token]:
    try:
        request = next(steps)
        while True:
            used = prover.nonce(request.url)
            response = yield _with_proof(request, prover, used)
            learned = prover.learn(request.url, response.headers.get("dpop-nonce"))
            if not last and learned and _asks_nonce(response) and prover.nonce(request.url) != used:
                steps.close()
                raise _NonceAskedError
            request = steps.send(response)
    except StopIteration as done:
        token: Token = done.value
        return token


def _with_proof(request: TokenRequest, prover: Prover, nonce: str | None) -> TokenRequest:
    return replace(request, headers={**request.headers, "DPoP": prover.proof(request.method, request.url, nonce=nonce)})


def _asks_nonce(response: TokenResponse) -> bool:
    said = decoded(response)
    asked = isinstance(said, Mapping) and said.get("error") == "use_dpop_nonce"
    return asked and response.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}
