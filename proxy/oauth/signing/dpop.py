"""Proofs that a token's user holds its key (RFC 9449): one for each request, to token endpoints and to APIs.

The key never leaves its object; the moment, the unique id and the nonces come from outside.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from proxy.oauth.signing.encoding import base64url
from proxy.oauth.signing.jose import sign_with
from proxy.oauth.signing.keys import PrivateKey, private_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.oauth.token import Header, Send

KEPT_NONCES = 256  # origins
KEPT_SENDS = 1024  # requests on their way of which the nonce is remembered
MAX_NONCE = 2048  # characters; a longer one would make heads that servers refuse

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NONCE = re.compile(rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{MAX_NONCE}}}", re.ASCII)  # RFC 9449 §8.1: 1*NQCHAR
_SCHEME = re.compile(rb"\bDPoP\b", re.IGNORECASE)
_WANTS_NONCE = re.compile(rb'\berror\s{0,8}=\s{0,8}"?use_dpop_nonce(?![\w-])', re.IGNORECASE)
_MAX_CHALLENGE = 8 << 10  # bytes of a challenge that are read


@dataclass(frozen=True, slots=True, eq=False)
class DPoPKey:
    """The key that tokens are bound to."""

    key: PrivateKey
    public: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """The key in `text`, for tokens that outlive this process.

        Raises:
            ValueError: as `PrivateKey.of`.
        """
        return cls._holding(private_key(text))

    @classmethod
    def generate(cls) -> Self:
        """A new P-256 key, which ends with this process."""
        from joserfc.jwk import ECKey

        return cls._holding(PrivateKey("P-256", ECKey.generate_key("P-256"), None, "ES256"))

    @classmethod
    def _holding(cls, key: PrivateKey) -> Self:
        return cls(key, key.public)

    def proof(self, method: str, url: str, *, epoch: float, jti: str, nonce: str | None = None, token: str | None = None) -> str:
        """The value of a `DPoP` header (RFC 9449 §4.2).

        Args:
            method: as it is sent.
            url: absolute; its query and fragment are left out.
            epoch: seconds since 1970.
            jti: never used before.
            nonce: the newest that this server gave, or None.
            token: the access token beside it; None towards a token endpoint.
        """
        claims = {"jti": jti, "htm": method, "htu": target(url), "iat": int(epoch)}
        if token is not None:
            claims["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        if nonce is not None:
            claims["nonce"] = nonce
        return sign_with(self.key, claims=claims, header={"typ": "dpop+jwt", "jwk": self.public, "kid": None})


def target(url: str) -> str:
    """The `htu` of an absolute URL: no query, no fragment, and normal (RFC 9449 §4.3, RFC 3986 §6.2).

    The path stays as it is sent: a server that unquotes it does so with both.

    Raises:
        ValueError: the URL has no host, or a port that is none.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("a DPoP proof needs an absolute URL")
    return f"{origin(url)}{parts.path or '/'}"


def origin(url: str) -> str:
    """Scheme, host and port of `url`, as `target` writes them: what a nonce is good for (RFC 9449 §8.2)."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)}
    return f"{parts.scheme}://{host}{'' if usual else f':{parts.port}'}"


class Nonces:
    """The newest nonce of each origin, for as long as the process runs: a new token needs none anew."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, str] = OrderedDict()  # by origin, the last told at the end

    def of(self, url: str) -> str | None:
        """The nonce that the server of `url` wants in the next proof, None where it gave none."""
        return self._newest.get(origin(url))

    def learn(self, url: str, nonce: str | None) -> bool:
        """Keep the `DPoP-Nonce` that the server of `url` sent; False where it is none, and the former one stays."""
        if nonce is None or not _NONCE.fullmatch(nonce):
            return False
        place = origin(url)
        self._newest[place] = nonce
        self._newest.move_to_end(place)
        while len(self._newest) > KEPT_NONCES:
            self._newest.popitem(last=False)
        return True


class Proofs:
    """What one bound token puts on each send to an API: a `PerSend`.

    Args:
        key: what the token is bound to.
        token: the access token.
        nonces: outlive the token.
        wall: epoch seconds.
        unique: a text that was never there before.
    """

    def __init__(self, key: DPoPKey, token: str, *, nonces: Nonces, wall: Callable[[], float], unique: Callable[[], str]) -> None:
        self._key = key
        self._token = token
        self._nonces = nonces
        self._wall = wall
        self._unique = unique
        # By identity, since equal sends may be on their way with different nonces; a send that nothing was heard of leaves by age.
        self._sent: OrderedDict[int, tuple[Send, str | None]] = OrderedDict()

    def headers(self, send: Send) -> tuple[Header, ...]:
        nonce = self._nonces.of(send.url)
        self._note(send, nonce)
        proof = self._key.proof(send.method, send.url, epoch=self._wall(), jti=self._unique(), nonce=nonce, token=self._token)
        return ((b"DPoP", proof.encode()),)

    def heard(self, send: Send, status: int, headers: Sequence[Header]) -> bool:
        """Keep the answer's nonce; True where it refuses this send for want of that nonce (RFC 9449 §9).

        A server may say so each time: whoever sends again does it once.
        """
        _, used = self._sent.pop(id(send), (send, None))
        offered = next((value.decode("latin-1").strip() for name, value in headers if name.lower() == b"dpop-nonce"), None)
        if not self._nonces.learn(send.url, offered) or offered == used:
            return False
        return status == HTTPStatus.UNAUTHORIZED and any(_wants_nonce(header) for header in headers)

    def _note(self, send: Send, nonce: str | None) -> None:
        self._sent[id(send)] = (send, nonce)
        while len(self._sent) > KEPT_SENDS:
            self._sent.popitem(last=False)


def _wants_nonce(header: Header) -> bool:
    name, value = header
    if name.lower() != b"www-authenticate":
        return False
    scheme = _SCHEME.search(value[:_MAX_CHALLENGE])
    return scheme is not None and _WANTS_NONCE.search(value[:_MAX_CHALLENGE], scheme.end()) is not None
