"""A credential and the facts of one exchange, for the token engine's unit tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from proxy.errors import TokenError
from proxy.oauth.exchange import Facts, TokenRequest, TokenResponse
from proxy.oauth.grants import ClientCredentials
from proxy.oauth.names import Names
from proxy.oauth.refreshing import exchange
from proxy.oauth.signing.signer import KeySigner
from proxy.oauth.template import Template
from proxy.oauth.token import Token, TokenKey
from proxy.oauth.walk import secrets_of
from proxy.secrets.sources import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.options import EndpointOptions

URL = "https://login.test/token"
SECRET = Text("s3cr3t/+ value")
EPOCH = 1_800_000_000.0


def crm(token_url: str | None = URL, **options: Any) -> ClientCredentials:
    """A client of https://login.test/token with the secret SECRET; every option may be given."""
    url = Template.parse(token_url) if token_url else None
    return ClientCredentials(**{"token_url": url, "client_id": "id", "client_secret": SECRET, **options})


def facts_of(grant: object, **known: Any) -> Facts:
    """An exchange of the alias crm, begun at 100 s and EPOCH, without spread; the grant's secrets are read."""
    facts = Facts(
        alias="crm",
        key=TokenKey("f"),
        token_url=URL,
        now=100.0,
        epoch=EPOCH,
        jitter=0.5,
        unique=lambda: "unique",
        wall=lambda: EPOCH,
        signer=KeySigner(wall=lambda: EPOCH, unique=lambda: "unique"),
        secrets={secret: secret.read() for secret in secrets_of(grant)},
    )
    return replace(facts, **known)


def names_of(grant: EndpointOptions, **known: Any) -> Names:
    """What the names in a grant's templates stand for."""
    return Names(grant, facts_of(grant, **known))


@dataclass(frozen=True)
class Run:
    """The requests of an exchange, and its end."""

    requests: list[TokenRequest]
    token: Token | None
    error: TokenError | None

    @property
    def forms(self) -> list[dict[str, str]]:
        """The parameters of each."""
        return [dict(parse_qsl(request.body.decode())) for request in self.requests]


def answer(body: object, status: int = 200, *, headers: Mapping[str, str] | None = None) -> TokenResponse:
    """What a token endpoint said; a `body` that is no bytes is written as JSON."""
    said = {"content-type": "application/json", **(headers or {})}
    return TokenResponse(status, said, body if isinstance(body, bytes) else json.dumps(body).encode())


def run(grant: Any, *answers: TokenResponse, **known: Any) -> Run:
    """An exchange that is given these answers, one after the other."""
    steps, requests, coming = exchange(grant, facts_of(grant, **known)), [], iter(answers)
    try:
        requests.append(next(steps))
        while True:
            requests.append(steps.send(next(coming)))
    except StopIteration as done:
        return Run(requests, done.value, None)
    except TokenError as error:
        return Run(requests, None, error)


def said(grant: Any, **known: Any) -> list[tuple[str, str]]:
    """The parameters of the first request's form."""
    return parse_qsl(next(exchange(grant, facts_of(grant, **known))).body.decode())
