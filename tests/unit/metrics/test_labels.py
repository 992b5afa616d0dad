"""The closed lists of label values against the code that speaks them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from proxy.metrics.labels import OTHER, RETRIED, SKIPPED, known_method, known_retry, known_status, token_outcomes

RETRY = Path(__file__).parents[3] / "proxy" / "http" / "retry.py"


def reasons(name: str) -> set[str]:
    """The words that the retry policy gives to `name(...)`."""
    calls = [node for node in ast.walk(ast.parse(RETRY.read_text(encoding="utf-8"))) if isinstance(node, ast.Call) and node.args]
    named = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == name]
    return {node.value for first in named for node in ast.walk(first) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_relay_reasons_are_labels() -> None:
    """Whatever the retry policy says about an answer that it passes on has a label."""
    assert reasons("Relay")
    assert reasons("Relay") - set(SKIPPED) == set()


def test_retry_reasons_are_labels() -> None:
    """Whatever the retry policy says about a second send has a label; `status_` goes with a number."""
    assert reasons("Retry")
    assert reasons("Retry") - set(RETRIED) - {"status_"} == set()


@pytest.mark.parametrize(("method", "label"), [("GET", "GET"), ("PATCH", "PATCH"), ("get", OTHER), ("", OTHER), ("MERGE", OTHER)])
def test_known_method(method: str, label: str) -> None:
    """A method is its own label only as the registry of methods writes it."""
    assert known_method(method) == label


@pytest.mark.parametrize(("status", "label"), [(100, 100), (204, 204), (599, 599), (99, 100), (600, 599), (-5, 100)])
def test_known_status(status: int, label: int) -> None:
    """A status stays within 100 to 599."""
    assert known_status(status) == label


@pytest.mark.parametrize(
    ("reason", "label"),
    [("connect", "connect"), ("status_425", "status_425"), ("status_200", OTHER), ("status_5033", OTHER), ("status_50\u0663", OTHER)],
)
def test_known_retry(reason: str, label: str) -> None:
    """A retry's reason is listed, or an error status."""
    assert known_retry(reason) == label


def test_token_outcomes() -> None:
    """Outcomes are `ok` and the codes of the token errors, of the deepest class too."""
    outcomes = token_outcomes()
    assert outcomes[0] == "ok"
    assert {"token_scope_narrowed", "token_endpoint_timeout", "secret_unavailable"} <= set(outcomes)
