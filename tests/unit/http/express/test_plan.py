"""proxy/http/express/plan.py: what a plain request means, and that it is remembered for the right one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from proxy.errors import RouteNotFoundError
from proxy.http.address import UpstreamURL
from proxy.http.express.plan import Plans
from proxy.http.headers import Caller, HeaderPolicy
from proxy.http.routing import Route
from proxy.oauth.token import Token

if TYPE_CHECKING:
    from proxy.http.express.plan import Plan

HEAD = b"POST /crm/a?b HTTP/1.1\r\nHost: a.test\r\nX: 1\r\n"


class House:
    """A handler with one route at /crm, and what asks it."""

    def __init__(self, *, at_a_glance: bool = True, **facts: Any) -> None:
        facts.setdefault("credential", "none")
        self.route = Route(prefix="/crm", upstream=UpstreamURL.parse("http://api.test/v1"), name="r", **facts)
        own = SimpleNamespace(headers=HeaderPolicy.of(self.route))
        named = self.route.forwarded != "none"
        self.active = cast("Any", SimpleNamespace(route=self.route, own=own, at_a_glance=at_a_glance, names_callers=named))
        self.asked: list[tuple[bytes, str, bytes]] = []
        self.plans = Plans()

    def find(self, host: bytes, method: str, path: bytes) -> Any:
        self.asked.append((host, method, path))
        if not path.startswith(b"/crm"):
            raise RouteNotFoundError("none")
        return self.active

    def of(self, head: bytes = HEAD, *, max_headers: int = 9) -> Plan | None:
        return self.plans.of(cast("Any", self), head, max_headers)

    def tail(self, token: Token | None = None, *, address: str = "::1", client: Any = None) -> bytes:
        plan = self.of()
        assert plan is not None
        client = client or SimpleNamespace(caller=lambda host: Caller("http", host, address))
        return self.plans.tail(self.active, token, plan.fields, client)


def token(value: str) -> Token:
    return Token(value, 0, 9, 9, 9, headers=((b"Authorization", b"Bearer " + value.encode()),))


def test_what_a_request_means() -> None:
    """Its route, the line that is sent, and the head as the walk knows it."""
    house = House()
    plan = house.of()
    assert plan is not None
    assert (plan.active, plan.line, plan.name, plan.idempotent, plan.bodiless) == (
        house.active,
        b"POST /v1/a?b HTTP/1.1",
        "POST",
        False,
        False,
    )
    assert (plan.head.target, plan.head.minor, plan.head.headers) == (b"/crm/a?b", 1, ((b"Host", b"a.test"), (b"X", b"1")))
    assert house.asked == [(b"a.test", "POST", b"/crm/a")]


@pytest.mark.parametrize("target", [b"/other", b"/crm/%2e%2e/x"])
def test_what_no_route_takes(target: bytes) -> None:
    """The walk says why."""
    plan = House().of(HEAD.replace(b"/crm/a?b", target))
    assert plan is not None
    assert plan.active is None


def test_a_route_that_says_something_for_each_call() -> None:
    """It takes the walk."""
    plan = House(at_a_glance=False).of()
    assert plan is not None
    assert plan.active is None


@pytest.mark.parametrize(
    "head", [HEAD.replace(b"1.1", b"1.0"), HEAD.replace(b"X: 1", b"X:1"), HEAD.replace(b"POST", b"BREW"), b"GET / HTTP/1.1\r\n"]
)
def test_what_is_not_plain(head: bytes) -> None:
    """It has no plan, whatever was remembered before."""
    house = House()
    house.of()
    assert house.of(head) is None
    assert house.of() is not None


def test_too_many_fields() -> None:
    """They are the ordinary lane's to refuse."""
    assert House().of(max_headers=1) is None


def test_the_same_head_is_read_once() -> None:
    """Another method, path or field is not the same."""
    house = House()
    first = house.of()
    assert house.of() is first
    others = [
        house.of(HEAD.replace(old, new)) for old, new in ((b"POST", b"PUT"), (b"?b", b"?c"), (b"X: 1", b"X: 2"), (b"a.test", b"b.test"))
    ]
    assert len({id(plan) for plan in [first, *others]}) == 5
    assert [plan.fields.host for plan in others if plan] == [b"a.test", b"a.test", b"a.test", b"b.test"]


def test_a_reload_ends_what_was_remembered() -> None:
    """A plan of another handler is never used."""
    old, new = House(), House(credential="crm")
    new.plans = old.plans
    first, second = old.of(), new.of()
    assert first is not second
    assert second is not None
    assert second.active is new.active


def test_each_token_has_its_own_head() -> None:
    """A replaced token is never sent again."""
    house = House(credential="crm")
    first, second = token("t1"), token("t2")
    assert [house.tail(one).count(b"Bearer t1") for one in (first, first, second, None, first)] == [1, 1, 0, 0, 1]
    assert b"Bearer t2" in house.tail(second)


@pytest.mark.parametrize("forwarded", ["x-forwarded", "rfc7239"])
def test_each_caller_has_its_own_head(forwarded: str) -> None:
    """Where the route says who calls, what was made for one connection is not sent for the next."""
    house = House(forwarded=forwarded)
    assert [b"192.0.2.1" in house.tail(address=address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [True, False, True]


def test_each_route_has_its_own_head() -> None:
    """What one puts in is not sent by another."""
    house, other = House(credential="crm"), House(credential="crm", via=True)
    other.plans = house.plans
    assert [b"Via:" in one.tail() for one in (house, other, house)] == [False, True, False]
