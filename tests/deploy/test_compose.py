"""deploy/compose: what the file mounts exists, and bearerd starts from what is mounted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.settings import load

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
SERVICES = ("app", "bearerd", "prometheus")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(parsed, dict)
    return parsed


def mounts(service: dict[str, Any]) -> dict[str, Path]:
    """Where each bound file of this checkout appears in the container."""
    return {volume["target"]: COMPOSE / volume["source"] for volume in service.get("volumes", ())}


def test_the_three_services_are_there(compose: dict[str, Any]) -> None:
    """An application, bearerd and Prometheus, and nothing else to look after."""
    assert set(compose["services"]) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_mounted_file_is_in_the_checkout_and_read_only(compose: dict[str, Any], name: str) -> None:
    """No container writes to the checkout, and no mount is made up as an empty directory by the engine."""
    service = compose["services"][name]
    assert [source for source in mounts(service).values() if not source.is_file()] == []
    assert all(volume["read_only"] for volume in service.get("volumes", ()))


def test_the_application_shares_loopback_with_bearerd(compose: dict[str, Any]) -> None:
    """The application calls bearerd's listener on loopback, once bearerd is healthy."""
    app = compose["services"]["app"]
    assert app["network_mode"] == "service:bearerd"
    assert app["depends_on"]["bearerd"]["condition"] == "service_healthy"
    assert "http://127.0.0.1:6750/orders/" in " ".join(app["entrypoint"])


def test_bearerd_is_locked_down(compose: dict[str, Any]) -> None:
    """bearerd runs read-only, without capabilities or new privileges, and no port of it is published."""
    bearerd = compose["services"]["bearerd"]
    assert bearerd["read_only"] is True
    assert bearerd["cap_drop"] == ["ALL"]
    assert bearerd["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in bearerd


def test_bearerd_starts_from_what_is_mounted(compose: dict[str, Any], tmp_path: Path) -> None:
    """The mounted configuration loads, with the secret from the file that compose mounts for it."""
    bearerd = compose["services"]["bearerd"]
    files = {target: shutil.copy(source, tmp_path) for target, source in mounts(bearerd).items()}
    (name,) = bearerd["secrets"]
    secret = tmp_path / name
    secret.write_text("s3cret\n", encoding="utf-8")
    material = Path(files["/etc/bearerd/security-material.yaml"])
    text = material.read_text(encoding="utf-8")
    assert f"/run/secrets/{name}" in text
    material.write_text(text.replace(f"/run/secrets/{name}", str(secret)), encoding="utf-8")
    settings = load([Path(files["/etc/bearerd/proxy.yaml"])])
    assert [listener.address for listener in settings.listeners] == ["127.0.0.1:6750"]
    assert settings.metrics is not None
    assert [route.prefix for route in settings.routes] == ["/orders"]
    assert list(settings.credentials) == ["orders"]


def test_no_secret_is_kept_in_the_checkout(compose: dict[str, Any]) -> None:
    """Each secret is a file in a directory of which nothing is ever committed."""
    sources = [COMPOSE / secret["file"] for secret in compose["secrets"].values()]
    assert sources
    ignore = (COMPOSE / "secrets" / ".gitignore").read_text(encoding="utf-8").split("\n")
    assert "*" in ignore
    assert {source.parent for source in sources} == {COMPOSE / "secrets"}
