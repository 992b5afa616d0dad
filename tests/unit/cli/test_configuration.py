"""Where commands find their configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from proxy.cli.configuration import HELP
from proxy.settings.single import variable

if TYPE_CHECKING:
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


async def test_no_flag_is_passed_over(run: Run, folder: Path) -> None:
    """A flag of a route without a file is refused beside one, each with the key to change instead."""
    told = await run("check", "--config", write(folder, "a.yaml", "/a"), "--listen", "127.0.0.1:0", "--scope", "api")
    assert told.exit_code == 2
    assert told.stderr.splitlines() == [
        "--scope belongs to a route without a file; leave it out, or change credentials.ALIAS.scope in the file",
        "--listen belongs to a route without a file; leave it out, or change listeners[0].address in the file",
    ]


async def test_the_usual_file_is_one_too(run: Run, configure: Configure) -> None:
    """A flag beside a file that nobody named is refused in the same way."""
    configure()
    assert (await run("check", "--admin", "127.0.0.1:0")).stderr.startswith("--admin belongs to a route without a file")


async def test_a_variable_that_is_ignored_is_told(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag's variable beside a file is a warning, unless the file asks for it."""
    monkeypatch.setenv("BEARERD_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("BEARERD_SCOPE", "api")
    path = write(folder, "a.yaml", "/a")
    (folder / "a.yaml").write_text(
        (folder / "a.yaml").read_text().replace("credential", "inject: {headers: {X: {env: BEARERD_SCOPE}}}, credential")
    )
    told = json.loads((await run("check", "--config", path, "--json")).stdout)
    assert told["warnings"] == ["BEARERD_LISTEN is set and ignored beside a file; unset it, or change listeners[0].address in the file"]


async def test_a_variable_is_named_where_no_flag_was_typed(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEARERD_UPSTREAM beside --config is refused by its own name."""
    monkeypatch.setenv("BEARERD_UPSTREAM", "https://api.example")
    told = await run("check", "--config", write(folder, "a.yaml", "/a"))
    assert (told.exit_code, told.stderr) == (2, "BEARERD_UPSTREAM is set: unset it, or leave out --config\n")


async def test_everything_is_told_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing does not hide what is wrong; without a file, flags alone say that a route is meant."""
    monkeypatch.setenv("BEARERD_UPSTREAM", "ftp://api.example")
    told = await run("check", "--client-id", "x", "--listen", "80")
    assert [line.partition(":")[0] for line in told.stderr.splitlines()] == [
        "--token-url",
        "--client-secret-file",
        "BEARERD_UPSTREAM",
        "--listen",
    ]


@pytest.mark.parametrize("words", [("--allow-plaintext",), ("--allow-plaintext", "true"), ("--allow-plaintext=1",)])
async def test_a_switch_needs_no_value(run: Run, words: tuple[str, ...]) -> None:
    """A bare switch means true; saying so still works."""
    told = await run("check", *words, *FLAGS[2:], "--upstream", "http://api.example")
    assert (told.exit_code, told.stdout.partition(" ")[0]) == (0, "/*")


async def test_a_switch_by_its_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch may come from its variable."""
    monkeypatch.setenv("BEARERD_ALLOW_PLAINTEXT", "true")
    assert (await run("check", *FLAGS[2:], "--upstream", "http://api.example")).exit_code == 0


async def test_a_file_that_may_not_be_read(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told like every other problem, without a text on usage."""
    path = write(folder, "a.yaml", "/a")

    def refuse(*_: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(Path, "open", refuse)
    told = await run("check", "--config", path)
    assert (told.exit_code, told.stderr) == (2, f"{path}: cannot be read: Permission denied\n")


async def test_a_file_without_a_name(run: Run) -> None:
    """An empty --config is no folder."""
    told = await run("check", "--config", "")
    assert (told.exit_code, told.stderr) == (2, "--config: expected the name of a file, got an empty one\n")


@pytest.mark.parametrize("command", ["run", "check", "probe", "healthcheck"])
async def test_help_explains_every_option(run: Run, command: str) -> None:
    """Each option has a phrase, its variable and its default, in at most 100 columns."""
    told = (await run(command, "--help")).stdout
    assert max(map(len, told.splitlines())) <= 100
    assert [flag for flag in HELP if HELP[flag].split()[0] not in told or f"[${variable(flag)}]" not in told] == []


async def test_variables_stand_for_flags(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flag may come from its variable."""
    monkeypatch.setenv("BEARERD_UPSTREAM", "https://env.example")
    monkeypatch.setenv("BEARERD_TOKEN_URL", "https://login.example/t")
    monkeypatch.setenv("BEARERD_CLIENT_ID", "erp")
    monkeypatch.setenv("BEARERD_CLIENT_SECRET", "from-the-environment")
    told = await run("check")
    assert "https://env.example/*" in told.stdout
    assert "from-the-environment" not in told.output
