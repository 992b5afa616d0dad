"""proxy/oauth/rotation.py: which refusals lead to the other secret."""

from __future__ import annotations

import pytest

from proxy.errors import TokenInvalidClientError, TokenInvalidGrantError, TokenInvalidScopeError, TokenRefusedError
from proxy.oauth.rotation import ROTATED, may_be_rotated


@pytest.mark.parametrize(
    ("refused", "rotated", "tried"),
    [
        (TokenInvalidClientError(alias="crm", field="client_id"), {"client_secret"}, True),
        (TokenInvalidClientError(alias="crm"), set(), False),
        (TokenInvalidClientError(alias="crm"), {"password"}, False),
        (TokenInvalidClientError(alias="crm", field="password"), {"password"}, True),
        (TokenRefusedError(alias="crm", field="client_secret"), {"client_secret"}, True),
        (TokenRefusedError(alias="crm", field="client_auth"), {"client_secret"}, True),
        (TokenRefusedError(alias="crm", field="private_key"), {"private_key"}, True),
        (TokenRefusedError(alias="crm", field="private_key"), {"client_secret"}, False),
        (TokenInvalidGrantError(alias="crm", field="assertion"), {"private_key"}, True),
        (TokenInvalidGrantError(alias="crm", field="password"), {"password"}, True),
        (TokenInvalidGrantError(alias="crm", field="refresh_token"), {"client_secret", "password"}, False),
        (TokenInvalidScopeError(alias="crm"), set(ROTATED), False),
        (TokenRefusedError(alias="crm", field=""), set(ROTATED), False),
    ],
)
def test_the_other_secret_is_tried_where_it_may_help(refused: TokenRefusedError, rotated: set[str], tried: bool) -> None:  # noqa: FBT001  # a column of the table
    """By what the refusal is about, so that no second secret is shown for a wrong scope."""
    assert may_be_rotated(refused, rotated) is tried
