"""How the client proves itself to the token endpoint (RFC 6749 §2.3), one member per method.

Exactly one method is used on a request; none is tried silently after another.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

ClientAuthName = Literal["client_secret_basic", "client_secret_post"]
Encoding = Literal["form", "raw"]


class ClientAuthentication(Protocol):
    """What a method adds to a token request."""

    def __call__(self, client_id: str, client_secret: str, *, encoding: Encoding) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """(headers, body parameters)."""


def client_secret_basic(client_id: str, client_secret: str, *, encoding: Encoding) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """HTTP Basic, id and secret form-encoded first unless `encoding` is raw (RFC 6749 §2.3.1)."""
    return {"Authorization": "Basic " + basic_blob(client_id, client_secret, encoding=encoding)}, {}


def client_secret_post(client_id: str, client_secret: str, *, encoding: Encoding) -> tuple[Mapping[str, str], Mapping[str, str]]:  # noqa: ARG001  # encoding is a matter of Basic alone
    """Client id and secret as body parameters (RFC 6749 §2.3.1)."""
    return {}, {"client_id": client_id, "client_secret": client_secret}


def basic_blob(client_id: str, client_secret: str, *, encoding: Encoding) -> str:
    """The base64 part of HTTP Basic (RFC 7617 §2), as UTF-8."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}" if encoding == "form" else f"{client_id}:{client_secret}"
    return base64.b64encode(pair.encode()).decode("ascii")


CLIENT_AUTH: Mapping[ClientAuthName, ClientAuthentication] = {
    "client_secret_basic": client_secret_basic,
    "client_secret_post": client_secret_post,
}
