"""A credential and the facts of one exchange, for the token engine's unit tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from proxy.oauth.exchange import Facts
from proxy.oauth.grants import ClientCredentials
from proxy.oauth.names import Names
from proxy.oauth.options import EndpointOptions
from proxy.oauth.signing.signer import KeySigner
from proxy.oauth.template import Template
from proxy.oauth.token import TokenKey
from proxy.oauth.walk import secrets_of
from proxy.secrets.sources import Text

URL = "https://login.test/token"
SECRET = Text("s3cr3t/+ value")
EPOCH = 1_800_000_000.0


def crm(token_url: str = URL, **options: Any) -> ClientCredentials:
    """A client of https://login.test/token with the secret SECRET; every option may be given."""
    return ClientCredentials(**{"token_url": Template.parse(token_url), "client_id": "id", "client_secret": SECRET, **options})


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
