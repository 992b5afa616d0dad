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
from proxy.settings.single import FLAGS, REQUIRED, SWITCHES, beside_a_file, in_a_file, variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings.model import Settings

WRONG_CONFIGURATION = 2
USUAL_PLACES = (Path("config/proxy.yaml"), Path("/etc/bearerd/proxy.yaml"))
HELP = {
    "upstream": "Where calls go: https://HOST[:PORT][/PATH]; one route without a file.",
    "prefix": "Which calls it takes.  [default: /, all]",
    "token-url": "The token endpoint; needed with --upstream.",
    "client-id": "The client's id; needed with --upstream.",
    "client-secret": "The client's secret; better said by its variable.",
    "client-secret-file": "The file that holds the secret instead.",
    "scope": "The scope to ask for, several with spaces between.  [default: none]",
    "listen": "Where applications call.  [default: 127.0.0.1:6750]",
    "admin": "Where operators call, on loopback.  [default: 127.0.0.1:6751]",
    "allow-plaintext": "Let http leave this machine, for upstream and token endpoint.  [default: false]",
    "allow-anonymous": "Listen off loopback although callers are not authenticated.  [default: false]",
}

config_option = click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="PATH",
    help="A configuration file; may be repeated.  [default: $BEARERD_CONFIG, ./config/proxy.yaml, /etc/bearerd/proxy.yaml]",
)


def single_route_options(command: Callable[..., None]) -> Callable[..., None]:
    """The flags that make a route without a file; each also as BEARERD_NAME, and a switch without a value means true."""
    for flag in reversed(FLAGS):
        name, told = flag.replace("-", "_"), f"{HELP[flag]}  [${variable(flag)}]"
        if flag in SWITCHES:
            option = click.option(f"--{flag}", name, is_flag=False, flag_value="true", metavar="[true|false]", help=told)
        else:
            option = click.option(f"--{flag}", name, metavar="VALUE", help=told)
        command = option(command)
    return command


def reader(configs: tuple[str, ...], flags: Mapping[str, str | None]) -> Callable[[], Settings]:
    """What reads the configuration that was asked for, now and again at each reload."""
    paths = chosen_files(configs, flags)
    if paths:
        return lambda: beside_a_file(load(paths))
    said = {flag: _typed(flags, flag) or os.environ.get(variable(flag)) for flag in FLAGS}
    return lambda: load_single(said)


def chosen_files(configs: tuple[str, ...], flags: Mapping[str, str | None], *, needed: bool = True) -> tuple[Path, ...]:
    """The files to read; none where flags and their variables say a route.

    What does not go together ends the command, and so does no configuration at all where one is `needed`.
    """
    typed = [flag for flag in FLAGS if _typed(flags, flag) is not None]
    if "" in configs:
        fail(["--config: expected the name of a file, got an empty one"])
    if configs and "upstream" in typed:
        fail(["--upstream makes a route without a file: leave out --config, or put the route into the file"])
    if configs and os.environ.get(variable("upstream")):
        fail([f"{variable('upstream')} is set: unset it, or leave out --config"])
    if "upstream" in typed or os.environ.get(variable("upstream")):
        return ()
    paths = tuple(map(Path, configs)) or _usual()
    if paths and typed:
        fail([f"--{flag} belongs to a route without a file; leave it out, or change {in_a_file(flag)} in the file" for flag in typed])
    if needed and not paths and not typed and not any(os.environ.get(variable(flag)) for flag in REQUIRED):
        fail(["no configuration: give --config PATH or --upstream URL, set BEARERD_CONFIG, or write config/proxy.yaml"])
    return paths


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


def _typed(flags: Mapping[str, str | None], flag: str) -> str | None:
    return flags.get(flag.replace("-", "_"))


def _usual() -> tuple[Path, ...]:
    named = os.environ.get("BEARERD_CONFIG")
    if named:
        return tuple(Path(part) for part in named.split(os.pathsep) if part)
    return next(((path,) for path in USUAL_PLACES if path.exists()), ())
