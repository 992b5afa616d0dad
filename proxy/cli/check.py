"""`bearerd check`: what a configuration says, without a call to anybody.

Exit status: 0 it can be used, 2 it cannot; every problem is a line on standard error.
"""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from proxy.cli.configuration import config_option, fail, reader, single_route_options
from proxy.cli.wording import WIDTH, columns
from proxy.http.address import UpstreamURL
from proxy.http.routing import upstream_path
from proxy.oauth.grants import GRANTS
from proxy.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.http.routing import Route
    from proxy.oauth.credential import Credential
    from proxy.oauth.options import EndpointOptions
    from proxy.settings import Problem
    from proxy.settings.model import Settings

Rows = list[tuple[str, ...]]
_TYPES = {grant: name for name, grant in GRANTS.items()}


@click.command("check", short_help="read the configuration offline")
@config_option
@single_route_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(configs: tuple[str, ...], *, as_json: bool, **flags: str | None) -> None:
    """Read the configuration offline and print its routes, its credentials and what to know about them."""
    read = reader(configs, flags)
    try:
        settings = read()
    except SettingsError as exc:
        if as_json:
            _print_json(document(None, exc.problems))
        fail([str(problem) for problem in exc.problems])
    if as_json:
        _print_json(document(settings, ()))
    elif sys.stdout.isatty():
        _print_tables(settings)
    else:
        click.echo("\n".join(lines(settings)))


def document(settings: Settings | None, problems: Sequence[Problem]) -> dict[str, object]:
    """What `--json` prints: {ok, routes, credentials, warnings, lint, problems}; `lint` says of each warning its rule and place."""
    return {
        "ok": settings is not None,
        "routes": [_route(route) for route in settings.routes] if settings else [],
        "credentials": [_credential(credential) for credential in settings.credentials.values()] if settings else [],
        "warnings": list(settings.warnings) if settings else [],
        "lint": [{"rule": told.rule or None, **_problem(told.problem)} for told in settings.warnings] if settings else [],
        "problems": [_problem(problem) for problem in problems],
    }


def lines(settings: Settings) -> list[str]:
    """What is printed where no terminal reads it."""
    told = [*columns(route_rows(settings)), "", *columns(credential_rows(settings))]
    told += [""] if settings.warnings else []
    for warning in settings.warnings:
        told += textwrap.wrap(f"warning: {warning}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return [*told, "", _sum(settings)]


def route_rows(settings: Settings) -> Rows:
    """A row for each route: `/crm/* -> https://api.example/v1/*`, and its credential."""
    return [(f"{_taken(route)} -> {_forwarded(route)}", route.credential) for route in settings.routes]


def credential_rows(settings: Settings) -> Rows:
    """A row for each credential: alias, type and client authentication, endpoint."""
    return [(alias, _kind(one), _endpoint(one)) for alias, one in settings.credentials.items()]


def _kind(credential: Credential) -> str:
    name, endpoint = _TYPES[type(credential.grant)], credential.endpoint
    return f"{name}, {endpoint.client_auth}" if endpoint is not None else name


def _taken(route: Route) -> str:
    return f"{route.host or ''}{route.prefix.rstrip('/')}/*"


def _forwarded(route: Route) -> str:
    upstream = route.upstream
    path = upstream_path(route, route.prefix.rstrip("/").encode("ascii") + b"/*").decode("ascii")
    return f"{upstream.scheme}://{upstream.authority}{path}"


def _endpoint(credential: Credential) -> str:
    """Where its token comes from; "" for one that has no endpoint."""
    if credential.endpoint is None:
        return ""
    return _token_url(credential.endpoint) or f"issuer {credential.endpoint.issuer}"


def _token_url(endpoint: EndpointOptions) -> str | None:
    """A token endpoint without its query, in which a key may stand; what is read at a request is shown by its name: `${values.tenant}`."""
    template = endpoint.token_url
    if template is None:
        return None
    shown = template.source.partition("?")[0]
    return str(UpstreamURL.parse(shown)) if template.constant else shown


def _route(route: Route) -> dict[str, object]:
    return {
        "name": route.name,
        "prefix": route.prefix,
        "host": route.host,
        "methods": list(route.methods) if route.methods is not None else None,
        "from": _taken(route),
        "to": _forwarded(route),
        "credential": route.credential,
        "probe": route.probe.path,
    }


def _credential(credential: Credential) -> dict[str, object]:
    endpoint = credential.endpoint
    return {
        "alias": credential.alias,
        "type": _TYPES[type(credential.grant)],
        "description": getattr(credential.grant, "description", ""),
        "token_url": _token_url(endpoint) if endpoint else None,
        "issuer": endpoint.issuer if endpoint else None,
        "client_id": endpoint.client_id if endpoint else None,
        "client_auth": endpoint.client_auth if endpoint else None,
        "scope": list(credential.scope),
    }


def _problem(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "file": place.file if place else None,
        "line": place.line if place and place.line else None,
        "column": place.column if place and place.line else None,
        "key": problem.key,
        "text": problem.text,
    }


def _sum(settings: Settings) -> str:
    counts = ((len(settings.routes), "route"), (len(settings.credentials), "credential"), (len(settings.warnings), "warning"))
    return "ok: " + ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)


def _print_json(told: dict[str, object]) -> None:
    click.echo(json.dumps(told, indent=2))


def _print_tables(settings: Settings) -> None:
    from rich.console import Console  # noqa: PLC0415  # slow to import, and of use at a terminal alone

    console = Console(highlight=False)
    console.print(_table(("route", "credential"), route_rows(settings)))
    console.print(_table(("credential", "type, client_auth", "endpoint"), credential_rows(settings)))
    for warning in settings.warnings:
        console.print("warning:", style="yellow", end=" ")
        console.print(warning, markup=False)
    console.print(_sum(settings), style="green")


def _table(headings: tuple[str, ...], rows: Rows) -> object:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  # as above
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
