"""proxy/egress.py: which proxy a call takes, who it says it is, and which key says so."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.egress import Egress, EgressProxy, WayOut, basic, way_out
from proxy.secrets.sources import Text

ALL = "http://proxy.test:3128"
OWN = "http://own.test:3128"
PASSWORD, ANOTHER = Text("one"), Text("two")
NAMED: dict[str, Any] = {"username": "u", "password": PASSWORD}
KEY = "routes.r.proxy"


@pytest.mark.parametrize(
    ("egress", "own", "out"),
    [
        ({}, None, None),
        ({"proxy": ALL}, None, WayOut(ALL, "egress.proxy", password_key="egress.proxy")),
        ({"proxy": ALL, **NAMED}, None, WayOut(ALL, "egress.proxy", **NAMED, password_key="egress.password")),
        ({}, EgressProxy(url=OWN), WayOut(OWN, KEY, password_key=KEY)),
        ({"proxy": ALL, **NAMED}, EgressProxy(url=OWN), WayOut(OWN, KEY, password_key=KEY)),
        ({"proxy": ALL, **NAMED}, EgressProxy(url=ALL), WayOut(ALL, KEY, **NAMED, password_key="egress.password")),
        (
            {"proxy": ALL, **NAMED},
            EgressProxy(url=ALL, username="v", password=ANOTHER),
            WayOut(ALL, f"{KEY}.url", "v", ANOTHER, f"{KEY}.password"),
        ),
        ({"no_proxy": ("test",)}, EgressProxy(url=OWN), None),
        ({"proxy": ALL, "no_proxy": ("api.test",)}, None, None),
        ({"proxy": ALL, "no_proxy": ("other.test",)}, None, WayOut(ALL, "egress.proxy", password_key="egress.proxy")),
    ],
)
def test_the_way_out(egress: dict[str, Any], own: EgressProxy | None, out: WayOut | None) -> None:
    """A call's own proxy before the one for all, neither for `no_proxy`; a password goes to its own proxy alone."""
    assert way_out("api.test", Egress(**egress), own=own, key=KEY) == out


def test_what_a_proxy_is_told() -> None:
    """User and password as RFC 7617 §2 has them, in UTF-8."""
    assert (basic("Aladdin", "open sesame"), basic("u", "£")) == ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic dTrCow==")


@pytest.mark.parametrize(("username", "said"), [(None, "it asks for a user and password"), ("u", "it refuses the user and password")])
def test_what_a_407_says(username: str | None, said: str) -> None:
    """Whether something is missing or wrong."""
    assert WayOut(ALL, "egress.proxy", username).unknown == said


def test_no_password_is_shown() -> None:
    """Not by an option, nor by the way out that is made of it."""
    egress = Egress(proxy=ALL, username="u", password=Text("s3cr3t"))
    assert "s3cr3t" not in repr((egress, EgressProxy(url=OWN, password=Text("s3cr3t")), way_out("a", egress, own=None, key=KEY)))
