"""proxy/oauth/proving.py: proofs on token requests, and the nonces that servers want in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from proxy import errors
from proxy.oauth.exchange import TokenRequest, TokenResponse
from proxy.oauth.proving import MAX_ROUNDS, proven
from proxy.oauth.token import Token

if TYPE_CHECKING:
    from collections.abc import Generator

    from proxy.oauth.exchange import Prover

AS = "https://as.test/token"
TOKEN = Token(value="t", obtained_at=0, expires_at=1, due_at=1, usable_until=1)
ASKED = json.dumps({"error": "use_dpop_nonce"}).encode()


@dataclass
class Nonces:
    """A prover whose proofs can be read: `METHOD URL NONCE`."""

    known: dict[str, str] = field(default_factory=dict)

    def nonce(self, url: str) -> str | None:
        return self.known.get(url)

    def learn(self, url: str, nonce: str | None) -> bool:
        if nonce is None:
            return False
        self.known[url] = nonce
        return True

    def proof(self, method: str, url: str, *, nonce: str | None) -> str:
        return f"{method} {url} {nonce}"


@dataclass
class Steps:
    """An exchange that counts how often it was begun, and how often it was closed or ended."""

    urls: tuple[str, ...] = (AS,)
    begun: int = 0
    ended: int = 0
    heard: list[int] = field(default_factory=list)

    def __call__(self) -> Generator[TokenRequest, TokenResponse, Token]:
        self.begun += 1
        try:
            for url in self.urls:
                response = yield TokenRequest(url, f"assertion={self.begun}".encode(), {"Accept": "application/json"})
                self.heard.append(response.status)
                if response.status != 200:
                    raise errors.TokenRefusedError(alias="crm")
            return TOKEN
        finally:
            self.ended += 1


def answer(status: int = 200, body: bytes = b"{}", nonce: str | None = None) -> TokenResponse:
    return TokenResponse(status, {"content-type": "application/json"} | ({"dpop-nonce": nonce} if nonce else {}), body)


def run(steps: Steps, prover: Nonces, *answers: TokenResponse) -> list[TokenRequest]:
    """The requests that were sent; a refusal passes through."""
    proving, sent, coming = proven(steps, cast("Prover", prover)), [], iter(answers)
    try:
        sent.append(next(proving))
        while True:
            sent.append(proving.send(next(coming)))
    except StopIteration:
        return sent


def proofs(sent: list[TokenRequest]) -> list[str]:
    return [request.headers["DPoP"].rpartition(" ")[2] for request in sent]


def test_a_proof_on_each_request() -> None:
    """Each request of an exchange has its proof, beside its own headers."""
    sent = run(Steps((AS, AS + "/2")), Nonces(), answer(), answer())
    assert [request.headers for request in sent] == [
        {"Accept": "application/json", "DPoP": f"POST {AS} None"},
        {"Accept": "application/json", "DPoP": f"POST {AS}/2 None"},
    ]


@pytest.mark.parametrize("status", [400, 401])
def test_a_nonce_that_is_asked_for(status: int) -> None:
    """Where the server asks for its nonce, the exchange begins again with it (RFC 9449 §8): its assertion is a new one."""
    steps = Steps()
    sent = run(steps, Nonces(), answer(status, ASKED, "n1"), answer())
    assert proofs(sent) == ["None", "n1"]
    assert [request.body for request in sent] == [b"assertion=1", b"assertion=2"]
    assert (steps.begun, steps.ended, steps.heard) == (2, 2, [200])


def test_a_nonce_is_kept() -> None:
    """A nonce that came with a token is in the next exchange's proof (RFC 9449 §8.2)."""
    prover = Nonces()
    run(Steps(), prover, answer(nonce="n1"))
    assert proofs(run(Steps(), prover, answer())) == ["n1"]


def test_several_servers_may_ask() -> None:
    """Each server of an exchange may ask for its own nonce."""
    steps = Steps((AS, "https://other.test/"))
    sent = run(steps, Nonces(), answer(400, ASKED, "n1"), answer(), answer(400, ASKED, "m1"), answer(), answer())
    assert proofs(sent) == ["None", "n1", "None", "n1", "m1"]


@pytest.mark.parametrize(
    "refusal",
    [
        answer(400, ASKED),
        answer(400, b'{"error": "invalid_grant"}', "n1"),
        answer(400, b"[]", "n1"),
        answer(400, b"\xff", "n1"),
        answer(500, ASKED, "n1"),
    ],
)
def test_other_refusals_are_the_exchange_s(refusal: TokenResponse) -> None:
    """Without a nonce, with another error or status, nothing begins again."""
    steps = Steps()
    with pytest.raises(errors.TokenRefusedError):
        run(steps, Nonces(), refusal)
    assert steps.begun == 1


def test_the_same_nonce_again() -> None:
    """A server that asks for the nonce that it was given is not asked again."""
    steps = Steps()
    with pytest.raises(errors.TokenRefusedError):
        run(steps, Nonces({AS: "n1"}), answer(400, ASKED, "n1"))
    assert steps.begun == 1


def test_rounds_are_bounded() -> None:
    """A server that asks for another nonce each time is refused in the end."""
    steps = Steps()
    with pytest.raises(errors.TokenRefusedError):
        run(steps, Nonces(), *(answer(400, ASKED, f"n{number}") for number in range(10)))
    assert steps.begun == steps.ended == MAX_ROUNDS


def test_the_token_passes() -> None:
    """What the exchange returns is what comes out."""
    proving = proven(Steps(), cast("Prover", Nonces()))
    next(proving)
    with pytest.raises(StopIteration) as done:
        proving.send(answer())
    assert done.value.value is TOKEN
