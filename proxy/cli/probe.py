"""`bearerd probe`: mint a token for each alias, then call its API.

Exit status: 0 all is well, 1 it cannot run, 2 wrong configuration or an unknown name, 3 a token could not be minted,
4 an API could not be called or refused.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import click

from proxy.cli.configuration import config_option, fail, read_or_exit, reader, single_route_options
from proxy.cli.probing import report
from proxy.cli.probing.presenting import PresentingError, callers
from proxy.cli.probing.stages import probe
from proxy.cli.probing.targets import UnknownNameError, chosen
from proxy.cli.wording import room
from proxy.settings.places import Places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.cli.probing.stages import Result

FAILED, NO_TOKEN, API_FAILED = 1, 3, 4


@click.command("probe", short_help="mint tokens, call APIs")
@click.argument("names", nargs=-1, metavar="[ALIAS|ROUTE]...")
@config_option
@single_route_options
@click.option(
    "--present",
    "presented",
    multiple=True,
    metavar="HEADER=@FILE|HEADER=env:NAME",
    help="A caller's own token, for aliases whose token is made of one; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def command(names: tuple[str, ...], configs: tuple[str, ...], presented: tuple[str, ...], *, as_json: bool, **flags: str | None) -> None:
    """Mint a token for each alias and call its API; of all, or of those that are named."""
    settings = read_or_exit(reader(configs, flags))
    try:
        targets, headers = chosen(settings, names), callers(settings, presented)
    except (UnknownNameError, PresentingError) as exc:
        fail(exc.lines)
    try:
        results = asyncio.run(probe(settings, targets, headers))
    except OSError as exc:
        fail([f"cannot start: {exc}"], FAILED)
    if not results:
        click.echo("nothing to probe: no credential, and no route with probe.path", err=True)
    if as_json:
        click.echo(json.dumps(report.document(results), indent=2))
    elif results:
        click.echo("\n".join(report.lines(results, Places(settings.files), room())))
    raise SystemExit(status(results))


def status(results: Sequence[Result]) -> int:
    """The exit status: a missing token counts before a failing API."""
    if any(result.minted is not None and result.minted.ok is False for result in results):
        return NO_TOKEN
    return API_FAILED if any(result.called is not None and result.called.failure is not None for result in results) else 0
