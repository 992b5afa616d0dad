"""A client of the authorization server without bearerd, which can do everything that its tests try.

It sends what it is told and reads what comes back; whether that is right is the test's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import requests

from tests.integration.proofs import dpop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.certificates import ClientCertificate, SigningKey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SAML_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
Form = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of the token endpoint."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """`issued`, or the error code."""
        return "issued" if self.status == 200 else self.body["error"]

    @property
    def token(self) -> str:
        """The token that was issued."""
        assert self.status == 200, self.body
        return str(self.body["access_token"])


@dataclass(slots=True)
class Asker:
    """A client without bearerd; one session, so that connections are kept."""

    server: AuthorizationServer
    session: requests.Session = field(default_factory=requests.Session)

    def ask(
        self,
        form: Form,
        *,
        basic: Client | None = None,
        post: Client | None = None,
        tls: bool = False,
        certificate: ClientCertificate | None = None,
        proof: str | None = None,
    ) -> Told:
        """One token request; client_credentials where no grant is named."""
        data: Form = {"grant_type": "client_credentials", **form}
        if post is not None:
            data |= {"client_id": post.id, "client_secret": post.secret}
        response = self.session.post(
            self.server.tls_token_url if tls or certificate else self.server.token_url,
            data=data,
            auth=(quote_plus(basic.id), quote_plus(basic.secret)) if basic else None,
            headers={"DPoP": proof} if proof else {},
            verify=str(self.server.ca),
            cert=(str(certificate.cert), str(certificate.key)) if certificate else None,
            timeout=60,
        )
        return Told(response.status_code, response.json(), response.headers)

    def introspect(self, token: str) -> dict[str, Any]:
        """What the server says about a token."""
        us = self.server.introspector
        form = {"token": token, "client_id": us.id, "client_secret": us.secret}
        told: dict[str, Any] = self.session.post(self.server.introspection_url, data=form, timeout=60).json()
        return told


@dataclass(frozen=True, slots=True)
class Prover:
    """A client whose tokens are bound to a key."""

    asker: Asker
    client: Client
    key: SigningKey

    def proof(self, nonce: str | None = None, **changed: Any) -> str:
        """A proof for the token endpoint."""
        return dpop(self.key, "POST", self.asker.server.token_url, nonce=nonce, **changed)

    def ask(self, proof: str | None = None, form: Form | None = None) -> Told:
        """A token request with a proof."""
        return self.asker.ask(form or {}, basic=self.client, proof=proof)

    def nonce(self) -> str:
        """The nonce that the server gives now."""
        return self.ask(self.proof()).headers["DPoP-Nonce"]
