"""proxy/oauth/discovery.py: where an issuer's metadata is asked for, and what of it is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import errors
from proxy.oauth.discovery import discover, places, refuse_method, token_url
from proxy.oauth.exchange import Metadata, TokenResponse
from proxy.oauth.options import EndpointOptions, TokenRequestOptions, TokenTLS

if TYPE_CHECKING:
    from proxy.oauth.client_auth import ClientAuthName

ISSUER = "https://login.example.com/tenant"
SAID = {"issuer": ISSUER, "token_endpoint": "https://login.example.com/token"}
NOT_FOUND = TokenResponse(404, {"content-type": "text/html"}, b"<html>")


def answer(said: object, status: int = 200, **headers: str) -> TokenResponse:
    return TokenResponse(
        status, {"content-type": "application/json", **headers}, said if isinstance(said, bytes) else json.dumps(said).encode()
    )


def found(*answers: TokenResponse, issuer: str = ISSUER) -> tuple[Metadata, list[str]]:
    """What is found when the places answer so, and the places that were asked."""
    asked = []
    steps = discover(issuer, "crm", 1_800_000_000.0)
    request = next(steps)
    for response in answers:
        assert (request.method, request.body, dict(request.headers)) == ("GET", b"", {"Accept": "application/json"})
        asked.append(request.url)
        try:
            request = steps.send(response)
        except StopIteration as done:
            return done.value, asked
    raise AssertionError(f"asked for {request.url} too")


def refused(*answers: TokenResponse, issuer: str = ISSUER) -> errors.TokenError:
    with pytest.raises(errors.TokenError) as caught:
        found(*answers, issuer=issuer)
    return caught.value


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        (
            "https://host/a/b",
            (
                "https://host/a/b/.well-known/openid-configuration",
                "https://host/.well-known/oauth-authorization-server/a/b",
                "https://host/.well-known/openid-configuration/a/b",
            ),
        ),
        (
            "https://host:8443/",
            ("https://host:8443/.well-known/openid-configuration", "https://host:8443/.well-known/oauth-authorization-server"),
        ),
        ("https://host", ("https://host/.well-known/openid-configuration", "https://host/.well-known/oauth-authorization-server")),
    ],
)
def test_places(issuer: str, expected: tuple[str, ...]) -> None:
    """OpenID's place stands behind the path, RFC 8414's before it; a slash at the end changes none."""
    assert places(issuer) == expected


def test_first_place_is_enough() -> None:
    """What the first place says is taken, and no other is asked."""
    said = {
        **SAID,
        "token_endpoint_auth_methods_supported": ["private_key_jwt", 7],
        "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.example.com/token"},
    }
    metadata, asked = found(answer(said))
    assert asked == [f"{ISSUER}/.well-known/openid-configuration"]
    assert metadata == Metadata(ISSUER, SAID["token_endpoint"], ("private_key_jwt",), "https://mtls.example.com/token")


@pytest.mark.parametrize(
    "first", [NOT_FOUND, answer({}, 400), answer(b"<html>"), answer([]), answer("", 302), answer({}, 500), answer({}, 429)]
)
def test_next_place_is_asked(first: TokenResponse) -> None:
    """Whatever the first place has instead of metadata, RFC 8414's is asked too."""
    metadata, asked = found(first, answer(SAID))
    assert metadata == Metadata(ISSUER, SAID["token_endpoint"])
    assert asked == list(places(ISSUER))[:2]


@pytest.mark.parametrize(
    ("first", "kind", "key", "told"),
    [
        (NOT_FOUND, errors.TokenEndpointNotFoundError, "credentials.crm.issuer", "404 text/html"),
        (answer({}, 403), errors.TokenEndpointNotFoundError, "credentials.crm.issuer", "403 application/json"),
        (answer(b"<html>"), errors.TokenNotJSONError, "credentials.crm.issuer", "200 application/json, not a JSON object"),
        (answer("", 301), errors.TokenRedirectError, "credentials.crm.issuer", "redirects are not followed"),
        (answer("", 503), errors.TokenServerError, None, "503"),
    ],
)
def test_no_place_has_metadata(first: TokenResponse, kind: type[errors.TokenError], key: str | None, told: str) -> None:
    """The first place's answer says why; the place itself is for operators."""
    error = refused(first, NOT_FOUND, NOT_FOUND)
    assert (type(error), error.key, error.log_detail) == (kind, key, places(ISSUER)[0])
    assert told in error.facts
    assert "login.example.com" not in error.detail


def test_passing_trouble_counts_first() -> None:
    """Where one place may work again by itself, nothing is to be changed yet, and its Retry-After is kept."""
    error = refused(NOT_FOUND, answer("", 429, **{"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}), NOT_FOUND)
    assert isinstance(error, errors.TokenRateLimitedError)
    assert error.retry_after == 30.0


@pytest.mark.parametrize(
    ("named", "told", "detail"),
    [
        (f"{ISSUER}/", "the metadata's has it, the configured one does not", f"write issuer: {ISSUER}/ instead of {ISSUER}"),
        ("https://login.example.com/other", "another issuer", f"write issuer: https://login.example.com/other instead of {ISSUER}"),
        ("https://evil.example/tenant", "another issuer", f"instead of {ISSUER}, if that server is the one you mean"),
        (None, "names no issuer", f"the configured one is {ISSUER}"),
        ("", "names no issuer", f"the configured one is {ISSUER}"),
        ("https://login.example.com/\r\nx" + "y" * 300, "another issuer", "https://login.example.com/??xyyy"),
    ],
)
def test_another_issuer(named: object, told: str, detail: str) -> None:
    """Nothing but the very same issuer is believed (RFC 8414 §3.3); operators read both, callers no host."""
    error = refused(answer({**SAID, "issuer": named}))
    assert isinstance(error, errors.TokenIssuerMismatchError)
    assert (error.code, error.key) == ("token_issuer_mismatch", "credentials.crm.issuer")
    assert told in error.facts
    assert detail in error.log_detail
    assert "example" not in error.detail


@pytest.mark.parametrize(
    "endpoint",
    [
        *(None, "", 7, "http://login.example.com/token", "ftp://login.example.com/t", "/token", "https:///t", "https://u:p@host/t"),
        *("https://host/t#f", "https://host:x/t", "https://[host/t", "https://host/a b", "https://höst/t"),
    ],
)
def test_unusable_token_endpoint(endpoint: object) -> None:
    """An endpoint that is missing, no plain URL, or without TLS where the issuer has it, is not used."""
    error = refused(answer({**SAID, "token_endpoint": endpoint}))
    assert (type(error), error.key) == (errors.TokenResponseInvalidError, "credentials.crm.issuer")
    error = refused(answer({**SAID, "mtls_endpoint_aliases": {"token_endpoint": endpoint or 0}}))
    assert type(error) is errors.TokenResponseInvalidError


def test_plain_issuer_may_have_a_plain_endpoint() -> None:
    """An issuer without TLS, which the settings let through, promises none for its endpoint."""
    issuer = "http://127.0.0.1:9/x"
    metadata, _ = found(answer({"issuer": issuer, "token_endpoint": "http://127.0.0.1:9/t", "mtls_endpoint_aliases": 1}), issuer=issuer)
    assert metadata == Metadata(issuer, "http://127.0.0.1:9/t")


@given(
    st.binary() | st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.dictionaries(st.sampled_from([*SAID, "x"]), inner))
)
def test_any_metadata_is_taken_or_refused(said: object) -> None:
    """Whatever bytes come, the outcome is Metadata of this issuer or a TokenError."""
    try:
        outcome: Metadata | errors.TokenError = found(answer(said), NOT_FOUND, NOT_FOUND)[0]
    except errors.TokenError as error:
        outcome = error
    assert getattr(outcome, "issuer", ISSUER) == ISSUER
    assert getattr(outcome, "alias", "crm") == "crm"


def grant(client_auth: ClientAuthName = "client_secret_basic", **more: Any) -> EndpointOptions:
    return EndpointOptions(issuer=ISSUER, client_id="id", client_auth=client_auth, **more)


METADATA = Metadata(ISSUER, "https://host/t", auth_methods=("client_secret_post", "private_key_jwt"), mtls_token_endpoint="https://mtls/t")


def test_method_that_is_not_listed() -> None:
    """A method that the metadata does not list is refused before the secret leaves; the sentence says what is listed."""
    error = refuse_method(grant(), METADATA, "crm")
    assert isinstance(error, errors.TokenInvalidClientError)
    assert error.key == "credentials.crm.client_auth"
    assert "does not list client_secret_basic; it lists client_secret_post, private_key_jwt; the secret was not sent" in error.facts


@pytest.mark.parametrize(
    ("method", "listed"),
    [("client_secret_post", METADATA.auth_methods), ("client_secret_basic", None), ("none", ("client_secret_post",))],
)
def test_method_that_may_be_used(method: ClientAuthName, listed: tuple[str, ...] | None) -> None:
    """A method is used where it is listed, where nothing is listed, and where it has no secret to send."""
    assert refuse_method(grant(method), Metadata(ISSUER, "https://host/t", auth_methods=listed), "crm") is None


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (grant(), "https://host/t"),
        (grant("tls_client_auth"), "https://mtls/t"),
        (grant("self_signed_tls_client_auth"), "https://mtls/t"),
        (grant(token_request=TokenRequestOptions(tls=TokenTLS(cert="c.pem"))), "https://mtls/t"),
    ],
)
def test_token_url_of_a_certificate(options: EndpointOptions, url: str) -> None:
    """A client that presents a certificate goes to the endpoint that asks for it (RFC 8705 §5)."""
    assert token_url(options, METADATA) == url
    assert token_url(options, Metadata(ISSUER, "https://host/t")) == "https://host/t"
