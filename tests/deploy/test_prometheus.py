"""deploy/prometheus: promtool accepts it, and it scrapes where compose's bearerd serves metrics."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_accepts_the_configuration() -> None:
    """Prometheus itself would start with this file."""
    done = subprocess.run(["promtool", "check", "config", CONFIG], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_scrapes_the_metrics_listener_of_compose() -> None:
    """The target is compose's service name with the port of its metrics listener."""
    (job,) = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["scrape_configs"]
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    proxy = yaml.safe_load((DEPLOY / "compose" / "proxy.yaml").read_text(encoding="utf-8"))
    port = proxy["metrics"]["address"].rpartition(":")[2]
    assert "bearerd" in compose["services"]
    assert job["static_configs"] == [{"targets": [f"bearerd:{port}"]}]
