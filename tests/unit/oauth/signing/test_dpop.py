"""DPoP proofs, verified as a server does (RFC 9449 §4.3)."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jws

from proxy.oauth.signing.dpop import KEPT_NONCES, KEPT_SENDS, DPoPKey, Nonces, Proofs, origin, target
from proxy.oauth.token import PerSend, Send

API = "https://api.example/v1/orders?top=2#part"
GET = Send("GET", API)


def read(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, once the signature was found good by the key in the header."""
    header = json.loads(base64.urlsafe_b64decode(proof.partition(".")[0] + "=="))
    registry = jws.JWSRegistry(algorithms=[header["alg"]])
    registry.max_header_length = 4096  # bytes; an RSA key fills more than joserfc's usual 512
    opened = jws.deserialize_compact(proof, jwk.import_key(header["jwk"]), registry=registry)
    return header, json.loads(opened.payload)


def proofs_of(nonces: Nonces, token: str = "token") -> Proofs:
    count = itertools.count()
    return Proofs(DPoPKey.generate(), token, nonces=nonces, wall=lambda: 1_700_000_000.9, unique=lambda: f"id{next(count)}")


def proof_in(headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, Any]:
    """The claims of the one header."""
    ((name, value),) = headers
    assert name == b"DPoP"
    return read(value.decode())[1]


def challenge(nonce: bytes, error: bytes = b"use_dpop_nonce") -> tuple[tuple[bytes, bytes], ...]:
    return ((b"WWW-Authenticate", b'DPoP error="' + error + b'", algs="ES256"'), (b"DPoP-Nonce", nonce))


def test_proof() -> None:
    """Type, algorithm and public key stand in the header; method, URL, moment and id in the claims."""
    key = DPoPKey.generate()
    header, claims = read(key.proof("POST", API, epoch=1_700_000_000.9, jti="j1"))
    assert header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public}
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}
    assert claims == {"jti": "j1", "htm": "POST", "htu": "https://api.example/v1/orders", "iat": 1_700_000_000}


def test_proof_beside_a_token() -> None:
    """`ath` is the hash of the token (RFC 9449 §4.2), and the nonce is the server's."""
    claims = read(DPoPKey.generate().proof("GET", API, epoch=0, jti="j", nonce="n1", token="Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"))[
        1
    ]
    assert claims["ath"] == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"  # RFC 9449 §7.1
    assert claims["nonce"] == "n1"


@pytest.mark.parametrize(("kind", "alg"), [("RSA", "RS256"), ("P-384", "ES384")])
def test_a_key_of_ones_own(pems: Mapping[str, str], kind: str, alg: str) -> None:
    """A configured key signs with its algorithm, and its private half stays here."""
    header, _ = read(DPoPKey.of(pems[kind]).proof("GET", API, epoch=0, jti="j"))
    assert header["alg"] == alg
    assert not {"d", "p", "q", "kid"} & header["jwk"].keys()


def test_keys_differ() -> None:
    """Each process has a key of its own, and none shows in a repr."""
    one, two = DPoPKey.generate(), DPoPKey.generate()
    assert one.public["x"] != two.public["x"]
    assert one.public["x"] not in repr(one)


@pytest.mark.parametrize(
    ("url", "htu"),
    [
        ("https://api.example/a/b?c=d#e", "https://api.example/a/b"),
        ("HTTPS://API.Example/A", "https://api.example/A"),
        ("https://api.example", "https://api.example/"),
        ("https://api.example?x", "https://api.example/"),
        ("https://api.example:443/", "https://api.example/"),
        ("http://api.example:80/", "http://api.example/"),
        ("https://api.example:80/", "https://api.example:80/"),
        ("http://127.0.0.1:8080/a%2Fb/%e4/../c", "http://127.0.0.1:8080/a%2Fb/%e4/../c"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("https://user:secret@api.example/a", "https://api.example/a"),
    ],
)
def test_target(url: str, htu: str) -> None:
    """Scheme and host in lower case, no default port, no query; the path as it is sent."""
    assert target(url) == htu


@pytest.mark.parametrize("url", ["", "/a", "https:///a", "https://api.example:x/"])
def test_no_target(url: str) -> None:
    """Without a host and a port there is nothing to prove."""
    with pytest.raises(ValueError, match=r"absolute URL|[Pp]ort"):
        target(url)


@given(
    st.sampled_from(["http", "https", "HTTP", "Https"]),
    st.sampled_from(["a.example", "A.EXAMPLE", "[::1]", "127.0.0.1"]),
    st.none() | st.integers(1, 65535),
    st.text("abc/%20;=&~.", max_size=20),
)
def test_target_is_normal(scheme: str, host: str, port: int | None, rest: str) -> None:
    """What is normal stays as it is, and names the same place."""
    url = f"{scheme}://{host}{'' if port is None else f':{port}'}/{rest}"
    made = target(url)
    assert target(made) == made
    assert made.startswith(origin(url))
    assert urlsplit(made).path == urlsplit(url).path


def test_proofs() -> None:
    """Every send has a proof of its own, over its own method and URL, with the token's hash."""
    proofs: PerSend = proofs_of(Nonces())
    first, second = proof_in(proofs.headers(GET)), proof_in(proofs.headers(Send("POST", "https://api.example/v1")))
    assert (first["htm"], first["htu"], first["iat"]) == ("GET", "https://api.example/v1/orders", 1_700_000_000)
    assert (second["htm"], second["htu"]) == ("POST", "https://api.example/v1")
    assert first["jti"] != second["jti"]
    ath = base64.urlsafe_b64encode(hashlib.sha256(b"token").digest()).rstrip(b"=").decode()
    assert first["ath"] == second["ath"] == ath
    assert "nonce" not in first


def test_a_nonce_is_asked_for() -> None:
    """A 401 that wants a nonce asks for the same request once more, and then it is in the proof."""
    proofs = proofs_of(Nonces())
    proofs.headers(GET)
    assert proofs.heard(GET, 401, challenge(b"n1"))
    assert proof_in(proofs.headers(GET))["nonce"] == "n1"


def test_a_nonce_in_passing() -> None:
    """A nonce in any answer is used from then on, by the next token too, and sends nothing again."""
    nonces = Nonces()
    proofs = proofs_of(nonces)
    proofs.headers(GET)
    assert not proofs.heard(GET, 200, [(b"dpop-nonce", b"n2")])
    assert proof_in(proofs_of(nonces, "other").headers(GET))["nonce"] == "n2"


def test_the_nonce_that_was_used() -> None:
    """A server that refuses the very nonce that it gave is not asked again."""
    proofs = proofs_of(Nonces())
    for again in (True, False):
        send = Send("GET", API)
        proofs.headers(send)
        assert proofs.heard(send, 401, challenge(b"n1")) is again


def test_two_requests_at_once() -> None:
    """Each of two equal requests that went without a nonce is sent again, though the first already brought it."""
    proofs = proofs_of(Nonces())
    sends = [Send("GET", API), Send("GET", API)]
    for send in sends:
        proofs.headers(send)
    assert [proofs.heard(send, 401, challenge(b"n1")) for send in sends] == [True, True]


def test_nonces_belong_to_their_server() -> None:
    """One server's nonce is never told to another (RFC 9449 §8.2)."""
    proofs = proofs_of(Nonces())
    proofs.headers(GET)
    proofs.heard(GET, 401, challenge(b"n1"))
    assert "nonce" not in proof_in(proofs.headers(Send("GET", "https://other.example/")))
    assert "nonce" not in proof_in(proofs.headers(Send("GET", "https://api.example:8443/")))
    assert proof_in(proofs.headers(Send("GET", "https://API.example:443/x")))["nonce"] == "n1"


@pytest.mark.parametrize(
    ("status", "headers", "again"),
    [
        (401, challenge(b"n1"), True),
        (401, ((b"www-authenticate", b"Bearer, DPoP error=use_dpop_nonce"), (b"dpop-nonce", b"n1")), True),
        (
            401,
            (
                (b"www-authenticate", b"Bearer"),
                (b"www-authenticate", b'dpop algs="ES256", ERROR = "use_dpop_nonce"'),
                (b"DPOP-NONCE", b" n1 "),
            ),
            True,
        ),
        (401, challenge(b"n1", b"invalid_token"), False),
        (401, challenge(b"n1", b"use_dpop_nonce_x"), False),
        (401, ((b"WWW-Authenticate", b'Bearer error="use_dpop_nonce", DPoP algs="ES256"'), (b"DPoP-Nonce", b"n1")), False),
        (401, ((b"WWW-Authenticate", b"DPoP " * 200_000 + b"error=use_dpop_nonce"), (b"DPoP-Nonce", b"n1")), False),
        (401, ((b"WWW-Authenticate", b'Bearer error="use_dpop_nonce"'), (b"DPoP-Nonce", b"n1")), False),
        (401, ((b"WWW-Authenticate", b'DPoP error="use_dpop_nonce"'),), False),
        (401, ((b"DPoP-Nonce", b"n1"),), False),
        (401, challenge(b""), False),
        (401, challenge(b'a"b'), False),
        (401, challenge(b"a b"), False),
        (401, challenge(b"\xe4"), False),
        (401, challenge(b"n" * 2049), False),
        (400, challenge(b"n1"), False),
        (200, challenge(b"n1"), False),
        (401, (), False),
    ],
)
def test_heard(status: int, headers: tuple[tuple[bytes, bytes], ...], again: bool) -> None:  # noqa: FBT001  # a column of the table
    """Only a 401 whose DPoP challenge wants a nonce, and that brings one, asks for the request again."""
    proofs = proofs_of(Nonces())
    proofs.headers(GET)
    assert proofs.heard(GET, status, headers) is again


def test_what_is_kept_is_bounded() -> None:
    """Neither many servers nor many requests without an answer make it grow without end; the newest stay."""
    nonces = Nonces()
    for number in range(KEPT_NONCES + 10):
        nonces.learn(f"https://h{number}.example/", "n")
    assert (nonces.of("https://h9.example/"), nonces.of("https://h10.example/")) == (None, "n")
    proofs = proofs_of(nonces)
    sends = [Send("GET", API) for _ in range(KEPT_SENDS + 1)]
    for send in sends:
        proofs._note(send, "n")
    assert len(proofs._sent) == KEPT_SENDS


def test_no_nonce() -> None:
    """An answer without a nonce, or with none that may be one, leaves the former."""
    nonces = Nonces()
    assert nonces.learn(API, "n1")
    assert not nonces.learn(API, None)
    assert not nonces.learn(API, "a\r\nb")
    assert nonces.of(API) == "n1"
