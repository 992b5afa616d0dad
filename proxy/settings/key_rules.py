"""Private keys and certificates of a credential: read once when settings are, so that a wrong one is found before a token is needed.

What is told of a key is its kind, never its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.oauth.options import Assertion
from proxy.oauth.signing.certificate import certificates, check_pair
from proxy.oauth.signing.jose import SECRET_ALGS
from proxy.oauth.signing.keys import private_key
from proxy.settings import checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.oauth.signing.keys import PrivateKey
    from proxy.settings.checks import Fault
    from proxy.settings.said import Said

_THUMBPRINTS = {"x5t": "x5t", "x5t_s256": "x5t#S256"}


def faults(said: Said) -> Iterator[Fault]:
    """What is wrong with keys and certificates, and with what an assertion says of them."""
    for name in ("private_key", "dpop_key"):
        if text := _key_fault(said, name):
            yield said.at(name, text)
    key = _key(said)
    yield from _certificate(said, key)
    assertion = said.section("assertion", Assertion)
    yield from checks.not_zero(said.node, ("assertion", "lifetime"), said.values)
    for name, written in _THUMBPRINTS.items():
        if getattr(assertion, name) and not said.has("certificate"):
            yield said.at("certificate", f"this key is missing; assertion.{written} is its thumbprint")
    if assertion.claims is not None and not isinstance(assertion.claims.source, dict):
        yield said.at("assertion.claims", "expected a mapping of names to values")
    if assertion.alg is not None and (text := _alg_fault(said, assertion.alg, key)):
        yield said.at("assertion.alg", text)
    if said.has("dpop_key") and "dpop" not in said.explained and not said.yes("dpop"):
        yield said.at("dpop_key", "it is of no use without dpop: true")


def _key(said: Said) -> PrivateKey | None:
    text = said.secret("private_key")
    return private_key(text) if text is not None and _key_fault(said, "private_key") is None else None


def _key_fault(said: Said, name: str) -> str | None:
    text = said.secret(name)
    try:
        if text is not None:
            private_key(text)
    except ValueError as exc:
        return str(exc)
    return None


def _certificate(said: Said, key: PrivateKey | None) -> Iterator[Fault]:
    text = said.secret("certificate")
    if text is None:
        return
    try:
        certificates(text)
        if key is not None:
            check_pair(key, text)
    except ValueError as exc:
        yield said.at("certificate", str(exc))


def _alg_fault(said: Said, alg: str, key: PrivateKey | None) -> str | None:
    """Why nothing here signs with this algorithm; a credential that signs with a secret and a key is not judged."""
    if said.client_auth == "client_secret_jwt":
        wrong = said.kind != "oauth2_jwt_bearer" and alg not in SECRET_ALGS
        return f"client_auth client_secret_jwt signs with {', '.join(SECRET_ALGS)}" if wrong else None
    try:
        if key is not None:
            key.alg(alg)
    except ValueError as exc:
        return str(exc)
    return None
