"""An API that takes no stolen token: a DPoP-bound one needs its proof, a certificate-bound one its certificate.

What a token is bound to is asked of the authorization server; every proof is verified here, and none is taken twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import ClientSession, web
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.fakes.witness import WITNESS

if TYPE_CHECKING:
    import ssl

    from tests.integration.authorization import AuthorizationServer

KEYS: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
WINDOW = 60  # seconds that `iat` may be away
REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)


class Refused(Exception):  # noqa: N818  # an answer, not an error of ours
    """Why a call was refused: scheme, code, and what is wrong."""

    def __init__(self, scheme: str, code: str, description: str) -> None:
        super().__init__(f'{scheme} error="{code}", error_description="{description}"')


@dataclass(frozen=True, slots=True)
class BoundCall:
    """One call: how it was answered, what was wrong, and the claims of its proof."""

    method: str
    target: str
    token: str
    status: int
    refusal: str = ""
    proof: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class BoundAPI:
    """An API on loopback, by HTTPS with `tls`; with `nonces`, a proof must carry the nonce that it gave last."""

    server: AuthorizationServer
    tls: ssl.SSLContext | None = None
    nonces: bool = True
    calls: list[BoundCall] = field(default_factory=list)
    port: int = 0
    nonce: str = field(default_factory=secrets.token_urlsafe)
    _seen: set[str] = field(default_factory=set)  # jti of every proof taken
    _runner: web.AppRunner | None = None
    _session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._session = ClientSession()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def renew_nonce(self) -> None:
        """Take the nonce given so far no longer."""
        self.nonce = secrets.token_urlsafe()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        token = request.headers.get("Authorization", "").partition(" ")[2]
        WITNESS.header(token, request.headers.get("DPoP", ""))
        headers = {"DPoP-Nonce": self.nonce} if self.nonces else {}
        try:
            proof = await self._checked(request, token)
        except Refused as refused:
            self.calls.append(BoundCall(request.method, request.raw_path, token, 401, str(refused)))
            return web.Response(status=401, headers={**headers, "WWW-Authenticate": str(refused)}, text="refused\n")
        self.calls.append(BoundCall(request.method, request.raw_path, token, 200, proof=proof))
        told = {
            "method": request.method,
            "target": request.raw_path,
            "length": len(body),
            "headers": list(map(list, request.headers.items())),
        }
        return web.json_response(told, headers=headers)

    async def _checked(self, request: web.Request, token: str) -> dict[str, Any]:
        """The claims of the proof, empty where none is needed.

        Raises:
            Refused: whatever is not as the token's binding wants it.
        """
        scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
        told = await self._introspect(token)
        bound: dict[str, str] = told.get("cnf", {})
        named = "DPoP" if "jkt" in bound else "Bearer"
        if not told["active"]:
            raise Refused(named, "invalid_token", "not active")
        if scheme != named.lower():
            raise Refused(named, "invalid_token", "the scheme is not the one of the token's binding")  # RFC 9449 §7.2: no downgrade
        if "x5t#S256" in bound and bound["x5t#S256"] != _shown(request):
            raise Refused(named, "invalid_token", "another certificate")
        return self._proof(request, token, bound["jkt"]) if "jkt" in bound else {}

    async def _introspect(self, token: str) -> dict[str, Any]:
        if not token:
            return {"active": False}
        assert self._session is not None
        us = self.server.introspector
        form = {"token": token, "client_id": us.id, "client_secret": us.secret}
        async with self._session.post(self.server.introspection_url, data=form) as response:
            told: dict[str, Any] = await response.json()
        return told

    def _proof(self, request: web.Request, token: str, thumbprint: str) -> dict[str, Any]:
        """RFC 9449 §4.3, in its order."""
        given = request.headers.getall("DPoP", [])
        demand(len(given) == 1, "one proof is wanted")
        header, claims = _verified(given[0])
        demand(header.get("typ") == "dpop+jwt", "typ")
        demand(claims.get("htm") == request.method, "htm")
        demand(claims.get("htu") == f"{request.scheme}://{request.host}{request.raw_path.partition('?')[0]}", "htu")
        if self.nonces and claims.get("nonce") != self.nonce:
            raise Refused("DPoP", "use_dpop_nonce", "a nonce is wanted")
        demand(abs(time.time() - claims.get("iat", 0)) <= WINDOW, "iat")
        demand(claims.get("ath") == _digest(token.encode()), "ath")
        demand(KEYS[header["jwk"]["kty"]].import_key(header["jwk"]).thumbprint() == thumbprint, "another key than the token's")
        demand(isinstance(claims.get("jti"), str) and claims["jti"] not in self._seen, "jti was used before")
        self._seen.add(claims["jti"])
        return claims


def demand(holds: bool, what: str) -> None:  # noqa: FBT001  # reads as an assertion
    """Refuse the proof unless it `holds`.

    Raises:
        Refused: it does not.
    """
    if not holds:
        raise Refused("DPoP", "invalid_dpop_proof", what)


def _verified(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        header = jws.extract_compact(proof.encode()).headers()
        jwk = header["jwk"]
        demand(not {"d", "p", "q", "k"} & set(jwk), "the private key is in the proof")
        key = KEYS[jwk["kty"]].import_key(jwk)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # the name EdDSA, which RFC 9864 replaced
            return header, json.loads(jws.deserialize_compact(proof, key, registry=REGISTRY).payload)
    except (JoseError, KeyError, ValueError):
        raise Refused("DPoP", "invalid_dpop_proof", "not a proof, or its signature does not verify") from None


def _shown(request: web.Request) -> str | None:
    connection = request.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True) if connection else None
    return _digest(der) if der else None


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
