"""What bearerd writes to standard output: event lines and access lines.

Writing never blocks the event loop, and no line holds a token or a secret.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from proxy.logs.lines import BOUND, LineWriter, to_descriptor
from proxy.logs.redaction import redact
from proxy.logs.render import Access, Stamp, access_console, access_json, event_console, event_json

if TYPE_CHECKING:
    from proxy.errors import ProxyError, TokenError
    from proxy.oauth.events import DiscardReason
    from proxy.oauth.lifetime import Short
    from proxy.oauth.token import TokenState

__all__ = ["Access", "EventLog", "LibraryLog", "Logs", "configure"]

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "console"]

LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
Locate = Callable[[str], str | None]

FACTS = ("alias", "route", "code", "key", "request_id")  # every event line has them, null where they do not apply
KEYS = 1024  # whose places are remembered


class Logs:
    """Event and access lines in one stream.

    Args:
        sink: where bytes go; it may block, and no method here but `close` waits for it.
        clock: epoch seconds.
        bound: bytes that may wait for the sink.
        locate: where a key of the configuration stands; it is told beside the key.
    """

    def __init__(
        self,
        sink: Callable[[bytes], object],
        *,
        form: Format = "json",
        level: Level = "info",
        access: bool = True,
        clock: Callable[[], float] = time.time,
        bound: int = BOUND,
        locate: Locate | None = None,
    ) -> None:
        self.locate_by(locate)
        self._stamp = Stamp(clock)
        self._access = access
        self._access_line = access_json if form == "json" else access_console
        self._event_line = event_json if form == "json" else event_console
        self._writer = LineWriter(sink, self._notice, bound=bound)
        self._shown = frozenset(LEVELS[LEVELS.index(level) :])

    @property
    def dropped(self) -> int:
        """Lines that nobody will read, since the start: the reader was too slow or is gone."""
        return self._writer.dropped

    @property
    def tells_access(self) -> bool:
        """Whether access lines are written at all."""
        return self._access

    def locate_by(self, locate: Locate | None) -> None:
        """From now on a line with a `key` has as `place` what `locate` says of it; it is asked once for each key."""
        self._locate = lru_cache(KEYS)(locate) if locate is not None else None

    def event(self, level: Level, event: str, *, exc_info: BaseException | None = None, **facts: object) -> None:
        """One event line; `exc_info` adds its traceback."""
        if level not in self._shown:
            return
        if exc_info is not None:
            facts["exception"] = "".join(traceback.format_exception(exc_info)).rstrip("\n")
        self._writer.put(self._line(level, event, facts))

    def failed(self, error: ProxyError, event: str = "request_failed", **facts: object) -> None:
        """A warning about an answer of our own, with the detail that only operators may read."""
        known: dict[str, Any] = {
            "alias": error.alias,
            "code": error.code,
            "key": error.key,
            "detail": error.detail,
            "log_detail": error.log_detail or None,
        }
        self.event("warning", event, **{**known, **facts})

    def access(self, entry: Access) -> None:
        """One line for an answered request, unless access lines are switched off."""
        if self._access:
            self._writer.put(self._access_line(self._stamp(), entry))

    def close(self, timeout: float = 1.0) -> None:
        """Writes what waits, for at most `timeout` seconds."""
        self._writer.close(timeout)

    def _line(self, level: Level, event: str, facts: dict[str, Any]) -> bytes:
        head = {"ts": self._stamp(), "level": level, "event": event}
        known = {name: facts.pop(name, None) for name in FACTS}
        shown = redact({**known, **self._place(known["key"]), **facts})
        return self._event_line({**head, **shown})

    def _place(self, key: str | None) -> dict[str, str]:
        place = self._locate(key) if self._locate is not None and key else None
        return {"place": place} if place is not None else {}

    def _notice(self, lines: int) -> bytes:
        return self._line("warning", "log_lines_dropped", {"lines": lines})


class EventLog:
    """The token engine's events as lines; implements `proxy.oauth.events.Events`."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._short: set[tuple[str, str]] = set()  # alias and key that were told
        self._cooling: dict[str, str | None] = {}  # alias -> cause that was told; until the alias has a token again

    def token_fetched(self, alias: str, *, seconds: float, error: TokenError | None, lifetime: float | None) -> None:
        ms = round(seconds * 1000, 3)
        if error is not None:
            self._logs.failed(error, "token_fetch_failed", alias=alias, ms=ms, detail=str(error.details))
            return
        self._cooling.pop(alias, None)
        self._logs.event("info", "token_fetched", alias=alias, ms=ms, lifetime=lifetime)

    def token_waited(self, alias: str) -> None:
        """No line: a burst would write one per caller."""

    def token_discarded(self, alias: str, reason: DiscardReason, *, age: float) -> None:
        self._logs.event("info", "token_discarded", alias=alias, reason=reason, age=round(age, 3))

    def token_short_lived(self, alias: str, short: Short) -> None:
        """Once for an alias and a key: every token of such a server is short."""
        if (alias, short.key) not in self._short:
            self._short.add((alias, short.key))
            self._logs.event("warning", "token_short_lived", alias=alias, key=f"credentials.{alias}.{short.key}", detail=short.facts)

    def next_secret_used(self, alias: str) -> None:
        self._logs.event("warning", "next_secret_used", alias=alias, key=f"credentials.{alias}.client_secret.current")

    def token_state(self, alias: str, state: TokenState, *, cause: TokenError | None, until: float | None) -> None:
        code, key = (cause.code, cause.key) if cause else (None, None)
        if state == "cooling_down":
            if self._cooling.get(alias, "") != code:
                self._cooling[alias] = code
                self._logs.event("warning", "token_cooling_down", alias=alias, code=code, key=key, until=until)
        elif state == "needs_authorization":
            self._logs.event("warning", "token_needs_authorization", alias=alias, code=code, key=key)
        else:
            self._logs.event("debug", "token_state", alias=alias, state=state)


class LibraryLog(logging.Handler):
    """What libraries say through Python's own logging, as event lines: redacted, and told apart by `logger`."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logging.WARNING)
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a library's own mistake in its arguments
            message = str(record.msg)
        self._logs.event(level, "library", logger=record.name, message=message, exc_info=record.exc_info[1] if record.exc_info else None)


def configure(*, form: Format = "json", level: Level = "info", access: bool = True) -> Logs:
    """Logs on standard output, as containers expect; errors of the start are the command line's, on standard error."""
    return Logs(to_descriptor(sys.stdout.fileno()), form=form, level=level, access=access)
