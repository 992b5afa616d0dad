"""Readiness as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from proxy.admin.health import BEST_FIRST, UnknownAliasError, best_of, described, readiness
from proxy.logs import Logs
from proxy.metrics import Metrics
from proxy.metrics.labels import STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.token import TokenState


@dataclass(frozen=True)
class Snapshot:
    """A token as the engine tells it."""

    alias: str
    state: TokenState
    expires_at: float | None = None
    issued_at: float | None = None
    cause: str | None = None
    key: str | None = None
    cooling_until: float | None = None


@dataclass(frozen=True)
class View:
    """A running proxy as it is said to be."""

    found: tuple[Snapshot, ...]
    is_ready: bool = True
    is_draining: bool = False
    metrics: Metrics = field(default_factory=Metrics)
    logs: Logs = field(default_factory=lambda: Logs(bytearray().extend))

    def ready(self) -> bool:
        return self.is_ready

    def draining(self) -> bool:
        return self.is_draining

    def tokens(self) -> tuple[Snapshot, ...]:
        return self.found

    def refusals(self) -> Mapping[str, float]:
        return {"crm": 12.5}

    def config_detail(self) -> Mapping[str, object]:
        return {}


def told(view: View, *asked: str) -> tuple[int, Any, Any]:
    status, body = readiness(view, asked, now=0.0)
    return status, body["status"], list(body["aliases"])  # type: ignore[call-overload]  # JSON values are objects here


@pytest.mark.parametrize(
    ("ready", "draining", "status", "word"),
    [(True, False, 200, "ready"), (False, False, 503, "starting"), (True, True, 503, "draining"), (False, True, 503, "draining")],
)
def test_whole_proxy(ready: bool, draining: bool, status: int, word: str) -> None:  # noqa: FBT001  # a table's columns
    """The proxy is ready when configured and listening, whatever its tokens do."""
    assert told(View((Snapshot("a", "cooling_down"),), ready, draining)) == (status, word, ["a"])


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("empty", 503),
        ("fetching", 503),
        ("fresh", 200),
        ("due", 200),
        ("expired", 503),
        ("cooling_down", 503),
        ("needs_authorization", 503),
    ],
)
def test_one_alias(state: TokenState, status: int) -> None:
    """An alias is ready with a usable token alone, and another alias's does not count."""
    view = View((Snapshot("a", state), Snapshot("b", "fresh")))
    assert told(view, "a") == (status, "ready" if status == 200 else "no_usable_token", ["a"])


@pytest.mark.parametrize(("asked", "status"), [(("a", "b"), 503), (("a", "a"), 200)])
def test_several_aliases(asked: tuple[str, ...], status: int) -> None:
    """All aliases that are asked for must have a usable token."""
    assert told(View((Snapshot("a", "fresh"), Snapshot("b", "empty"))), *asked)[0] == status


def test_usable_token_does_not_outweigh_draining() -> None:
    """A draining proxy is not ready for an alias either."""
    assert told(View((Snapshot("a", "fresh"),), is_draining=True), "a")[:2] == (503, "draining")


@pytest.mark.parametrize("alias", ["b", "", "A"])
def test_unknown_alias(alias: str) -> None:
    """An alias that the configuration does not have is said to be unknown, also while draining."""
    with pytest.raises(UnknownAliasError):
        readiness(View((Snapshot("a", "fresh"),), is_draining=True), [alias], now=0.0)


@pytest.mark.parametrize(
    ("tokens", "best"),
    [
        ([], {}),
        ([Snapshot("b", "empty"), Snapshot("a", "due")], {"a": 1, "b": 0}),
        ([Snapshot("a", "cooling_down"), Snapshot("a", "fresh", 9)], {"a": 1}),
        ([Snapshot("a", "fresh", 9), Snapshot("a", "fresh", 20), Snapshot("a", "due", 50)], {"a": 1}),
    ],
)
def test_best_of(tokens: list[Snapshot], best: dict[str, int]) -> None:
    """Of an alias's tokens the one that serves best is told, and of equals the one that lasts longest."""
    assert best_of(tokens) == {alias: tokens[index] for alias, index in best.items()}


def test_every_state_is_ranked() -> None:
    """Each state of a token has its place among the best."""
    assert sorted(BEST_FIRST) == sorted(STATES)


@pytest.mark.parametrize(("expires_at", "left"), [(None, None), (100.0, 40.0), (10.0, -50.0), (60.12345, 0.123)])
def test_described(expires_at: float | None, left: float | None) -> None:
    """What is left is told in seconds, negative once it is over."""
    token = Snapshot("a", "fresh", expires_at, cause="token_endpoint_error", key="credentials.a.token_url")
    assert described(token, 60.0) == {
        "state": "fresh",
        "expires_in": left,
        "cause": "token_endpoint_error",
        "key": "credentials.a.token_url",
        "cools_for": None,
    }
