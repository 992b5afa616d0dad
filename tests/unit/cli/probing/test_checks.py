"""proxy/cli/probing/checks.py: which part of the way to a token held, and which did not."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from typing import TYPE_CHECKING

import pytest

from proxy import errors
from proxy.cli.probing import checks
from proxy.cli.probing.checks import Check, after_silence, of_failure, of_token
from proxy.oauth.lifetime import Lifetime
from proxy.oauth.token import Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PLACE = "https://login.test:443/token"
EPOCH = 1_800_000_000.0


def failed(error: errors.TokenError, at: str | None = None) -> str:
    """The checks in short: `+` held, `-` failed, `?` not reached."""
    return " ".join({True: "+", False: "-", None: "?"}[check.ok] + check.name for check in of_failure(error, at))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.SecretUnavailableError(alias="crm", log_detail=PLACE), "-secret ?dns ?connect ?tls ?http ?answer"),
        (errors.TokenDNSError(alias="crm", log_detail=PLACE), "+secret -dns ?connect ?tls ?http ?answer"),
        (errors.TokenAddressRefusedError(alias="crm", log_detail=PLACE), "+secret -dns ?connect ?tls ?http ?answer"),
        (
            errors.TokenUnreachableError("the connection was refused", alias="crm", log_detail=PLACE),
            "+secret +dns -connect ?tls ?http ?answer",
        ),
        (
            errors.TokenUnreachableError("the connection was closed", alias="crm", log_detail=PLACE),
            "+secret +dns +connect +tls -http ?answer",
        ),
        (errors.TokenTLSError(alias="crm", log_detail=PLACE), "+secret +dns +connect -tls ?http ?answer"),
        (errors.TokenEgressError(alias="crm", log_detail=PLACE), "-egress ?dns ?connect ?tls ?http ?answer"),
        (errors.TokenTimeoutError(alias="crm", log_detail=PLACE), "+secret +dns +connect +tls -http ?answer"),
        (errors.TokenEndpointNotFoundError(alias="crm", log_detail="http://127.0.0.1:9/t: x"), "+secret +dns +connect -http ?answer"),
        (errors.TokenNotJSONError(alias="crm", log_detail=PLACE), "+secret +dns +connect +tls -http ?answer"),
        (errors.TokenIssuerMismatchError(alias="crm"), "+secret +dns +connect +tls +http -answer"),
        (errors.TokenResponseInvalidError(alias="crm"), "+secret +dns +connect +tls +http -answer"),
    ],
    ids=lambda value: value.code if isinstance(value, errors.TokenError) else "",
)
def test_the_way(error: errors.TokenError, expected: str) -> None:
    """What lies before the failure held, what lies behind it was not reached; a plain endpoint has no TLS."""
    assert failed(error) == expected


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("client_auth", "method"),
        *((field, "client") for field in ("client_secret", "client_id", "private_key", "client_assertion", "token_request.tls.cert")),
        *((field, "audience") for field in ("audience", "resource")),
        *((field, "grant") for field in ("password", "refresh_token", "assertion", "assertion.audience", "type", "subject_token")),
        ("scope", "scope"),
        ("token_request.content_type", "form"),
        ("dpop", "proof"),
    ],
)
def test_what_the_answer_is_about(field: str, name: str) -> None:
    """Behind a declared error stands what of the request it refuses, with the key."""
    way = of_failure(errors.TokenRefusedError("the token endpoint answered 401 application/json, nope; more", alias="crm", field=field))
    assert way[4:] == (
        Check("http", ok=True, detail="401 application/json"),
        Check("answer", ok=False, detail="the token endpoint answered 401 application/json, nope; more"),
        Check(name, ok=False, detail=f"change credentials.crm.{field}"),
    )


@pytest.mark.parametrize("field", ["token_url", ""])
def test_an_answer_about_nothing_known(field: str) -> None:
    """Without such a key the answer stands alone."""
    assert [check.name for check in of_failure(errors.TokenRefusedError(alias="crm", field=field))][-1] == "answer"


@pytest.mark.parametrize(("skew", "ok", "detail"), [(2.0, True, ""), (-90.0, False, "90 s behind")])
def test_the_clock(skew: float, ok: bool, detail: str) -> None:  # noqa: FBT001  # a table's cell
    """Last comes this host's clock, where an answer had a Date."""
    error = errors.TokenInvalidClientError(alias="crm")
    error.skew = skew
    check = of_failure(error)[-1]
    assert (check.name, check.ok) == ("clock", ok)
    assert detail in check.detail


def jwt(**claims: object) -> str:
    return "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".s"


@pytest.mark.parametrize(
    ("value", "lifetime", "expected"),
    [
        ("opaque", 3600.0, [("lifetime", True, "")]),
        ("opaque", 30.0, [("lifetime", False, "the token lives 30 s, less than refresh_before (60 s): it is renewed 6 s before its end")]),
        (jwt(iat=EPOCH), 3600.0, [("lifetime", True, ""), ("clock", True, "")]),
        (jwt(iat=EPOCH, nbf=EPOCH + 95), 3600.0, [("lifetime", True, ""), ("clock", False, "the token begins 95 s in this host's future")]),
        (jwt(iat="soon", nbf=True), 3600.0, [("lifetime", True, "")]),
    ],
)
def test_a_token(value: str, lifetime: float, expected: list[tuple[str, bool, str]]) -> None:
    """A short life and a beginning in the future are told of a token that is there."""
    token = Token(value=value, obtained_at=0.0, expires_at=lifetime, due_at=lifetime, usable_until=lifetime)
    found = of_token(token, Lifetime(), EPOCH)
    assert [(check.name, check.ok) for check in found] == [(name, ok) for name, ok, _ in expected]
    assert all(check.detail.startswith(told) for check, (_, _, told) in zip(found, expected, strict=True))


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """The port of a server that takes connections and says nothing."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def silence(url: str) -> errors.TokenError:
    return errors.TokenTimeoutError(alias="crm", log_detail=f"{url}: TimeoutError")


async def test_after_silence(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that hung is followed as far as it goes: here to the answer, or to a TLS handshake that nobody takes up."""
    monkeypatch.setattr(checks, "PATIENCE", 0.2)
    assert await after_silence(silence(f"http://127.0.0.1:{silent}/t")) is None
    assert await after_silence(silence(f"https://127.0.0.1:{silent}/t")) == "tls"


async def test_after_silence_nobody_listens() -> None:
    """A name that is none and a port that takes nothing are told apart, and an address that is never called is not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert await after_silence(silence(f"http://127.0.0.1:{port}/t")) == "connect"
    assert await after_silence(silence("http://nobody.invalid:80/t")) == "dns"
    assert await after_silence(silence("http://169.254.169.254:80/t")) == "dns"


@pytest.mark.parametrize("error", [errors.TokenTimeoutError(alias="crm"), errors.TokenServerError(alias="crm", log_detail=PLACE)])
async def test_after_no_silence(error: errors.TokenError) -> None:
    """Where an answer came, or no place is known, nothing is asked again."""
    assert await after_silence(error) is None


def test_where_silence_was_found() -> None:
    """The place that was found is where the way ends."""
    assert failed(silence(PLACE), "connect") == "+secret +dns -connect ?tls ?http ?answer"
