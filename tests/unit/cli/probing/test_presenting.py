"""proxy/cli/probing/presenting.py: callers' tokens for a probe, and what gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.cli.probing.presenting import PresentingError, callers
from proxy.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Configure

TOKEN = "eyJ0.eyJ1.c2ln"
EXCHANGE = {"type": "oauth2_token_exchange", "subject_token": {"header": "X-User-Token"}, "actor_token": {"header": "Authorization"}}


@pytest.fixture(autouse=True)
def places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "words").write_text("no token")
    monkeypatch.setenv("TOKEN", TOKEN)


@pytest.mark.parametrize(
    ("option", "header"),
    [
        ("X-User-Token=@token", (b"X-User-Token", TOKEN.encode())),
        ("x-user-token=env:TOKEN", (b"X-User-Token", TOKEN.encode())),
        ("Authorization=env:TOKEN", (b"Authorization", f"Bearer {TOKEN}".encode())),
    ],
)
def test_a_token_from_its_place(configure: Configure, option: str, header: tuple[bytes, bytes]) -> None:
    """A file or a variable gives the token; in Authorization it stands behind its scheme."""
    assert callers(load([configure(credential=EXCHANGE)]), [option]) == (header,)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([f"X-User-Token={TOKEN}"], "X-User-Token: write @FILE or env:NAME"),
        (["X-User-Token=@"], "X-User-Token: write @FILE or env:NAME"),
        ([f"X-User-Token=@{TOKEN}"], "X-User-Token: the file cannot be read"),
        ([f"X-User-Token=env:{TOKEN}"], "X-User-Token: the variable is not set"),
        (["X-User-Token=@words"], "X-User-Token: what stands there is no token"),
        (["X-User-Token=@token", "x-user-token=@token"], "X-User-Token is said twice"),
        ([TOKEN], "expected HEADER=@FILE or HEADER=env:NAME; callers' tokens are read from Authorization, X-User-Token"),
        ([f"{TOKEN}=="], "expected HEADER=@FILE"),
    ],
)
def test_what_gives_none(configure: Configure, options: list[str], told: str) -> None:
    """What is wrong is told, and nothing of what was typed in the place of a token."""
    with pytest.raises(PresentingError) as raised:
        callers(load([configure(credential=EXCHANGE)]), options)
    [line] = raised.value.lines
    assert (line.startswith(f"--present: {told}"), TOKEN in line) == (True, False), line


def test_nobody_takes_one(configure: Configure) -> None:
    """Where no credential reads a caller's token, none can be given."""
    with pytest.raises(PresentingError, match="no credential takes its caller's token"):
        callers(load([configure()]), ["X-User-Token=@token"])
