"""What a JWT says of itself."""

from __future__ import annotations

import base64
from typing import Literal

import pytest

from proxy.oauth.jwt import jwt_part


def jws(*parts: str) -> str:
    encoded = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return ".".join([*encoded, "sig"])


WHOLE = jws('{"alg":"none"}', '{"sub":"erp"}')


@pytest.mark.parametrize(
    ("token", "part", "said"),
    [
        (WHOLE, "header", {"alg": "none"}),
        (WHOLE, "claims", {"sub": "erp"}),
        (jws("{}", "{}"), "claims", {}),
        (jws("x", "{}"), "header", None),
        (jws("{}", "[1]"), "claims", None),
        (jws("{}", "{"), "claims", None),
        (jws("{}", "[" * 100_000), "claims", None),
        (jws("{}", '{"exp": NaN}'), "claims", {"exp": "NaN"}),
        ("opaque", "claims", None),
        ("a.b.c.d.e", "claims", None),
    ],
)
def test_jwt_part(token: str, part: Literal["header", "claims"], said: dict[str, object] | None) -> None:
    """Header and claims are read from a signed token; whatever else stands there is None and raises nothing."""
    assert jwt_part(token, part) == said
