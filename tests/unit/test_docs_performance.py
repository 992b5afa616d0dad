"""docs/performance.md: what it tells to write is a configuration."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from proxy.settings import load

DOCS = Path(__file__).parents[2] / "docs" / "performance.md"
ROUTES = "routes: [{prefix: /a, upstream: 'https://api.example.com', credential: none}]\n"


def test_what_makes_it_fast_loads(tmp_path: Path) -> None:
    """Each YAML block is taken as it stands, and says what the page says of it."""
    (told,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "proxy.yaml"
    file.write_text(told + ROUTES, encoding="utf-8")
    loaded = load([file])
    assert (loaded.express, loaded.log.access) == (True, False)
    assert loaded.metrics is not None
    assert not loaded.metrics.per_route
    assert set(yaml.safe_load(told)) == {"express", "log", "metrics"}
