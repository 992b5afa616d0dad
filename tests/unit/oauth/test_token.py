"""proxy/oauth/token.py: keys are values, tokens are themselves."""

from __future__ import annotations

from proxy.oauth.token import Token, TokenKey


def token() -> Token:
    return Token(value="s3cr3t", obtained_at=1, expires_at=11, due_at=8, usable_until=10, authorization=b"Bearer s3cr3t")


def test_keys_are_values() -> None:
    """Equal keys are one key; another subject is another."""
    assert TokenKey("f") == TokenKey("f", "")
    assert len({TokenKey("f"), TokenKey("f", ""), TokenKey("f", "ada")}) == 2


def test_tokens_are_themselves() -> None:
    """Two tokens with one value are two tokens, so that a late 401 keeps the newer."""
    assert token() != token()


def test_repr_tells_no_token() -> None:
    """The token itself is not shown, nor the header that holds it."""
    assert "s3cr3t" not in repr(token())


def test_lifetime() -> None:
    """Seconds from its request to its expiry."""
    assert token().lifetime == 10
