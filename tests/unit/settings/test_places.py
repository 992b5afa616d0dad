"""Where keys stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.settings.places import Places

if TYPE_CHECKING:
    from pathlib import Path

PROXY = """\
egress:
  ca: corporate.pem
listeners:
  - address: 127.0.0.1:6750
  - {address: "127.0.0.1:6753", head_limit: 1KiB}
drain_timeout: 3s
defaults:
  timeout: {connect: 1s, total: 9s}
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
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "proxy.yaml").write_text(PROXY)
    (tmp_path / "material.yaml").write_text(MATERIAL)
    return Places(["proxy.yaml", "material.yaml", "gone.yaml"])


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("credentials.crm.token_url", "material.yaml:3:16"),
        ("credentials.crm.sandbox.token_url", "material.yaml:5:16"),
        ("credentials.crm.scope", "material.yaml:2:3"),
        ("credentials.gone.scope", None),
        ("routes.crm.v1.timeout.connect", "proxy.yaml:12:24"),
        ("routes.crm.v1.timeout.total", "proxy.yaml:8:33"),
        ("routes.crm.v1.timeout.idle", "proxy.yaml:12:14"),
        ("routes./erp.upstream", "proxy.yaml:13:5"),
        ("routes.a.example/erp.upstream", "proxy.yaml:13:5"),
        ("routes./gone.upstream", None),
        ("egress.ca", "proxy.yaml:2:7"),
        ("egress.proxy", "proxy.yaml:2:3"),
        ("listeners[1].address", "proxy.yaml:5:15"),
        ("listeners[].head_limit", "proxy.yaml:4:5"),
        ("listeners[7].address", "proxy.yaml:4:3"),
        ("drain_timeout", "proxy.yaml:6:16"),
        ("log.level", "proxy.yaml"),
    ],
)
def test_tell(places: Places, key: str, place: str | None) -> None:
    """A key's own place, the default's that counts, or that of what it belongs to; names may hold dots and slashes."""
    assert places.tell(key) == place


def test_places_are_those_of_the_files_that_were_read(places: Places, tmp_path: Path) -> None:
    """A later edit of a file does not move the keys of the configuration that runs."""
    (tmp_path / "material.yaml").write_text("# nothing\n")
    assert places.tell("credentials.crm.token_url") == "material.yaml:3:16"


@pytest.mark.parametrize(
    ("key", "flag"),
    [
        ("credentials.default.token_url", "--token-url ($BEARERD_TOKEN_URL)"),
        ("credentials.default.audience", None),
        ("routes./.upstream", "--upstream ($BEARERD_UPSTREAM)"),
        ("listeners[0].address", "--listen ($BEARERD_LISTEN)"),
        ("admin.address", "--admin ($BEARERD_ADMIN)"),
    ],
)
def test_tell_without_files(key: str, flag: str | None) -> None:
    """Where flags made the configuration, a flag is told."""
    assert Places([]).tell(key) == flag
