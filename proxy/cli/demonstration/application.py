"""The demonstration's legacy application: plain HTTP from Python's standard library, and nothing about OAuth2.

It keeps one connection, as old programs do, and counts what it called.
"""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT = 20.0  # seconds for one answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought back, and how many seconds it took."""

    status: int
    body: bytes
    proxy_status: str
    seconds: float


class Application:
    """Calls one origin."""

    def __init__(self, origin: str) -> None:
        self.calls = 0
        self._connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=TIMEOUT)

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """The answer to one call.

        Raises:
            OSError: no connection, or none within the time.
            http.client.HTTPException: what came is no HTTP answer.
        """
        self.calls += 1
        began = time.monotonic()
        try:
            self._connection.request(method, path, body, headers or {})
            response = self._connection.getresponse()
            content = response.read()
        except BaseException:
            self.close()  # the next call begins with a connection of its own
            raise
        return Answer(response.status, content, response.headers.get("Proxy-Status", ""), time.monotonic() - began)

    def get(self, path: str) -> Answer:
        """The answer to a GET; raises like `call`."""
        return self.call("GET", path)

    def close(self) -> None:
        """End its connection."""
        self._connection.close()
