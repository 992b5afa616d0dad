"""Signed JWTs (RFC 7515 §7.1, RFC 7519), with a private key or with a shared secret.

The claims come from `proxy.oauth.assertions`; nothing here knows what they are for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from proxy.oauth.signing.encoding import base64url
from proxy.oauth.signing.keys import private_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.signing.keys import PrivateKey

_HMAC = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
SECRET_ALGS = tuple(_HMAC)  # what a client's secret signs with


def sign_jwt(key_text: str, *, claims: Mapping[str, object], alg: str | None = None, header: Mapping[str, object] | None = None) -> str:
    """A JWT signed with the private key in `key_text`.

    Args:
        key_text: as `PrivateKey.of` reads it; read once while it is in use.
        claims: the payload.
        alg: an algorithm of RFC 7518 §3.1 or RFC 9864; None: what fits the key.
        header: members beside `alg`; `typ` is JWT and `kid` the JWK's own unless given, and None takes one away.

    Raises:
        ValueError: the key is unusable, or does not sign with `alg`, or a claim is no JSON.
    """
    return sign_with(private_key(key_text), claims=claims, alg=alg, header=header)


def sign_with(key: PrivateKey, *, claims: Mapping[str, object], alg: str | None = None, header: Mapping[str, object] | None = None) -> str:
    """A JWT signed with `key`; otherwise as `sign_jwt`.

    Raises:
        ValueError: the key does not sign with `alg`, or a claim is no JSON.
    """
    from joserfc.jws import JWSRegistry

    name = key.alg(alg)
    # joserfc warns of EdDSA by that name (RFC 9864); the servers of today know no other, so its algorithm is taken without its advice.
    algorithm = JWSRegistry.algorithms[name]
    body = _body({"kid": key.kid, **(header or {})}, name, claims)
    return f"{body}.{base64url(algorithm.sign(body.encode(), key.jwk))}"


def sign_hs(secret: str, *, claims: Mapping[str, object], alg: str | None = None, header: Mapping[str, object] | None = None) -> str:
    """A JWT whose MAC is made with `secret`'s UTF-8 bytes (OpenID Connect Core §9, client_secret_jwt).

    Without an `alg` it is HS256. A secret shorter than the hash (RFC 7518 §3.2) is taken as it is: the vendor chose it.

    Raises:
        ValueError: the secret is empty, or `alg` none of HS256, HS384, HS512, or a claim is no JSON.
    """
    if not secret:
        raise ValueError("an empty client_secret signs nothing")
    name = alg or "HS256"
    if name not in _HMAC:
        raise ValueError(f"alg {name} does not sign with a client_secret; change assertion.alg to {', '.join(_HMAC)}")
    body = _body(header or {}, name, claims)
    return f"{body}.{base64url(hmac.digest(secret.encode(), body.encode(), _HMAC[name]))}"


def _body(header: Mapping[str, object], alg: str, claims: Mapping[str, object]) -> str:
    members = {"typ": "JWT", **header, "alg": alg}
    return f"{_encoded({name: value for name, value in members.items() if value is not None})}.{_encoded(claims)}"


def _encoded(said: Mapping[str, object]) -> str:
    try:
        text = json.dumps(said, separators=(",", ":"), allow_nan=False)
    except TypeError as exc:
        raise ValueError(f"a claim or header member of a JWT is no JSON value: {exc}") from exc
    return base64url(text.encode())
