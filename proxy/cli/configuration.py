"""Where commands find their configuration: --config, $BEARERD_CONFIG, or the usual places.

What is wrong with it goes to standard error, a line each, and ends the command with status 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from proxy.settings import SettingsError, load, load_single
from proxy.settings.single import FLAGS, variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings.model import Settings

WRONG_CONFIGURATION = 2
USUAL_PLACES = (Path("config/proxy.yaml"), Path("/etc/bearerd/proxy.yaml"))

config_option = click.option(
    "--config",
    "configs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A configuration file; may be repeated.  [default: $BEARERD_CONFIG, ./config/proxy.yaml, /etc/bearerd/proxy.yaml]",
)


def single_route_options(command: Callable[..., None]) -> Callable[..., None]:
    """The flags that make a route without a file; each also as BEARERD_NAME."""
    for flag in reversed(FLAGS):
        command = click.option(f"--{flag}", flag.replace("-", "_"), metavar="VALUE", help=f"${variable(flag)}")(command)
    return command


def reader(configs: tuple[Path, ...], flags: Mapping[str, str | None]) -> Callable[[], Settings]:
    """What reads the configuration that was asked for, now and again at each reload."""
    said = {flag: flags.get(flag.replace("-", "_")) or os.environ.get(variable(flag)) for flag in FLAGS}
    if said["upstream"]:
        if configs:
            fail(["--upstream makes a route without a file: leave out --config, or put the route into the file"])
        return lambda: load_single(said)
    paths = configs or _usual()
    return lambda: load(paths)


def read_or_exit(read: Callable[[], Settings]) -> Settings:
    """The configuration; problems end the command."""
    try:
        return read()
    except SettingsError as exc:
        fail([str(problem) for problem in exc.problems])


def fail(lines: list[str], status: int = WRONG_CONFIGURATION) -> NoReturn:
    """Say what is wrong, a line each, and end."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(status)


def _usual() -> tuple[Path, ...]:
    named = os.environ.get("BEARERD_CONFIG")
    if named:
        return tuple(Path(part) for part in named.split(os.pathsep) if part)
    for path in USUAL_PLACES:
        if path.exists():
            return (path,)
    fail(["no configuration: give --config PATH or --upstream URL, set BEARERD_CONFIG, or write config/proxy.yaml"])
