"""docs/promise.md: the configuration of the last release loads, names every key, and says nothing new."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from proxy.settings import load
from proxy.settings.keys import every_key
from tests.unit.settings.conftest import self_signed

RELEASES = sorted((Path(__file__).parents[1] / "promise").iterdir())


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_an_earlier_configuration_loads(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration with every key that a release had loads without a warning."""
    key, certificate = self_signed()
    for name, value in {"SECRET": "s3cret", "KEY": key, "CERTIFICATE": certificate}.items():
        monkeypatch.setenv(f"PROMISED_{name}", value)
    settings = load([release / "proxy.yaml"])
    assert (settings.warnings, len(settings.routes)) == ((), 9)


def leaves(value: object, path: str = "") -> set[str]:
    """The paths of a YAML document's mappings' keys, without list indices."""
    match value:
        case dict():
            return {f"{path}.{key}".lstrip(".") for key in value} | {
                leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}")
            }
        case list():
            return {leaf for inner in value for leaf in leaves(inner, path)}
        case _:
            return set()


def test_the_newest_promise_names_every_key() -> None:
    """The newest promised configuration leaves out no key of the models, so that none can vanish unseen."""
    files = [yaml.safe_load((RELEASES[-1] / name).read_text()) for name in ("proxy.yaml", "security-material.yaml")]
    said = {leaf.rsplit(".", 1)[-1] for document in files for leaf in leaves(document)}
    assert {key.path.rsplit(".", 1)[-1].rstrip("[]") for key in every_key()} - said == set()
