"""The command line: run, check, probe, import, demo, healthcheck.

A command's module is imported when it is called, so that none pays for another.
"""

from __future__ import annotations

import gc
from importlib import import_module

import click

from proxy import __version__

COMMANDS = {
    "run": "Serve: put tokens on the calls of the configured routes.",
    "check": "Read the configuration offline and print its routes.",
    "probe": "Mint a token for each alias and call its API.",
    "import": "Make security material of another system's export: SAP CPI, BTP destinations, service keys.",
    "demo": "Show the whole job on this machine, with an authorization server and an API of its own.",
    "healthcheck": "Ask the running bearerd whether it lives; for HEALTHCHECK.",
}
_MODULES = {"import": "importing"}  # a word of Python is no module's name


class Lazy(click.Group):
    """A group that imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        gc.disable()  # nothing of an import is garbage; looking for some takes a tenth of it
        try:
            command: click.Command = import_module(f"proxy.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        finally:
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bearerd")
def main() -> None:
    """Puts OAuth2 tokens on the calls of applications that know nothing of OAuth2."""
