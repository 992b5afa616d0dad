"""docs/cli.md against the commands: every one, every option and variable, every status, both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from proxy.cli import COMMANDS, configuration, healthcheck, importing, main, probe
from proxy.cli import run as run_command
from proxy.cli.probing import diagnosis
from proxy.settings.single import FLAGS, variable

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Configure, Run

DOCS = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = dict(part.split("\n", 1) for part in DOCS.split("\n## ")[1:])
COMMON = "Configuration options"


def documented(section: str) -> set[str]:
    """The options with a row in a section."""
    return set(re.findall(r"^\| `(--[a-z-]+)` \|", SECTIONS[section], re.MULTILINE))


def taken(command: str) -> set[str]:
    """The options that click takes."""
    found = main.get_command(click.Context(main), command)
    assert found is not None
    kinds = [found, *(found.commands.values() if isinstance(found, click.Group) else ())]
    return {name for kind in kinds for parameter in kind.params if isinstance(parameter, click.Option) for name in parameter.opts}


@pytest.mark.parametrize("command", COMMANDS)
def test_options(command: str) -> None:
    """A command's section has a row for each of its options and for no other; the common ones stand in one place."""
    section = f"bearerd {command}"
    common = documented(COMMON) if "(#configuration-options)" in SECTIONS[section] else set()
    assert documented(section) | common == taken(command)


def test_commands() -> None:
    """Every command has a section and a row, and no other command has."""
    assert {name.removeprefix("bearerd ") for name in SECTIONS if name.startswith("bearerd ")} == set(COMMANDS)
    assert re.findall(r"^\| \[`([a-z]+)`\]", DOCS, re.MULTILINE) == list(COMMANDS)


def test_variables() -> None:
    """Every flag of a route without a file stands beside its variable."""
    assert re.findall(r"^\| `(--[a-z-]+)` \| `(BEARERD_[A-Z_]+)`", SECTIONS[COMMON], re.MULTILINE) == [
        ("--config", "BEARERD_CONFIG"),
        *((f"--{flag}", variable(flag)) for flag in FLAGS),
    ]


def test_statuses() -> None:
    """Every exit status of the commands has a row, and no other has."""
    used = {
        0,
        run_command.FAILED,
        probe.FAILED,
        healthcheck.UNHEALTHY,
        configuration.WRONG_CONFIGURATION,
        probe.NO_TOKEN,
        probe.API_FAILED,
        importing.PARTLY,
    }
    assert {int(row) for row in re.findall(r"^\| (\d) \|", SECTIONS["Exit status"], re.MULTILINE)} == used


def test_codes_of_the_api_stage() -> None:
    """Every code that an API's answer can have has a row."""
    source = Path(diagnosis.__file__).read_text(encoding="utf-8")
    codes = {code.replace("{status}", "NNN") for code in re.findall(r'Details\(\s*f?"([a-z_{}]+)"', source)}
    rows = SECTIONS["bearerd probe"].partition("| code | meaning |")[2]
    assert set(re.findall(r"^\| `([a-zN_]+)` \|", rows, re.MULTILINE)) == codes


async def test_what_check_prints(run: Run, configure: Configure) -> None:
    """The example of `check` is what it prints."""
    configure(
        {"prefix": "/salesforce", "upstream": "https://acme.my.salesforce.com/services", "credential": "salesforce"},
        credentials={
            "salesforce": {
                "type": "oauth2_client_credentials",
                "token_url": "https://login.salesforce.com/services/oauth2/token",
                "client_id": "3MVG9",
                "client_secret": {"env": "CRM_SECRET"},
            }
        },
    )
    assert f"```\n{(await run('check')).stdout}```" in SECTIONS["bearerd check"]


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["-h"], 0), (["--version"], 0), (["nonsense"], 2), ([], 2)])
async def test_the_group(run: Run, arguments: list[str], status: int) -> None:
    """Help and version end with 0, an unknown command and none with 2."""
    assert (await run(*arguments)).exit_code == status
