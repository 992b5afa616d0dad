"""The Signer of the token engine: everything of this package behind one door.

A key is text at the door and lives no longer than its use, but for the parsed keys that `keys` keeps and those of provers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from proxy.oauth.signing import certificate as certificates
from proxy.oauth.signing import jose, saml
from proxy.oauth.signing.dpop import DPoPKey, Nonces, Proofs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from proxy.oauth.exchange import SAMLAssertion


class KeySigner:
    """Signs with the keys it is given (`proxy.oauth.exchange.Signer`).

    Args:
        wall: epoch seconds, for the proofs that are made later.
        unique: a text that was never there before.
    """

    def __init__(self, *, wall: Callable[[], float], unique: Callable[[], str]) -> None:
        self._wall = wall
        self._unique = unique
        self._provers: dict[str, tuple[str | None, KeyProver]] = {}  # by whose they are: the key's text, and what proves with it

    def jwt(self, key: str, *, claims: Mapping[str, object], alg: str | None = None, header: Mapping[str, object] | None = None) -> str:
        return jose.sign_jwt(key, claims=claims, alg=alg, header=header)

    def hmac(self, secret: str, *, claims: Mapping[str, object], alg: str | None = None, header: Mapping[str, object] | None = None) -> str:
        return jose.sign_hs(secret, claims=claims, alg=alg, header=header)

    def thumbprint(self, certificate: str, hash_name: Literal["sha1", "sha256"]) -> str:
        return certificates.thumbprint(certificate, hash_name)

    def saml(self, assertion: SAMLAssertion, *, key: str, certificate: str, alg: str | None = None) -> str:
        return saml.saml_assertion(assertion, key_text=key, cert_text=certificate or None, alg=alg, encoding=assertion.encoding)

    def prover(self, key: str | None, *, of: str) -> KeyProver:
        known = self._provers.get(of)
        if known is None or known[0] != key:
            made = KeyProver(DPoPKey.generate() if key is None else DPoPKey.of(key), wall=self._wall, unique=self._unique)
            known = self._provers[of] = (key, made)
        return known[1]

    def keep(self, those: Collection[str]) -> None:
        """Forget the provers of all others."""
        self._provers = {of: known for of, known in self._provers.items() if of in those}


class KeyProver:
    """One DPoP key at work (`proxy.oauth.exchange.Prover`)."""

    def __init__(self, key: DPoPKey, *, wall: Callable[[], float], unique: Callable[[], str]) -> None:
        self._key = key
        self._wall = wall
        self._unique = unique
        self._nonces = Nonces()

    def nonce(self, url: str) -> str | None:
        return self._nonces.of(url)

    def learn(self, url: str, nonce: str | None) -> bool:
        return self._nonces.learn(url, nonce)

    def proof(self, method: str, url: str, *, nonce: str | None) -> str:
        return self._key.proof(method, url, epoch=self._wall(), jti=self._unique(), nonce=nonce)

    def for_token(self, token: str) -> Proofs:
        return Proofs(self._key, token, nonces=self._nonces, wall=self._wall, unique=self._unique)
