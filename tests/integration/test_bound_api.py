"""The API that takes bound tokens alone, tried by a client of our own and without bearerd.

A stolen token is worth nothing there, and neither is a proof that was seen before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from tests.fakes.bound_api import BoundAPI
from tests.integration.proofs import dpop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.asking import Asker, Prover


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[ClientSession]:
    """An HTTP client on the tests' loop."""
    async with ClientSession() as session:
        yield session


@pytest.fixture
def bound_token(prover: Prover) -> str:
    """A token bound to the prover's key."""
    return prover.ask(prover.proof(prover.nonce())).token


async def test_the_api_takes_a_bound_token_with_its_proof_alone(
    prover: Prover, bound_token: str, bound_api: BoundAPI, http: ClientSession
) -> None:
    """First the API's nonce is demanded; then the proof is taken once; as a Bearer token the stolen one is refused."""
    url = f"{bound_api.url}/x?y=1"

    async def call(scheme: str, proof: str | None) -> int:
        headers = {"Authorization": f"{scheme} {bound_token}"} | ({"DPoP": proof} if proof else {})
        async with http.get(url, headers=headers) as response:
            return response.status

    bare = f"{bound_api.url}/x"
    first = await call("DPoP", dpop(prover.key, "GET", bare, token=bound_token))
    assert 'error="use_dpop_nonce"' in bound_api.calls[-1].refusal
    proof = dpop(prover.key, "GET", bare, token=bound_token, nonce=bound_api.nonce)
    assert (first, await call("DPoP", proof), await call("DPoP", proof), await call("Bearer", None)) == (401, 200, 401, 401)
    nonce = bound_api.nonce
    bound_api.renew_nonce()
    assert await call("DPoP", dpop(prover.key, "GET", bare, token=bound_token, nonce=nonce)) == 401


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ("htm", "htm"),
        ("htu", "htu"),
        ("iat", "iat"),
        ("ath", "ath"),
        ("key", "another key"),
        ("signature", "signature"),
        ("none", "one proof"),
    ],
)
async def test_the_api_looks_at_every_claim_of_a_proof(
    wrong: str, refusal: str, prover: Prover, bound_token: str, bound_api: BoundAPI, http: ClientSession
) -> None:
    """One wrong claim is enough, and the refusal names it."""
    changes: dict[str, dict[str, Any]] = {"htm": {"htm": "PUT"}, "htu": {"htu": "http://other/"}, "iat": {"iat": 1}, "ath": {"ath": "x"}}
    key = prover.asker.server.signing_key("ES256") if wrong == "key" else prover.key
    proof = dpop(key, "GET", f"{bound_api.url}/x", token=bound_token, nonce=bound_api.nonce, **changes.get(wrong, {}))
    proof = f"{proof[:-8]}AAAAAAAA" if wrong == "signature" else proof
    headers = {"Authorization": f"DPoP {bound_token}"} | ({} if wrong == "none" else {"DPoP": proof})
    async with http.get(f"{bound_api.url}/x", headers=headers) as response:
        assert response.status == 401
    assert ('error="invalid_dpop_proof"' in bound_api.calls[-1].refusal, refusal in bound_api.calls[-1].refusal) == (True, True)


@pytest.mark.parametrize("kind", ["issued", "self_signed"])
async def test_the_api_takes_a_certificate_bound_token_with_its_certificate_alone(kind: str, asker: Asker, http: ClientSession) -> None:
    """The connection must show the certificate that the token was asked with; another one, and none, are refused."""
    server = asker.server
    make = server.client_certificate if kind == "issued" else server.self_signed_certificate
    right, wrong = make("legacy"), make("other")
    metadata: dict[str, Any] = (
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": right.subject_dn}
        if kind == "issued"
        else {"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": right.jwks}
    )
    client = server.client(tls_client_certificate_bound_access_tokens=True, **metadata)
    headers = {"Authorization": f"Bearer {asker.ask({'client_id': client.id}, certificate=right).token}"}
    statuses = []
    async with BoundAPI(server, tls=server.server_context(right, wrong)) as api:
        for shown in (right, wrong, None):
            async with http.get(f"{api.url}/x", headers=headers, ssl=server.client_context(shown)) as response:
                statuses.append(response.status)
    assert statuses == [200, 401, 401]
