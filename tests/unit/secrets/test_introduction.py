"""proxy/secrets/introduction.py: what a proxy is told of us, and what is told of a password that cannot be had."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from proxy.egress import WayOut
from proxy.secrets.introduction import IntroductionError, introduction
from proxy.secrets.sources import Command, Env, Text

if TYPE_CHECKING:
    from proxy.secrets import Secret

HELLO = "Basic YmVhcmVyZDpoaQ=="


def way(username: str | None, password: Secret | None = None) -> WayOut:
    return WayOut("http://proxy.test:8080", "egress.proxy", username, password, "egress.password")


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        (None, {}),
        (way(None), {}),
        (way("bearerd"), {"Proxy-Authorization": "Basic YmVhcmVyZDo="}),
        (way("bearerd", Text("hi")), {"Proxy-Authorization": HELLO}),
        (way("bearerd", Command((sys.executable, "-S", "-c", "print('hi')"))), {"Proxy-Authorization": HELLO}),
    ],
    ids=["no proxy", "a proxy for all", "an empty password", "a password", "one that a program prints"],
)
async def test_what_the_proxy_is_told(out: WayOut | None, expected: dict[str, str]) -> None:
    """Name and password as Basic (RFC 7617), or nothing where it asks for nobody."""
    assert await introduction(out) == expected


@pytest.mark.parametrize(
    ("password", "facts", "log_detail"),
    [
        (Env("NOT_SET_ANYWHERE"), "cannot be read", "environment variable NOT_SET_ANYWHERE is not set"),
        (Text("half \ud800"), "is not UTF-8 text", ""),
    ],
    ids=["unset", "foreign bytes"],
)
async def test_a_password_that_cannot_be_had(password: Secret, facts: str, log_detail: str) -> None:
    """Its key repairs it, its place is for the log, and none of it is shown."""
    with pytest.raises(IntroductionError) as caught:
        await introduction(way("bearerd", password))

    error = caught.value
    assert (error.facts, error.log_detail, error.key) == (f"the password for the egress proxy {facts}", log_detail, "egress.password")
    assert "half" not in f"{error!r} {error}"
