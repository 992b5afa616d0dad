"""deploy/kubernetes: valid for Kubernetes 1.34, restricted, and bearerd starts from its ConfigMap.

No API server is asked: kubernetes-validate brings the schemas.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from proxy.secrets.sources import File
from proxy.settings import load

MANIFEST = Path(__file__).parents[2] / "deploy" / "kubernetes" / "sidecar.yaml"
KINDS = ("ConfigMap", "Secret", "Deployment")


@pytest.fixture(scope="module")
def objects() -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def pod(objects: dict[str, dict[str, Any]]) -> Any:
    return objects["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def sidecar(pod: Any) -> Any:
    (container,) = pod["initContainers"]
    return container


def mounted(pod: Any, container: Any, kind: str, key: str) -> tuple[str, str]:
    """Where a container sees the volume of this kind, and the object that fills it."""
    (volume,) = [each for each in pod["volumes"] if kind in each]
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == volume["name"]]
    return mount["mountPath"], volume[kind][key]


@pytest.mark.parametrize("kind", KINDS)
def test_each_object_is_valid(objects: dict[str, dict[str, Any]], kind: str) -> None:
    """Kubernetes 1.34 knows every field and value of this object."""
    kubernetes_validate.validate(objects[kind], "1.34", strict=True)


def test_nothing_else_is_deployed(objects: dict[str, dict[str, Any]]) -> None:
    """Every object of the manifest is one that these tests look at."""
    assert set(objects) == set(KINDS)


def test_bearerd_is_a_native_sidecar(sidecar: Any) -> None:
    """It starts before the application, stays, and ends after it."""
    assert sidecar["restartPolicy"] == "Always"


@pytest.mark.parametrize("group", ["initContainers", "containers"])
def test_every_container_is_restricted(pod: Any, group: str) -> None:
    """What the restricted Pod Security Standard asks, a read-only root, a user of its own and bounded memory."""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    contexts = [container["securityContext"] for container in pod[group]]
    assert all(context["capabilities"] == {"drop": ["ALL"]} for context in contexts)
    assert all(context["allowPrivilegeEscalation"] is False for context in contexts)
    assert all(context["readOnlyRootFilesystem"] is True for context in contexts)
    assert all(context["runAsUser"] > 0 for context in contexts)
    assert all("memory" in container["resources"]["limits"] for container in pod[group])


def test_bearerd_starts_from_the_config_map(objects: dict[str, dict[str, Any]], pod: Any, sidecar: Any, tmp_path: Path) -> None:
    """The ConfigMap loads, each secret comes from a file of the mounted Secret, and the probes ask the metrics listener."""
    assert mounted(pod, sidecar, "configMap", "name") == ("/etc/bearerd", objects["ConfigMap"]["metadata"]["name"])
    place, secret = mounted(pod, sidecar, "secret", "secretName")
    assert secret == objects["Secret"]["metadata"]["name"]
    secrets = objects["Secret"]["stringData"]
    written = [(tmp_path / name).write_text(value, encoding="utf-8") for name, value in secrets.items()]
    written += [
        (tmp_path / name).write_text(text.replace(f"{place}/", f"{tmp_path}/"), encoding="utf-8")
        for name, text in objects["ConfigMap"]["data"].items()
    ]
    assert all(written)
    settings = load([tmp_path / "proxy.yaml"])
    assert [listener.address for listener in settings.listeners] == ["127.0.0.1:6750"]
    assert settings.metrics is not None
    (port,) = sidecar["ports"]
    assert settings.metrics.address == f"0.0.0.0:{port['containerPort']}"
    endpoint = settings.credentials["orders"].endpoint
    assert endpoint is not None
    assert endpoint.client_secret == File(f"{tmp_path}/orders_client_secret")


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/readyz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")],
)
def test_probes_ask_the_metrics_listener(sidecar: Any, probe: str, path: str) -> None:
    """A probe comes from outside the pod, so it asks the one listener that is not on loopback."""
    assert sidecar[probe]["httpGet"] == {"path": path, "port": "metrics"}
