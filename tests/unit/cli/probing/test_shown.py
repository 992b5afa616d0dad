"""What is masked in the words of a token, and what is not."""

from __future__ import annotations

import base64

import pytest

from proxy.cli.probing.shown import audience_of, header_and_claims, masked, masked_text

JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJlcnAifQ.c2lnbmF0dXJl"
SECRETS = (JWT, *JWT.split("."), "client-secret", "tiny")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("is client-secret here", "is [redacted] here"),
        (f"<{JWT}>", "<[redacted]>"),
        ("signed c2lnbmF0dXJl", "signed [redacted]"),
        ("another eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.eA", "another [redacted]"),
        ("tiny", "[redacted]"),
        ("tinyurl.example", "tinyurl.example"),
        ("6f1c2b3a-4d5e-6f70-8192-a3b4c5d6e7f8", "6f1c2b3a-4d5e-6f70-8192-a3b4c5d6e7f8"),
    ],
)
def test_masked_text(text: str, shown: str) -> None:
    """Secrets and JWTs are masked inside of a text, a very short secret where it is the text; nothing else is."""
    assert masked_text(text, SECRETS) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": ["client-secret", 1, True, None]}, {"a": ["[redacted]", 1, True, None]}),
        ({"client-secret": 1}, {"[redacted]": 1}),
        (float("inf"), "inf"),
        (1.5, 1.5),
        (b"bytes", "[redacted]"),
    ],
)
def test_masked(value: object, shown: object) -> None:
    """Every text of a JSON value is masked, names too, and what is left is JSON."""
    assert masked(value, SECRETS) == shown


def test_depth_is_bounded() -> None:
    """A claim nested a thousand times is cut, not followed."""
    assert header_and_claims("eyJhIjoxfQ." + _nested(900) + ".x", ())[1] is not None


def _nested(depth: int) -> str:
    return base64.urlsafe_b64encode(b'{"a":' * depth + b"1" + b"}" * depth).decode().rstrip("=")


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "eyJhIjoxfQ.WzFd.x"])
def test_no_jwt_has_no_claims(token: str) -> None:
    """An opaque token, and one whose claims are no object, shows none."""
    assert header_and_claims(token, ())[1] is None


@pytest.mark.parametrize(
    ("claims", "audience"),
    [({"aud": "crm"}, ["crm"]), ({"aud": ["crm", "erp"]}, ["crm", "erp"]), ({"aud": 5}, []), ({}, []), (None, [])],
)
def test_audience_of(claims: object, audience: list[str]) -> None:
    """One audience, several, or none that can be read."""
    assert audience_of(claims) == audience
