"""Where commands find their configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.cli.conftest import Configure, Run

FLAGS = ("--upstream", "https://flags.example", "--token-url", "https://login.example/t", "--client-id", "erp", "--client-secret", "x")


def write(folder: Path, name: str, prefix: str) -> str:
    path = folder / name
    path.write_text(f"routes:\n  - {{prefix: {prefix}, upstream: 'https://api.example', credential: none}}\n")
    return str(path)


async def first_line(run: Run, *arguments: str) -> str:
    return (await run("check", *arguments)).stdout.partition(" ")[0]


async def test_the_usual_place(run: Run, configure: Configure) -> None:
    """config/proxy.yaml is read where nothing else is said."""
    configure()
    assert await first_line(run) == "/crm/*"


async def test_the_variable_counts_before_the_usual_place(
    run: Run, configure: Configure, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$BEARERD_CONFIG names a file, or several."""
    configure()
    names = [write(folder, "a.yaml", "/a"), write(folder, "b.yaml", "/b")]
    monkeypatch.setenv("BEARERD_CONFIG", os.pathsep.join(names))
    told = (await run("check")).stdout
    assert [line.partition(" ")[0] for line in told.splitlines()[:2]] == ["/a/*", "/b/*"]


async def test_the_option_counts_before_the_variable(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config wins."""
    monkeypatch.setenv("BEARERD_CONFIG", write(folder, "a.yaml", "/a"))
    assert await first_line(run, "--config", write(folder, "b.yaml", "/b")) == "/b/*"


async def test_flags_count_before_the_usual_place(run: Run, configure: Configure) -> None:
    """--upstream makes a route without a file."""
    configure()
    assert "https://flags.example/*" in (await run("check", *FLAGS)).stdout


async def test_flags_and_files_do_not_mix(run: Run, folder: Path) -> None:
    """--upstream beside --config is refused, not resolved."""
    told = await run("check", *FLAGS, "--config", write(folder, "a.yaml", "/a"))
    assert (told.exit_code, told.stderr.startswith("--upstream makes a route without a file")) == (2, True)


async def test_variables_stand_for_flags(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flag may come from its variable."""
    monkeypatch.setenv("BEARERD_UPSTREAM", "https://env.example")
    monkeypatch.setenv("BEARERD_TOKEN_URL", "https://login.example/t")
    monkeypatch.setenv("BEARERD_CLIENT_ID", "erp")
    monkeypatch.setenv("BEARERD_CLIENT_SECRET", "from-the-environment")
    told = await run("check")
    assert "https://env.example/*" in told.stdout
    assert "from-the-environment" not in told.output
