"""`bearerd demo`: the whole job on this machine, with an authorization server and an API of its own.

Exit status: 0 every line was as it should be, 1 one was not, or the demonstration was ended before its last.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

from proxy.cli.configuration import fail
from proxy.cli.demonstration import STEPS, demonstrate, stay
from proxy.cli.demonstration.process import NotStartedError
from proxy.cli.demonstration.screen import WIDTH
from proxy.cli.demonstration.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.cli.demonstration.step import Step

FAILED = 1
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command("demo", short_help="show the whole job on this machine")
@click.option("--once", is_flag=True, help="End after the last line, with status 0 only if every line was as it should be.")
def command(*, once: bool) -> None:
    """Show the whole job on this machine, with an authorization server and an API of its own."""
    sys.exit(perform(_console(), once=once))


def perform(console: Console, *, once: bool, steps: Sequence[Step] = STEPS) -> int:
    """The exit status of a whole demonstration; nothing that it started or wrote is left behind."""
    good = False
    try:
        with _interruptible(), Stage() as stage, _undisturbed_end():
            good = demonstrate(console, stage, steps)
            if not once:
                good = stay(console, stage) and good
    except KeyboardInterrupt:
        console.print("\nended")
    except (NotStartedError, OSError) as exc:
        fail([f"the demonstration could not start: {exc}"], FAILED)
    return 0 if good else FAILED


def _console() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(WIDTH, console.width) if console.is_terminal else WIDTH
    return console


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let the first request to end, of whatever kind, be a KeyboardInterrupt; later ones cannot disturb what it began."""
    before = {number: signal.signal(number, _interrupt) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed_end() -> Iterator[None]:
    """What ends by itself is not disturbed either."""
    try:
        yield
    finally:
        _ignore()


def _interrupt(*_: object) -> NoReturn:
    _ignore()
    raise KeyboardInterrupt


def _ignore() -> None:
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
