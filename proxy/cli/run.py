"""`bearerd run`: serve until a signal.

Exit status: 0 stopped by a signal, 1 a listener could not be had, 2 wrong configuration.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from typing import TYPE_CHECKING

import click

from proxy.cli.configuration import config_option, fail, read_or_exit, reader, single_route_options
from proxy.logs import LibraryLog, configure
from proxy.settings.places import Places
from proxy.trust import system_trust_unread

with system_trust_unread():  # 30 ms and 0.8 MB
    from proxy.server import Server
    from proxy.sockets import BindError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings.model import Settings

FAILED = 1
SWITCH_INTERVAL = 0.0005  # seconds that a thread, such as a scrape of many series, may keep calls waiting; Python's own is ten times that


@click.command("run", short_help="serve")
@config_option
@single_route_options
def command(configs: tuple[str, ...], **flags: str | None) -> None:
    """Serve: put tokens on the calls of the configured routes, until SIGTERM (drain) or SIGINT (now)."""
    gc.disable()  # most of what is made until all stands is there to stay
    read = reader(configs, flags)
    settings = read_or_exit(read)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_serve(settings, read))
        except BindError as exc:
            place = Places(settings.files).tell(exc.key)
            fail([": ".join(filter(None, (place, exc.key, f"cannot listen on {exc}")))], FAILED)
        except OSError as exc:
            fail([f"cannot start: {exc}"], FAILED)


async def _serve(settings: Settings, read: Callable[[], Settings]) -> None:
    logs = configure(form=settings.log.format, level=settings.log.level, access=settings.log.access)
    logging.getLogger().addHandler(LibraryLog(logs))
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        server = Server(settings, logs=logs, reload=read)
        gc.freeze()  # what is here now stays for good: the collector need not look at it again
        gc.enable()
        await server.run()
    except BindError as exc:
        logs.event("error", "cannot_listen", key=exc.key, detail=f"cannot listen on {exc}")
        raise
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end has begun: another request for it does not make it a failure
        logs.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415  # not on Windows
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
