"""What a reload takes over from the configuration before, and what it makes anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme
import yaml

from proxy.app import App
from proxy.logs import EventLog, Logs
from proxy.metrics import Metrics
from proxy.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def configuration(**route: object) -> dict[str, object]:
    return {
        "version": 1,
        "routes": [{"prefix": "/crm", "upstream": "https://api.test", "credential": "crm", "tls": {"ca": "ca.pem"}, **route}],
        "credentials": {
            "crm": {
                "type": "oauth2_client_credentials",
                "token_url": "https://login.test/token",
                "client_id": "me",
                "client_secret": {"file": "secret"},
            }
        },
    }


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., App]:
    """Write, load and compose a configuration: `build(document, before=...)`."""
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "secret").chmod(0o600)
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")

    def app(document: dict[str, object], *, before: App | None = None) -> App:
        (tmp_path / "proxy.yaml").write_text(yaml.safe_dump(document))
        logs = Logs(lambda _: None)
        return App(load([tmp_path / "proxy.yaml"]), metrics=Metrics(), logs=logs, event_log=EventLog(logs), before=before)

    return app


async def test_an_unchanged_route_is_taken_over(build: Callable[..., App]) -> None:
    """Its connections, its retry budget and its memory of refusals stay, and so does the alias's token source."""
    first = build(configuration())
    second = build(configuration(), before=first)
    assert second.routes["/crm"] is first.routes["/crm"]
    assert second.aliases["crm"] is first.aliases["crm"]


async def test_a_changed_route_is_made_anew(build: Callable[..., App]) -> None:
    """A changed route has new connections; its alias, unchanged, keeps its tokens."""
    first = build(configuration())
    second = build(configuration(preserve_host=True), before=first)
    assert second.routes["/crm"] is not first.routes["/crm"]
    assert second.aliases["crm"] is first.aliases["crm"]


async def test_a_renewed_certificate_file_counts_as_a_change(build: Callable[..., App], tmp_path: Path) -> None:
    """A CA file with a new content under its old name is used by new connections; it is among the files that are watched."""
    first = build(configuration())
    assert str(tmp_path / "ca.pem") in first.files
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    second = build(configuration(), before=first)
    assert second.routes["/crm"] is not first.routes["/crm"]
