"""proxy/oauth/refusal.py: which error an answer is, and which key repairs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from proxy import errors
from proxy.oauth.exchange import Metadata, Scope, TokenResponse
from proxy.oauth.response import parse_token
from tests.fakes.credentials import crm, names_of

if TYPE_CHECKING:
    from proxy.oauth.client_auth import ClientAuthName


def refused(status: int, body: object, client_auth: ClientAuthName = "client_secret_basic", **headers: str) -> errors.TokenError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"content-type": "application/json; charset=utf-8", **{name.replace("_", "-"): value for name, value in headers.items()}}
    with pytest.raises(errors.TokenError) as caught:
        parse_token(TokenResponse(status, said, raw), names_of(crm(client_auth=client_auth, scope=Scope(("api", "read")))))
    return caught.value


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500])
@pytest.mark.parametrize(
    ("code", "kind", "key"),
    [
        ("invalid_client", errors.TokenInvalidClientError, "credentials.crm.client_secret"),
        ("invalid_scope", errors.TokenInvalidScopeError, "credentials.crm.scope"),
        ("invalid_grant", errors.TokenInvalidGrantError, "credentials.crm.client_id"),
        ("unauthorized_client", errors.TokenUnauthorizedClientError, "credentials.crm.client_id"),
        ("unsupported_grant_type", errors.TokenUnsupportedGrantError, "credentials.crm.type"),
        ("temporarily_unavailable", errors.TokenServerError, None),
        ("server_error", errors.TokenServerError, None),
    ],
)
def test_declared_error_decides(status: int, code: str, kind: type[errors.TokenError], key: str | None) -> None:
    """A known error code says what it is under every status, beside a token too."""
    error = refused(status, {"error": code, "access_token": "abc"})
    assert type(error) is kind
    assert error.key == key


@pytest.mark.parametrize(
    ("status", "body", "expected", "told"),
    [
        (301, b"", (errors.TokenRedirectError, "token_url"), "answered 301 application/json, and redirects are not followed"),
        (302, {"access_token": "abc"}, (errors.TokenRedirectError, "token_url"), "302"),
        (404, b"<html>", (errors.TokenEndpointNotFoundError, "token_url"), "the token endpoint answered 404 application/json"),
        (404, {"error": "Not Found"}, (errors.TokenEndpointNotFoundError, "token_url"), "404 application/json, Not Found"),
        (405, b"", (errors.TokenEndpointNotFoundError, "token_url"), "405"),
        (410, b"", (errors.TokenEndpointNotFoundError, "token_url"), "410"),
        (500, b"oops", (errors.TokenServerError, None), "500"),
        (503, {"error": "busy"}, (errors.TokenServerError, None), "503 application/json, busy"),
        (400, b"", (errors.TokenRefusedError, "token_request"), "400 application/json; the client_auth used was client_secret_basic"),
        (401, b"", (errors.TokenRefusedError, "client_secret"), "401"),
        (403, b"", (errors.TokenRefusedError, "client_secret"), "403"),
        (403, b"blocked", (errors.TokenRefusedError, "token_url"), "403"),
        (403, {"error": "access_denied"}, (errors.TokenRefusedError, "token_url"), "access_denied"),
        (415, b"", (errors.TokenRefusedError, "token_request.content_type"), "it does not take a form body"),
        (400, {"error": "invalid_target"}, (errors.TokenRefusedError, "resource"), "invalid_target"),
        (
            403,
            {"error": "access_denied", "error_description": "No audience parameter"},
            (errors.TokenRefusedError, "audience"),
            "No audience",
        ),
        (400, {"error": "invalid_request", "error_description": "scope is required"}, (errors.TokenRefusedError, "scope"), "required"),
        (200, {"error": "bad", "access_token": "abc"}, (errors.TokenRefusedError, "token_url"), "200 application/json, bad"),
        (200, {"ok": False}, (errors.TokenRefusedError, "token_url"), "200"),
        (400, {"error": {"code": 400, "message": "no such app"}}, (errors.TokenRefusedError, "token_request"), "error (no such app)"),
        (400, {"errors": [{"code": "601", "message": "no"}]}, (errors.TokenRefusedError, "token_request"), "601 (no)"),
        (
            200,
            {"errors": [{"code": "invalid_client"}]},
            (errors.TokenInvalidClientError, "client_secret"),
            "200 application/json, invalid_client",
        ),
        (400, {"error": "INVALID_CLIENT"}, (errors.TokenInvalidClientError, "client_secret"), "INVALID_CLIENT"),
        (400, {"error": "invalid_client_id"}, (errors.TokenInvalidClientError, "client_id"), "invalid_client_id"),
        (400, [{"errorCode": "E7", "message": "bad"}], (errors.TokenRefusedError, "token_request"), "E7 (bad)"),
        (401, {"message": "Unauthorized"}, (errors.TokenRefusedError, "client_secret"), "401 application/json, (Unauthorized)"),
        (200, {"errorCode": "E7", "errorMessage": "bad"}, (errors.TokenRefusedError, "token_url"), "E7 (bad)"),
        (400, {"error": "invalid_dpop_proof"}, (errors.TokenRefusedError, "dpop"), "invalid_dpop_proof"),
        (400, {"message": "Missing grant_type"}, (errors.TokenRefusedError, "token_request.content_type"), "(Missing grant_type)"),
    ],
)
def test_status_decides_otherwise(status: int, body: object, expected: tuple[type, str | None], told: str) -> None:
    """Without a known code the status says what it is; the facts hold status and media type."""
    kind, key = expected
    error = refused(status, body)
    assert type(error) is kind
    assert error.key == (key and f"credentials.crm.{key}")
    assert told in error.facts


def test_html_404_is_told_as_it_is() -> None:
    """The wrong token_url: status, media type, key, and the command that checks it."""
    error = refused(404, b"<html>", content_type="text/html; charset=utf-8")
    assert error.detail == (
        "token_endpoint_not_found; alias 'crm': the token endpoint answered 404 text/html; nothing was sent to the API; "
        "check: bearerd probe crm; change credentials.crm.token_url"
    )


@pytest.mark.parametrize(
    ("value", "wait"),
    [("7", 7.0), ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0), ("Fri Jan 15 08:00:30 2027", 30.0), ("999999", 300.0), ("soon", None)],
)
def test_rate_limit(value: str, wait: float | None) -> None:
    """429 carries Retry-After, whatever the body declares."""
    error = refused(429, {"error": "invalid_client"}, retry_after=value)
    assert type(error) is errors.TokenRateLimitedError
    assert error.retry_after == wait


@pytest.mark.parametrize(
    "description",
    [
        "The OAuth 2.0 Client supports client authentication method 'client_secret_post'",
        "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        "unsupported authentication method",
        "token_endpoint_auth_method is client_secret_post",
        "client_secret is missing",
        "No client credentials found.",
        "Missing client credentials",
    ],
)
def test_method_ruled_out(description: str) -> None:
    """Where the description rules the method out, client_auth is named."""
    error = refused(401, {"error": "invalid_client", "error_description": description})
    assert error.key == "credentials.crm.client_auth"
    assert "the client_auth used was client_secret_basic" in error.facts


@pytest.mark.parametrize(
    "description",
    [
        "",
        "Invalid client or Invalid client credentials",
        "client authentication failed",
        "AADSTS7000215: Invalid client secret provided.",
        "Client authentication failed (e.g., unknown client, no client authentication included, or unsupported authentication method).",
        "Bad client credentials",
        "Client not found",
    ],
)
def test_secret_is_named_first(description: str) -> None:
    """Otherwise it is the secret, also where the RFC's own sentence is repeated."""
    error = refused(401, {"error": "invalid_client", "error_description": description}, client_auth="client_secret_post")
    assert error.key == "credentials.crm.client_secret"
    assert "the client_auth used was client_secret_post" in error.facts


def test_invalid_scope_names_the_scope() -> None:
    """The scope that was asked stands beside the refusal."""
    error = refused(400, {"error": "invalid_scope", "error_description": "requested scope is invalid"})
    assert "invalid_scope (requested scope is invalid); the scope asked was api read" in error.facts


def test_what_is_quoted_holds_no_secret() -> None:
    """An endpoint that echoes what we sent does not make us say it."""
    echo = "got s3cr3t/+ value, s3cr3t%2F%2B+value, aWQ6czNjcjN0JTJGJTJCK3ZhbHVl and eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    error = refused(400, {"error": "invalid_grant", "error_description": echo})
    assert "invalid_grant (got [redacted], [redacted], [redacted] and [redacted])" in error.facts


def test_quotation_is_short() -> None:
    """A long description and a long code are cut to 200 bytes each."""
    error = refused(400, {"error": "e " * 5000, "error_description": "d " * 5000}, content_type="a" * 30)
    assert len(error.facts) < 700


@pytest.mark.parametrize("beside", [{"errorCode": 0, "message": "ok"}, {"errorCode": "W1", "message": "expires soon"}, {"errors": []}])
def test_a_code_of_success_stands_beside_a_token(beside: dict[str, object]) -> None:
    """A vendor's `errorCode: 0`, and any code where the token is there, refuses nothing."""
    body = json.dumps({"access_token": "abc", **beside}).encode()
    token = parse_token(TokenResponse(200, {"content-type": "application/json"}, body), names_of(crm()))
    assert token.value == "abc"


@pytest.mark.parametrize(
    ("date", "told"), [("Fri, 15 Jan 2027 07:58:20 GMT", "100 s ahead of"), ("Fri, 15 Jan 2027 08:01:40 GMT", "100 s behind")]
)
@pytest.mark.parametrize("code", ["invalid_client", "invalid_grant", "invalid_dpop_proof"])
def test_a_wrong_clock_is_told(date: str, told: str, code: str) -> None:
    """Where what was sent has times in it and the server's Date is far from ours, no key is named: the clock is to be set."""
    error = refused(401, {"error": code}, client_auth="client_secret_jwt", date=date)
    assert error.key is None
    assert f"this host's clock is {told} the server's, and what was sent has times in it: set this host's clock" in error.facts
    assert abs(error.skew or 0.0) == 100.0


@pytest.mark.parametrize(
    ("client_auth", "date", "code"),
    [
        ("client_secret_basic", "Fri, 15 Jan 2027 07:00:00 GMT", "invalid_client"),
        ("client_secret_jwt", "Fri, 15 Jan 2027 08:00:20 GMT", "invalid_client"),
        ("client_secret_jwt", "", "invalid_client"),
        ("client_secret_jwt", "Fri, 15 Jan 2027 07:00:00 GMT", "invalid_scope"),
    ],
)
def test_a_clock_that_has_no_part_in_it(client_auth: ClientAuthName, date: str, code: str) -> None:
    """A secret has no time in it, a few seconds are no cause, and a scope is no matter of clocks."""
    error = refused(401, {"error": code}, client_auth=client_auth, date=date)
    assert error.key is not None
    assert "clock" not in error.facts


def test_metadata_stands_beside_the_method() -> None:
    """What the server's metadata lists is told where it was asked."""
    metadata = Metadata("https://login.test", "https://login.test/token", auth_methods=("client_secret_post", "private_key_jwt"))
    with pytest.raises(errors.TokenInvalidClientError) as caught:
        parse_token(TokenResponse(401, {}, b'{"error": "invalid_client"}'), names_of(crm(), metadata=metadata))
    assert (
        "the client_auth used was client_secret_basic; the server's metadata lists client_secret_post, private_key_jwt"
        in caught.value.facts
    )
    assert caught.value.key == "credentials.crm.client_auth"


@pytest.mark.parametrize(
    ("status", "body", "headers", "seen"),
    [
        (302, b"", {"location": "https://login.test:8443/sign/in?token=abc#x"}, "to https://login.test/sign/in"),
        (302, b"", {"location": "//evil\x00/a"}, "to /a"),
        (302, b"", {"location": "https://[x"}, "to "),
        (404, b"<html><head><title>\n Sign  in </title>", {"content_type": "text/html"}, 'a page "Sign in"'),
        (200, b"<html><TITLE lang=en>Hello s3cr3t/+ value</TITLE>", {"content_type": "text/html"}, 'a page "Hello [redacted]"'),
        (502, b"upstream connect error", {"content_type": "text/plain"}, "upstream connect error"),
        (200, b"a-token", {"content_type": "text/html"}, ""),
        (200, b"<token>a-token</token>", {"content_type": "text/html"}, ""),
        (500, {"message": "oops"}, {}, ""),
        (500, b"{oops", {}, ""),
        (500, b"", {}, ""),
    ],
)
def test_what_an_answer_shows(status: int, body: object, headers: dict[str, str], seen: str) -> None:
    """Operators see where it leads, a page's title or the first words, cut and without a secret; members speak for themselves."""
    error = refused(status, body, "client_secret_basic", **headers)
    assert error.seen == seen
