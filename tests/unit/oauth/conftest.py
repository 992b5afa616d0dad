"""What the token engine's tests have in common: the facts of one exchange."""

from __future__ import annotations

import pytest

from proxy.oauth.exchange import Facts
from proxy.oauth.lifetime import Lifetime


@pytest.fixture
def facts() -> Facts:
    """An exchange of the alias crm, begun at 100 s, without spread."""
    return Facts(
        alias="crm",
        now=100.0,
        epoch=1_800_000_000.0,
        jitter=0.5,
        client_secret="s3cr3t/+ value",
        client_auth="client_secret_basic",
        basic_encoding="form",
        content_type="form",
        lifetime=Lifetime(),
    )
