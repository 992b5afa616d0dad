"""proxy/oauth/token.py: keys are values, tokens are themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from proxy.oauth.token import Send, Token, TokenKey


def token(**held: Any) -> Token:
    return Token(value="s3cr3t", obtained_at=1, expires_at=11, due_at=8, usable_until=10, **held)


def test_keys_are_values() -> None:
    """Equal keys are one key; another subject is another."""
    assert TokenKey("f") == TokenKey("f", "")
    assert len({TokenKey("f"), TokenKey("f", ""), TokenKey("f", "ada")}) == 2


def test_tokens_are_themselves() -> None:
    """Two tokens with one value are two tokens, so that a late 401 keeps the newer."""
    assert token() != token()


def test_presented_headers_are_no_part_of_the_key() -> None:
    """What a caller showed of the subject makes no other key, and is not shown."""
    key = TokenKey("f", "ada", {"authorization": "Bearer s3cr3t"})
    assert key == TokenKey("f", "ada")
    assert len({key, TokenKey("f", "ada")}) == 1
    assert "s3cr3t" not in repr(key)


def test_repr_tells_no_token() -> None:
    """The token itself is not shown, nor what holds it: headers, query, the refresh token, the URL of a send."""
    full = token(
        headers=((b"Authorization", b"Bearer s3cr3t"),),
        query=(("access_token", "s3cr3t"),),
        refresh_token="s3cr3t",
        look_up={"token": "s3cr3t"}.__getitem__,
    )
    assert "s3cr3t" not in repr(full)
    assert "s3cr3t" not in repr(Send("GET", "https://api.test/?access_token=s3cr3t"))


def test_lifetime() -> None:
    """Seconds from its request to its expiry."""
    assert token().lifetime == 10


def test_a_repeated_token_is_due_at_its_end() -> None:
    """The same value that ends at the same time is not asked for sooner; one that is prolonged, or new, is due as ever."""
    assert token().behind(token()).due_at == 10
    assert replace(token(), expires_at=20).behind(token()).due_at == 8
    assert replace(token(), value="new").behind(token()).due_at == 8
    assert token().behind(None).due_at == 8
