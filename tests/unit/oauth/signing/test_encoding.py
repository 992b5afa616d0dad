"""Bytes as text."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.signing.encoding import base64url


@given(st.binary())
def test_base64url(value: bytes) -> None:
    """Whatever the bytes, the text has no padding and none of `+/`, and decodes to them."""
    text = base64url(value)
    assert not set(text) & set("+/=")
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == value
