"""Failures of the API: what is sent again, when, and what never is.

A call that may have had an effect is never sent twice unless the caller said that it may.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.api import EchoAPI
    from tests.fakes.raw import Exchange, RawUpstream
    from tests.integration.applications import Caller
    from tests.integration.authorization import Client
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes


@pytest.fixture
def crm(echo_api: EchoAPI, client: Client, credential: Callable[..., dict[str, Any]], bearerd: StartBearerd) -> str:
    """The URL of a route to the API."""
    running = bearerd({"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"}, credentials={"crm": credential(client)})
    return f"{running.url}/crm"


def dated(due: int) -> str:
    """A Retry-After at `due`, epoch seconds, as an HTTP date."""
    return format_datetime(datetime.fromtimestamp(due, UTC), usegmt=True)


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_503_is_waited_out_and_retried(form: str, crm: str, echo_api: EchoAPI, caller: Caller) -> None:
    """A GET that got 503 is sent again after Retry-After, in seconds or as a date, and Proxy-Status says so."""
    due = int(time.time()) + 2
    echo_api.script.append((503, {"Retry-After": "1" if form == "seconds" else dated(due)}))
    got = await caller.get(f"{crm}/echo")
    assert got.status == 200
    assert got.seconds >= 0.9 if form == "seconds" else time.time() > due - 0.1
    assert [call.status for call in echo_api.calls] == [503, 200]
    assert "retried" in got.proxy_status


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_post_is_never_sent_again(status: int, crm: str, echo_api: EchoAPI, caller: Caller) -> None:
    """Without an Idempotency-Key, the API's failure is the answer, unchanged."""
    echo_api.script.append((status, {"Retry-After": "0"}))
    got = await caller.post(f"{crm}/echo", b"order")
    assert (got.status, got.body) == (status, f"refused with {status}\n".encode())
    assert [call.status for call in echo_api.calls] == [status]


async def test_a_post_with_an_idempotency_key_is_retried(crm: str, echo_api: EchoAPI, caller: Caller) -> None:
    """The caller said that the call may be sent twice; the body is the same both times."""
    echo_api.script.append((503, {"Retry-After": "0"}))
    got = await caller.post(f"{crm}/echo", b"order", headers={"Idempotency-Key": "7"})
    assert got.status == 200
    assert [call.status for call in echo_api.calls] == [503, 200]
    assert len({call.digest for call in echo_api.calls}) == 1


async def test_a_retry_after_over_the_cap_passes_through(crm: str, echo_api: EchoAPI, caller: Caller) -> None:
    """An API that asks for two minutes is not waited for: its 503 and Retry-After are the answer, at once."""
    echo_api.script.append((503, {"Retry-After": "120"}))
    got = await caller.get(f"{crm}/echo")
    assert (got.status, got.get("Retry-After"), got.body) == (503, "120", b"refused with 503\n")
    assert got.seconds < 60
    assert len(echo_api.calls) == 1


@pytest.mark.parametrize("status", [501, 505, 403, 404, 400])
async def test_what_cannot_get_better_is_not_retried(status: int, crm: str, echo_api: EchoAPI, caller: Caller) -> None:
    """The answer passes through after one attempt, without a Proxy-Status of ours."""
    echo_api.script.append((status, {}))
    got = await caller.get(f"{crm}/echo")
    assert (got.status, len(echo_api.calls)) == (status, 1)
    assert "error=" not in got.proxy_status


async def test_attempts_are_bounded(crm: str, echo_api: EchoAPI, caller: Caller) -> None:
    """An API that keeps failing gets a GET three times, and its last answer is the caller's."""
    echo_api.script.extend([(503, {"Retry-After": "0"})] * 5)
    got = await caller.get(f"{crm}/echo")
    assert (got.status, got.body) == (503, b"refused with 503\n")
    assert len(echo_api.calls) == 3


async def test_a_post_that_is_reset_is_not_sent_again(raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd) -> None:
    """A reset after the request was read is 502 upstream_closed: the API may have done it."""

    async def cut(exchange: Exchange) -> None:
        exchange.reset()

    raw_upstream.reply = cut
    running = bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "none"})
    got = await caller.post(f"{running.url}/crm/order", b"order")
    assert (got.status, got.problem["code"], got.problem["origin"]) == (502, "upstream_closed", "upstream")
    assert [request.body.data for request in raw_upstream.requests] == [b"order"]


async def test_a_get_that_is_reset_is_sent_again(raw_upstream: RawUpstream, caller: Caller, bearerd: StartBearerd) -> None:
    """A reset before the first byte of an answer is retried for a GET."""

    async def cut(exchange: Exchange) -> None:
        exchange.reset()

    raw_upstream.script.append(cut)
    running = bearerd({"prefix": "/crm", "upstream": raw_upstream.url, "credential": "none"})
    got = await caller.get(f"{running.url}/crm/order")
    assert (got.status, got.body) == (200, b"ok")
    assert len(raw_upstream.requests) == 2
