"""proxy/oauth/client_auth.py: how id and secret travel."""

from __future__ import annotations

import base64

import pytest

from proxy.oauth.client_auth import client_secret_basic, client_secret_post


@pytest.mark.parametrize(
    ("client_id", "secret", "pair"),
    [
        ("s6BhdRkqt3", "gX1fBat3bV", "s6BhdRkqt3:gX1fBat3bV"),  # RFC 6749 §4.4.2
        (" %&+£€", "x", "+%25%26%2B%C2%A3%E2%82%AC:x"),  # RFC 6749 appendix B
        ("a:b", "c:d", "a%3Ab:c%3Ad"),
        ("id", "p/w=?\r\n", "id:p%2Fw%3D%3F%0D%0A"),
        ("ïd", "пароль", "%C3%AFd:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C"),
    ],
)
def test_basic_is_form_encoded_first(client_id: str, secret: str, pair: str) -> None:
    """Id and secret are form-encoded before they become HTTP Basic (RFC 6749 §2.3.1)."""
    headers, parameters = client_secret_basic(client_id, secret, encoding="form")
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == pair.encode()
    assert parameters == {}


def test_basic_as_the_rfc_writes_it() -> None:
    """The header of RFC 6749 §4.4.2 comes out byte for byte."""
    headers, _ = client_secret_basic("s6BhdRkqt3", "gX1fBat3bV", encoding="form")
    assert headers == {"Authorization": "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"}


def test_raw_basic_encodes_nothing() -> None:
    """`basic_encoding: raw` sends id and secret as they are, as UTF-8."""
    headers, _ = client_secret_basic("ïd", "a b/+%", encoding="raw")
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == "ïd:a b/+%"


def test_post_sends_parameters_and_no_header() -> None:
    """client_secret_post is the only method used when it is chosen."""
    assert client_secret_post("id", "a b", encoding="form") == ({}, {"client_id": "id", "client_secret": "a b"})
