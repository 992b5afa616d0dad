"""Where keys stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.cli.places import Places

if TYPE_CHECKING:
    from pathlib import Path

PROXY = """\
egress:
  ca: corporate.pem
routes:
  - prefix: /crm
    name: crm.v1
    timeout: {connect: 5s}
  - prefix: /erp
    host: a.example
"""
MATERIAL = """\
credentials:
  crm:
    token_url: https://login.example/token
  crm.sandbox:
    token_url: https://test.example/token
"""


@pytest.fixture
def places(folder: Path) -> Places:
    (folder / "proxy.yaml").write_text(PROXY)
    (folder / "material.yaml").write_text(MATERIAL)
    return Places(["proxy.yaml", "material.yaml", "gone.yaml"])


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("credentials.crm.token_url", "material.yaml:3:16"),
        ("credentials.crm.sandbox.token_url", "material.yaml:5:16"),
        ("credentials.crm.scope", "material.yaml:2:3"),
        ("credentials.gone.scope", None),
        ("routes.crm.v1.timeout.connect", "proxy.yaml:6:24"),
        ("routes./erp.upstream", "proxy.yaml:7:5"),
        ("routes.a.example/erp.upstream", "proxy.yaml:7:5"),
        ("egress.ca", "proxy.yaml:2:7"),
        ("log.level", None),
    ],
)
def test_tell(places: Places, key: str, place: str | None) -> None:
    """A key's own place, or that of what it belongs to; names may hold dots and slashes."""
    assert places.tell(key) == place


@pytest.mark.parametrize(
    ("key", "flag"),
    [("credentials.default.token_url", "--token-url ($BEARERD_TOKEN_URL)"), ("credentials.default.audience", None)],
)
def test_tell_without_files(key: str, flag: str | None) -> None:
    """Where flags made the configuration, a flag is told."""
    assert Places([]).tell(key) == flag
