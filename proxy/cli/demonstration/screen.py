"""How the demonstration looks: a line and its evidence within 90 columns.

Colour only where rich finds a terminal; ASCII marks where the encoding has no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from proxy.cli.demonstration.stage import Stage
    from proxy.cli.demonstration.step import Check, Line

WIDTH = 90  # columns
INDENT = 4  # columns, below the mark and the number
DONE = 36  # columns for what was done


def heading(console: Console, stage: Stage) -> None:
    """The parts and where they are."""
    console.print(Text("An application that knows nothing of OAuth2 calls an API that wants tokens.", style="bold"))
    parts = (("bearerd", stage.bearerd.url), ("API", stage.api.url), ("authorization server", stage.server.url))
    console.print(Text("   ".join(f"{name} {url.removeprefix('http://')}" for name, url in parts), style="dim"))
    console.print()


def show(console: Console, line: Line) -> None:
    """A line; what it expected and saw, where that differs."""
    failed = line.failed
    told = Text(line.outcome.told) if not failed else Text("not as it should be", style="bold red")
    _row(console, mark(console, holds=not failed), line.step.name, line.step.done, told)
    if failed:
        for check in failed:
            _below(console, _difference(check))
    elif line.outcome.evidence:
        _below(console, Text(line.outcome.evidence, style="dim"))


def mark(console: Console, *, holds: bool) -> Text:
    """A tick or a cross."""
    tick, cross = ("\u2713", "\u2717") if console.encoding.lower().startswith("utf") else ("+", "x")
    return Text(tick, style="bold green") if holds else Text(cross, style="bold red")


def invitation(console: Console, stage: Stage) -> None:
    """What to try while the parts stay up; commands are never wrapped, so that they can be copied."""
    bearerd, api = stage.bearerd.url, stage.api.url
    lines = (
        ("a token is put on the call", f"curl -i {bearerd}/shop/orders"),
        ("without bearerd: 401", f"curl -i {api}/v1/orders"),
        ("revoke it, then call again", f"curl -d client_id={stage.shop_client} {stage.server.url}/console/revoke"),
        ("scope too small: 403", f"curl -i {bearerd}/shop/invoices"),
        ("the metrics", f"curl {stage.bearerd.admin_url}/metrics"),
        ("the log", f"tail -f {stage.bearerd.log}"),
    )
    console.print()
    console.print(Text("All parts stay up until Ctrl-C. In another terminal:", style="bold"))
    for what, command in lines:
        console.print(Text.assemble("  ", (f"{what:27}", "dim"), command), soft_wrap=True)
    console.print(Text("Add invoices.read to the scope in this file, and a moment later the 403 is a 200:", style="dim"))
    console.print(Text(f"  {stage.folder / 'security-material.yaml'}"), soft_wrap=True)


def _row(console: Console, tick: Text, name: str, done: str, told: Text) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(width=1)
    grid.add_column(width=DONE)
    grid.add_column(overflow="fold")
    grid.add_row(tick, Text(name, style="cyan"), Text(done), told)
    console.print(grid)


def _below(console: Console, text: Text) -> None:
    for line in text.wrap(console, console.width - INDENT, overflow="fold"):
        line.rstrip()
        console.print(Text(" " * INDENT) + line)


def _difference(check: Check) -> Text:
    return Text.assemble(f"{check.what}: expected ", (check.expected, "bold"), ", saw ", (check.seen, "bold red"))
