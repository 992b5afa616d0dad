"""proxy/oauth/refreshing.py: by refresh token first, and what happens when it has ended."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from proxy.oauth.exchange import Resource, Scope, TokenResponse
from proxy.oauth.grants import ExchangedToken, JWTBearer, LoginToken, Password, RefreshToken, TokenExchange
from proxy.oauth.options import Assertion, Param, Refresh, RequestOptions, TokenRequestOptions
from proxy.oauth.template import Template
from proxy.oauth.token import TokenKey
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Text
from tests.fakes.credentials import EPOCH, URL, answer, crm, run, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GOOD: Mapping[str, object] = {"access_token": "abc", "token_type": "Bearer", "expires_in": 60}
WHERE: Mapping[str, Any] = {"token_url": Template.parse(URL), "client_id": "id", "client_auth": "none"}
ASKED: Mapping[str, Any] = {"scope": Scope(("api", "read")), "audience": "https://api.test", "resource": Resource(("urn:a", "urn:b"))}
SAID = [("scope", "api read"), ("audience", "https://api.test"), ("resource", "urn:a"), ("resource", "urn:b")]
ADA: Mapping[str, Any] = {**WHERE, "username": "ada", "password": Text("pw")}
REFUSED = answer({"error": "invalid_grant"}, 400)
DOWN = answer({}, 503)
REFRESHABLE: Mapping[str, Callable[..., Any]] = {
    "password": lambda **options: Password(**{**ADA, **options}),
    "refresh token": lambda **options: RefreshToken(**{**WHERE, "refresh_token": Text("r0"), **options}),
    "JWT bearer": lambda **options: JWTBearer(**{**WHERE, "assertion": Assertion(from_="login"), **options}),
    "token exchange": lambda **options: TokenExchange(**{**WHERE, "subject_token": ExchangedToken(from_="login"), **options}),
    "login": lambda **options: LoginToken(**{**ADA, "refresh": Refresh(), **options}),
}
TOKENS: Mapping[str, Any] = {"tokens": {"login": "t1"}}


@pytest.mark.parametrize("make", REFRESHABLE.values(), ids=REFRESHABLE)
def test_refresh_token_comes_first(make: Callable[..., Any]) -> None:
    """Where an earlier exchange left a refresh token, that is what is sent, and nothing of the grant."""
    done = run(make(), answer(GOOD), refresh_token="r1", **TOKENS)
    assert done.forms == [{"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "id"}]


@pytest.mark.parametrize("make", REFRESHABLE.values(), ids=REFRESHABLE)
@pytest.mark.parametrize(("brought", "kept"), [({}, "r1"), ({"refresh_token": "r2"}, "r2"), ({"refresh_token": ""}, "r1")])
def test_rotation(make: Callable[..., Any], brought: dict[str, str], kept: str) -> None:
    """A rotated refresh token takes the old one's place; one that was not rotated stays (RFC 6749 §6)."""
    done = run(make(), answer({**GOOD, **brought}), refresh_token="r1", **TOKENS)
    assert done.token is not None
    assert done.token.refresh_token == kept


@pytest.mark.parametrize("make", REFRESHABLE.values(), ids=REFRESHABLE)
def test_fallback_to_the_grant(make: Callable[..., Any]) -> None:
    """A refused refresh token is followed by the grant in full, and is not kept."""
    done = run(make(), REFUSED, answer(GOOD), refresh_token="r1", **TOKENS)
    assert done.token is not None
    assert len(done.requests) == 2
    assert "r1" not in done.requests[1].body.decode()
    assert done.token.refresh_token != "r1"


@pytest.mark.parametrize("answered", [DOWN, answer({}, 429), answer({"error": "invalid_client"}, 401)])
def test_no_fallback(answered: TokenResponse) -> None:
    """A server that is down, or that refuses the client, is not asked a second time."""
    done = run(REFRESHABLE["password"](), answered, refresh_token="r1")
    assert (len(done.requests), done.token) == (1, None)


@pytest.mark.parametrize(
    ("answered", "newest"),
    [
        (answer({"error": "slow_down"}, 400), "r1"),
        (answer({}, 403), "r1"),
        (answer({"error": "invalid_scope"}, 400), "r1"),
        (REFUSED, "r0"),
    ],
)
def test_a_used_refresh_token_is_not_shown_again(answered: TokenResponse, newest: str) -> None:
    """The configured one was used long ago: it is tried again only where the newest has ended, and is not the same."""
    done = run(REFRESHABLE["refresh token"](), answered, answer(GOOD), refresh_token=newest)
    assert (len(done.requests), done.token) == (1, None)


def test_a_refresh_keeps_its_own_grant_type() -> None:
    """`grant_type` is said of the grant, not of its refresh; the resource is named again, the scope stays what was granted."""
    grant = Password(**ADA, **ASKED, grant_type="http://vendor.test/realm")
    sent = said(grant, refresh_token="r1")
    own = [("grant_type", "refresh_token"), ("refresh_token", "r1"), ("client_id", "id")]
    assert sorted(sent) == sorted([*own, *SAID[1:]])


def test_client_credentials_are_not_refreshed() -> None:
    """A refresh token has no use where the client asks for itself (RFC 6749 §4.4.3)."""
    done = run(crm(), answer({**GOOD, "refresh_token": "r1"}), refresh_token="r0")
    assert done.forms == [{"grant_type": "client_credentials"}]


def test_a_login_is_not_refreshed_unless_said() -> None:
    """A vendor's own login goes again where the credential does not say how it is refreshed."""
    done = run(LoginToken(**ADA), answer(GOOD), refresh_token="r1")
    assert "refresh_token" not in done.forms[0]


def test_where_a_refresh_differs() -> None:
    """`refresh` has its own address and its own form; the body of the first request is not repeated."""
    grant = Password(
        **ADA,
        token_request=TokenRequestOptions(content_type="json", body=Tree.parse({"password": "${password}"})),
        refresh=Refresh(
            token_url=Template.parse("https://login.test/refresh/${username}"),
            token_request=RequestOptions(content_type="json", body=Tree.parse({"renew": "${refresh_token}"})),
        ),
    )
    (request,) = run(grant, answer(GOOD), refresh_token="r1").requests
    assert (request.url, json.loads(request.body)) == ("https://login.test/refresh/ada", {"renew": "r1"})
    (plain,) = run(msgspec.structs.replace(grant, refresh=None), answer(GOOD), refresh_token="r1").requests
    assert json.loads(plain.body) == {"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "id"}


@pytest.mark.parametrize(
    "body", [{"error": "invalid_scope"}, {"access_token": "abc", "token_type": "mac"}, {"access_token": "abc", "scope": "less"}]
)
def test_a_rotated_refresh_token_outlives_an_unusable_answer(body: dict[str, object]) -> None:
    """The old one has ended with the answer that brought the new one, whatever else that answer says."""
    kept: list[str] = []
    run(Password(**ADA, **ASKED), answer({**body, "refresh_token": "r2"}), refresh_token="r1", keep_refresh_token=kept.append)
    assert kept == ["r2"]


def test_a_refusal_rotates_nothing() -> None:
    """What stands beside a refusal is no new refresh token."""
    kept: list[str] = []
    run(Password(**ADA), answer({"error": "invalid_grant", "refresh_token": "r2"}, 400), refresh_token="r1", keep_refresh_token=kept.append)
    assert kept == []


@pytest.mark.parametrize("answered", [answer(b"<html>"), answer({}, 404), answer({"access_token": ""})])
def test_a_refresh_that_cannot_work_is_followed_by_the_grant(answered: TokenResponse) -> None:
    """A wrong address of the refresh, or an answer of no use, costs the refresh token and no call."""
    done = run(Password(**ADA), answered, answer(GOOD), refresh_token="r1")
    assert done.token is not None
    assert done.forms[1]["grant_type"] == "password"


@pytest.mark.parametrize("place", ["body", "query"])
def test_a_refresh_s_own_parameters_are_not_inherited(place: Literal["body", "query"]) -> None:
    """A grant that writes its grant_type by hand does not make its refresh another grant; its other parameters stay."""
    said = {"grant_type": "password", "refresh_token": "r0", "tenant": "eu"}
    params = tuple(Param(key=key, value=Tree.parse(value), in_=place) for key, value in said.items())
    (request,) = run(Password(**ADA, token_request=TokenRequestOptions(params=params)), answer(GOOD), refresh_token="r1").requests
    sent = dict(parse_qsl(request.body.decode() + "&" + urlsplit(request.url).query))
    assert sent == {"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "id", "tenant": "eu"}


def test_a_refresh_that_cannot_be_written_is_followed_by_the_grant() -> None:
    """What makes it impossible is its own, such as a refresh token that no header holds."""
    params = (Param(key="X-Refresh", value=Tree.parse("${refresh_token}"), in_="header"),)
    grant = Password(**ADA, refresh=Refresh(token_request=RequestOptions(params=params)))
    done = run(grant, answer(GOOD), refresh_token="r\n1")
    assert [form["grant_type"] for form in done.forms] == ["password"]
    assert done.token is not None


PRESENTED: Mapping[str, Any] = {
    "token exchange": TokenExchange(**WHERE, subject_token=ExchangedToken(header="X-User")),
    "actor": TokenExchange(**WHERE, subject_token=ExchangedToken(from_="login"), actor_token=ExchangedToken(header="X-User")),
    "JWT bearer": JWTBearer(**WHERE, assertion=Assertion(header="X-User")),
    "login": LoginToken(**WHERE, assertion=Assertion(header="X-User"), refresh=Refresh()),
}


def presenting(**claims: object) -> TokenKey:
    said = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return TokenKey("f", "ada", {"x-user": f"Bearer e30.{said}.sig"})


@pytest.mark.parametrize("grant", PRESENTED.values(), ids=PRESENTED)
def test_what_a_caller_presents_is_exchanged_anew(grant: Any) -> None:
    """A refresh token would serve a subject whose own token has ended: none is used, and none is kept."""
    done = run(grant, answer({**GOOD, "refresh_token": "r2"}), refresh_token="r1", key=presenting(), **TOKENS)
    assert done.forms[0].get("grant_type") != "refresh_token"
    assert done.token is not None
    assert done.token.refresh_token is None


@pytest.mark.parametrize("grant", PRESENTED.values(), ids=PRESENTED)
@pytest.mark.parametrize(("exp", "lifetime"), [(EPOCH + 20, 20), (EPOCH + 600, 60), (EPOCH - 1, 0), (None, 60), ("soon", 60)])
def test_a_token_ends_with_what_was_presented(grant: Any, exp: object, lifetime: float) -> None:
    """A token that was given for a caller's own is sent no longer than that holds, as far as it says."""
    done = run(grant, answer(GOOD), key=presenting(exp=exp), **TOKENS)
    assert done.token is not None
    assert done.token.lifetime == lifetime
    assert done.token.due_at <= done.token.usable_until <= done.token.expires_at


def test_an_opaque_token_that_was_presented_bounds_nothing() -> None:
    """Only a JWT says when it ends."""
    done = run(PRESENTED["token exchange"], answer(GOOD), key=TokenKey("f", "ada", {"x-user": "opaque"}))
    assert done.token is not None
    assert done.token.lifetime == 60


def test_the_refresh_token_grant_is_written_as_it_is_said() -> None:
    """Where the refresh is the grant itself, the credential's own body is its body."""
    grant = RefreshToken(
        **WHERE,
        refresh_token=Text("r0"),
        token_request=TokenRequestOptions(content_type="json", body=Tree.parse({"renew": "${refresh_token}"})),
    )
    assert [json.loads(request.body) for request in run(grant, answer(GOOD), refresh_token="r1").requests] == [{"renew": "r1"}]
