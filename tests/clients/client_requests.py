"""A legacy caller written with requests: client_requests.py URL.

It knows one URL and nothing of tokens.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator


def parts(body: bytes) -> Iterator[bytes]:
    """The body in pieces, so that requests sends it chunked."""
    return (body[at : at + 10_000] for at in range(0, len(body), 10_000))


def main(url: str) -> None:
    """Call in every way that an application does; raises where an answer is wrong."""
    body = os.urandom(1 << 20)
    digest = hashlib.sha256(body).hexdigest()
    with requests.Session() as session:
        session.trust_env = False
        got = session.get(f"{url}/echo/a%2Fb", params={"x": "1", "y": ["two words", "ü"]}, timeout=20)
        assert got.headers["X-Query"] == "x=1&y=two words&y=ü".encode().decode("latin-1"), got.headers
        fixed = session.post(f"{url}/echo", data=body, timeout=20)
        assert fixed.headers["X-Sha256"] == digest, fixed.status_code
        chunked = session.post(f"{url}/echo", data=parts(body), timeout=20)
        assert chunked.headers["X-Sha256"] == digest, chunked.status_code
        head = session.head(f"{url}/bytes/4096", timeout=20)
        assert head.headers["Content-Length"] == "4096", head.headers
        for kind in ("fixed", "chunked"):
            answer = session.get(f"{url}/bytes/1048576?{kind}", timeout=20)
            assert hashlib.sha256(answer.content).hexdigest() == answer.headers["X-Sha256"], kind
        for number in range(5):
            assert session.get(f"{url}/echo/{number}", timeout=20).status_code == requests.codes.ok, number
    print("ok")  # noqa: T201  # the line that tells success


if __name__ == "__main__":
    main(sys.argv[1])
