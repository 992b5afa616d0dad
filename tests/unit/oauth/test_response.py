"""proxy/oauth/response.py: when an answer is a token."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import errors
from proxy.oauth.answer import Path
from proxy.oauth.exchange import Scope, TokenResponse
from proxy.oauth.lifetime import Lifetime
from proxy.oauth.names import Names
from proxy.oauth.options import TokenPlacement, TokenResponseOptions
from proxy.oauth.response import parse_token
from proxy.oauth.template import Template
from proxy.oauth.token import Send
from proxy.units import Seconds
from tests.fakes.credentials import EPOCH, SECRET, answer, crm, names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.token import Token

GOOD = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}
JSON = {"content-type": "application/json"}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["Bearer", "DPoP", "invalid_client", "api"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = st.sampled_from(["access_token", "token_type", "expires_in", "scope", "error", "error_description", "ok", "refresh_token"])


def parsed(body: object, *, headers: dict[str, str] = JSON, **options: Any) -> Token:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_token(TokenResponse(200, headers, raw), names_of(crm(**options)))


def options(**paths: str) -> TokenResponseOptions:
    return TokenResponseOptions(**{name: value if name.endswith("_unit") else Path.parse(value) for name, value in paths.items()})  # type: ignore[arg-type]  # as its field says


def parsed_or_refused(response: TokenResponse) -> Token | errors.TokenError:
    try:
        return parse_token(response, names_of(crm(scope=Scope(("api",)))))
    except errors.TokenError as error:
        return error


def test_token() -> None:
    """A plain answer becomes a token with its times and its ready header value."""
    token = parsed({**GOOD, "scope": "api read"}, scope=Scope(("read",)))
    assert (token.value, token.headers, token.scope) == ("abc", ((b"Authorization", b"Bearer abc"),), ("api", "read"))
    assert (token.obtained_at, token.due_at, token.usable_until, token.expires_at) == (100, 3640, 3698, 3700)


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", None])
def test_token_type(kind: str | None) -> None:
    """Bearer in any case, or none stated."""
    assert parsed({**GOOD, "token_type": kind}).headers == ((b"Authorization", b"Bearer abc"),)


@pytest.mark.parametrize("kind", ["DPoP", "mac", "", "Bearer ", 1, ["Bearer"], True])
def test_foreign_token_type(kind: object) -> None:
    """A type that cannot be sent as Bearer is refused."""
    with pytest.raises(errors.TokenResponseInvalidError, match="token_type"):
        parsed({**GOOD, "token_type": kind})


@pytest.mark.parametrize("value", ["", None, 1, True, ["abc"], "a b", "a\r\nb", "a\x00", "ü", "a\x7f", "\u2028", "abc\n", " abc"])
def test_unusable_access_token(value: object) -> None:
    """An empty token, or one with a character outside %x21-7E, is refused and not shown."""
    with pytest.raises(errors.TokenResponseInvalidError, match="access_token") as caught:
        parsed({**GOOD, "access_token": value})
    assert "abc" not in caught.value.detail


@pytest.mark.parametrize(("lines", "value"), [(("A=1; Path=/", "B=.n1"), "A=1; B=.n1"), (("A=1",), "A=1")])
def test_cookies_are_a_token(lines: tuple[str, ...], value: str) -> None:
    """The pairs of all cookies, with the space that a Cookie header has between them (RFC 6265 section 4.2.1)."""
    options = TokenResponseOptions(access_token=Path.parse("cookies"))
    answer = TokenResponse(200, JSON, json.dumps({"SessionId": "1"}).encode(), cookies=lines)
    token = parse_token(answer, names_of(crm(token_response=options, token_placement=TokenPlacement(header="Cookie"))))

    assert token.headers == ((b"Cookie", value.encode()),)


@pytest.mark.parametrize("value", ["00D!AQ.x", "a|b", "~!@#$%^&*()_+{}:<>?", "-._~+/=="])
def test_real_tokens(value: str) -> None:
    """Every printable character passes; `!` and `|` are real."""
    assert parsed({**GOOD, "access_token": value}).value == value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b"  \n", "an empty body"),
        (b"<html>Sign in</html>", "not a JSON object"),
        (b"access_token=abc&token_type=bearer", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"expires_in": ' + b"9" * 5000 + b"}", "not a JSON object"),
        (b"\xff\xfe\x00", "not a JSON object"),
        (b'{"access_token": "abc"', "not a JSON object"),
    ],
)
def test_no_json(body: bytes, said: str) -> None:
    """A 200 without a JSON object is 503, with what was answered instead."""
    with pytest.raises(errors.TokenNotJSONError, match=f"answered 200 application/json.*{said}") as caught:
        parsed(body)
    assert caught.value.key == "credentials.crm.token_url"
    assert "Sign in" not in caught.value.detail


@pytest.mark.parametrize("body", [b"{}", b'{"message": "welcome"}', b"[]", b'"abc"', b'["abc"]'])
def test_json_without_a_token(body: bytes) -> None:
    """JSON without a member access_token is unusable."""
    with pytest.raises(errors.TokenResponseInvalidError, match="no access_token"):
        parsed(body)


def test_byte_order_mark() -> None:
    """A UTF-8 byte order mark is no part of the JSON."""
    assert parsed(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).value == "abc"


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [(None, 300), ("60", 60), (True, 300), ("NaN", 300), (float("nan"), 300), (float("inf"), 300), (10**40, 365 * 86_400)],
)
def test_expires_in(expires_in: object, lifetime: float) -> None:
    """Odd lifetimes give a token with a finite one."""
    assert parsed({**GOOD, "expires_in": expires_in}).lifetime == lifetime


@pytest.mark.parametrize("expires_in", [0, -1, "0", "-3600"])
def test_over_at_once(expires_in: object) -> None:
    """Zero or less is a token that is expired when it arrives."""
    assert parsed({**GOOD, "expires_in": expires_in}).expires_at == 100


@pytest.mark.parametrize(
    ("granted", "asked"),
    [("api read", ("read", "api")), ("api read write", ("api",)), (["api", "read"], ("api",)), (None, ("api",)), (7, ("api",)), ("", ())],
)
def test_scope_covers(granted: object, asked: tuple[str, ...]) -> None:
    """The stated scope covers what was asked, in any order; where none is stated it is what was asked."""
    assert parsed({**GOOD, "scope": granted}, scope=Scope(asked)).value == "abc"


@pytest.mark.parametrize(
    ("separator", "granted", "asked"),
    [
        (";", "a;b", ("b", "a")),
        ("+", "a+b", ("a", "b")),
        ("|", ["a", "b"], ("a", "b")),
        (";", "a b", ("a", "b")),
        ("; ", "a; b", ("a", "b")),
        (",", "a,b", ("a", "b")),
        ("", "a b", ("a",)),
        (" ", "read,write", ("read,write",)),
        (" ", ["read,write"], ("read,write",)),
        (";", "api;read,write", ("api", "read,write")),
    ],
)
def test_scope_is_taken_apart_as_it_was_joined(separator: str, granted: object, asked: tuple[str, ...]) -> None:
    """What is said back word for word is no narrowing, whatever stands between and whatever a scope's own name holds."""
    assert parsed({**GOOD, "scope": granted}, scope=Scope(asked), scope_separator=separator).value == "abc"
    with pytest.raises(errors.TokenScopeNarrowedError):
        parsed({**GOOD, "scope": granted}, scope=Scope((*asked, "more")), scope_separator=separator)


@pytest.mark.parametrize(("granted", "told"), [("chatter", "granted chatter"), ("", "granted none"), ("API", "granted API")])
def test_scope_narrowed(granted: str, told: str) -> None:
    """Less than asked is refused, naming both and the key."""
    with pytest.raises(errors.TokenScopeNarrowedError, match=f"asked api read; {told}") as caught:
        parsed({**GOOD, "scope": granted}, scope=Scope(("api", "read")))
    assert caught.value.key == "credentials.crm.scope"


def test_scope_narrowing_accepted() -> None:
    """`scope_narrowing: accept` takes what is granted."""
    assert parsed({**GOOD, "scope": "chatter"}, scope=Scope(("api",)), scope_narrowing="accept").scope == ("chatter",)


FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
TEXT = {"content-type": "text/plain"}
READ: Mapping[str, tuple[bytes, dict[str, str], dict[str, str]]] = {  # body, headers, paths -> the token abc
    "form": (b"access_token=abc&token_type=bearer&expires_in=60", FORM, {}),
    "nested": (b'{"data": {"list": [{"token": "abc"}]}}', JSON, {"access_token": "data.list.0.token"}),
    "a name with dots": (b'{"a.b": {"c": "abc"}}', JSON, {"access_token": "a.b.c"}),
    "a list": (b'["no", "abc"]', JSON, {"access_token": "1"}),
    "all of a JSON text": (b'"abc"', JSON, {"access_token": "$"}),
    "all of a text": (b"abc\n", TEXT, {"access_token": "$"}),
    "a header, and no body": (b"", {"x-token": "abc"}, {"access_token": "header:X-Token"}),
    "XML": (b"<r><t>abc</t></r>", {"content-type": "text/xml"}, {"access_token": "r.t"}),
    "JSON called HTML": (b'{"access_token": "abc"}', {"content-type": "text/html"}, {}),
}


@pytest.mark.parametrize(("body", "headers", "paths"), READ.values(), ids=READ)
def test_where_the_token_stands(body: bytes, headers: dict[str, str], paths: dict[str, str]) -> None:
    """The token is read where the credential says, whatever the form of the answer."""
    assert parsed(body, headers=headers, token_response=options(**paths)).value == "abc"


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (b"<html>Sign in</html>", {"content-type": "text/html"}, errors.TokenNotJSONError),
        (b"abc def", TEXT, errors.TokenResponseInvalidError),
        (b'{"error": "invalid_grant"}', TEXT, errors.TokenInvalidGrantError),
        (b'{"message": "no such user"}', TEXT, errors.TokenResponseInvalidError),
    ],
)
def test_no_text_for_a_token(body: bytes, headers: dict[str, str], kind: type[errors.TokenError]) -> None:
    """Where all of the answer is the token, a page, a sentence or an error is none."""
    with pytest.raises(kind):
        parsed(body, headers=headers, token_response=options(access_token="$"))


def test_a_path_that_leads_nowhere() -> None:
    """A path of the user's own is what is named, and the answer is not shown."""
    with pytest.raises(errors.TokenResponseInvalidError, match=r"no data\.token in it") as caught:
        parsed({"data": {"other": "s3cr3t"}}, token_response=options(access_token="data.token"))
    assert caught.value.key == "credentials.crm.token_response.access_token"
    assert "s3cr3t" not in caught.value.detail


@pytest.mark.parametrize(
    ("said", "lifetime", "paths"),
    [
        ({"expires_in": 90_000}, 90, {"expires_in_unit": "ms"}),
        ({"expires_in": 6}, 360, {"expires_in_unit": "min"}),
        ({"ttl": 60}, 60, {"expires_in": "ttl"}),
        ({"at": EPOCH + 60}, 60, {"expires_at": "at"}),
        ({"at": (EPOCH + 60) * 1000}, 60, {"expires_at": "at"}),
        ({"at": "2027-01-15T08:01:00Z"}, 60, {"expires_at": "at"}),
        ({"at": "soon", "expires_in": 7}, 7, {"expires_at": "at"}),
        ({"expires_in": 7}, 7, {"expires_at": "at"}),
    ],
)
def test_where_the_lifetime_stands(said: dict[str, object], lifetime: float, paths: dict[str, str]) -> None:
    """A span in its unit, or a moment; where there is no moment, the span."""
    assert parsed({"access_token": "abc", **said}, token_response=options(**paths)).lifetime == pytest.approx(lifetime)


def test_fixed_lifetime() -> None:
    """`lifetime.fixed` stands in place of whatever the server says."""
    assert parsed(GOOD, lifetime=Lifetime(fixed=Seconds(7))).lifetime == 7


@pytest.mark.parametrize(("said", "kept"), [("r1", "r1"), ("", None), (None, None), (7, None), (["r1"], None)])
def test_refresh_token(said: object, kept: str | None) -> None:
    """A refresh token is a text that is not empty, where the credential says that it stands."""
    assert parsed({**GOOD, "refresh_token": said}).refresh_token == kept
    assert parsed({**GOOD, "more": {"refresh": said}}, token_response=options(refresh_token="more.refresh")).refresh_token == kept


def test_what_routes_name_of_the_answer_stays_known() -> None:
    """Templates of a later send find the token, and the parts of its answer that they name; what has none is told when it is needed."""
    names = names_of(crm(), kept=frozenset({"response.instance.id", "response.absent"}))
    look_up = parse_token(answer({**GOOD, "instance": {"id": 7}, "long": "x" * 1000}), names).look_up
    assert isinstance(look_up, Names)
    assert (look_up("token"), look_up("response.instance.id"), look_up("client_id")) == ("abc", "7", "id")
    with pytest.raises(errors.TokenResponseInvalidError, match=r"the token endpoint's answer has no absent"):
        look_up("response.absent")
    assert [said.body for said in look_up.answers.values()] == [b""]


def test_what_the_placement_names_stays_known() -> None:
    """A header that is made at every send is made of what was read when the token came."""
    placement = TokenPlacement(header="X-Auth", value=Template.parse("${token} ${response.instance.id} ${request.method}"))
    per_send = parsed({**GOOD, "instance": {"id": 7}}, token_placement=placement).per_send
    assert per_send is not None
    assert per_send.headers(Send("PUT", "https://api.test/")) == ((b"X-Auth", b"abc 7 PUT"),)


UPSTREAM: Mapping[str, Any] = {"allowed_hosts": ("api.test", "*.my.test")}


@pytest.mark.parametrize("url", ["https://api.test", "https://eu.my.test:8443/base/", "http://API.test/x", "https://api.test."])
def test_upstream(url: str) -> None:
    """The answer may name the API's address, within allowed_hosts."""
    assert parsed({**GOOD, "at": url}, token_response=options(upstream="at"), **UPSTREAM).upstream == url


@pytest.mark.parametrize(
    ("said", "key"),
    [
        (None, "token_response.upstream"),
        (7, "token_response.upstream"),
        ("", "token_response.upstream"),
        ("api.test", "token_response.upstream"),
        ("file://api.test/", "token_response.upstream"),
        ("https://user:s3cr3t@api.test/", "token_response.upstream"),
        ("https://[", "token_response.upstream"),
        ("https://api.test:99999/", "token_response.upstream"),
        ("https://api.test/\r\nX: y", "token_response.upstream"),
        ("https://äpi.test/", "token_response.upstream"),
        ("https://my.test/", "allowed_hosts"),
        ("https://api.test.evil.test/", "allowed_hosts"),
        ("https://evil.test/api.test", "allowed_hosts"),
        ("https://evil.test\\@api.test/", "token_response.upstream"),
        ("https://evil.test#.my.test", "allowed_hosts"),
    ],
)
def test_upstream_that_the_token_may_not_go_to(said: object, key: str) -> None:
    """What is no URL, or of another host, is refused, and not shown to callers."""
    with pytest.raises(errors.TokenResponseInvalidError) as caught:
        parsed({**GOOD, "at": said}, token_response=options(upstream="at"), **UPSTREAM)
    assert caught.value.key == f"credentials.crm.{key}"
    assert "evil" not in caught.value.detail
    assert "s3cr3t" not in caught.value.detail


def test_an_upstream_without_allowed_hosts() -> None:
    """Without allowed_hosts no host is allowed."""
    with pytest.raises(errors.TokenResponseInvalidError):
        parsed({**GOOD, "at": "https://api.test"}, token_response=options(upstream="at"))


def bound(kind: str | None) -> Token:
    """The token of an answer of this type, for a credential that proves possession."""
    names = names_of(crm(dpop=True))
    names = replace(names, facts=replace(names.facts, prover=names.facts.signer.prover(None, of="crm")))
    return parse_token(TokenResponse(200, JSON, json.dumps({**GOOD, "token_type": kind}).encode()), names)


@pytest.mark.parametrize("kind", ["DPoP", "dpop"])
def test_a_bound_token(kind: str) -> None:
    """With `dpop` a token of that type is sent with proofs."""
    token = bound(kind)
    assert token.headers == ((b"Authorization", b"DPoP abc"),)
    assert token.per_send is not None


@pytest.mark.parametrize("kind", ["Bearer", None])
def test_a_token_that_is_not_bound(kind: str | None) -> None:
    """Who asks for proof of possession is not given a token that anybody could use (RFC 9449 §5)."""
    with pytest.raises(errors.TokenResponseInvalidError, match="not bound") as caught:
        bound(kind)
    assert caught.value.key == "credentials.crm.dpop"


def test_n_a() -> None:
    """A token exchange may answer N_A (RFC 8693 §2.2.1)."""
    assert parsed({**GOOD, "token_type": "N_A"}).headers == ((b"Authorization", b"Bearer abc"),)


@given(body=st.dictionaries(MEMBERS, VALUES), status=st.integers(min_value=100, max_value=599))
def test_any_object(body: dict[str, object], status: int) -> None:
    """Any JSON object under any status is a clean token or a TokenError."""
    outcome = parsed_or_refused(TokenResponse(status, JSON, json.dumps(body).encode()))
    if isinstance(outcome, errors.TokenError):
        assert outcome.detail.isascii()
        assert SECRET.value not in outcome.detail
    else:
        assert all("!" <= character <= "~" for character in outcome.value)
        assert outcome.value
        assert outcome.due_at <= outcome.usable_until <= outcome.expires_at


@given(body=st.binary(max_size=200), status=st.sampled_from([200, 302, 400, 401, 404, 415, 429, 500]), kind=st.text(max_size=20))
def test_any_bytes(body: bytes, status: int, kind: str) -> None:
    """Any bytes under any status and content type end in a TokenError that is one line of ASCII."""
    with pytest.raises(errors.TokenError) as caught:
        parse_token(TokenResponse(status, {"content-type": kind, "retry-after": kind}, body), names_of(crm()))
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize("member", ["scope", "token_type", "error"])
def test_a_token_in_another_member_is_not_quoted(member: str) -> None:
    """A server that repeats its token where a word belongs does not bring it into the error's text."""
    answer = {"access_token": "tok-0123456789", "token_type": "Bearer", member: "tok-0123456789"}
    with pytest.raises(errors.TokenError) as refused:
        parsed(answer, scope=Scope(("api",)))
    assert "tok-0123456789" not in refused.value.detail
    assert "[redacted]" in refused.value.detail


MIB = 1 << 20
LARGE: dict[str, tuple[int, bytes, dict[str, str]]] = {
    **{
        f"{code}: {piece}": (status, json.dumps({"error": code, "error_description": piece * (MIB // len(piece))}).encode(), JSON)
        for status, code in ((400, "invalid_request"), (401, "invalid_client"), (400, "invalid_grant"))
        for piece in ("a", "aA", "authenticat", "(e.g.", "grant_type ", "missing ", "client_secret ", "s3cr3t/+ valu", "[redacted]", " ")
    },
    **{
        f"code: {piece}": (400, json.dumps({"error": piece * (MIB // len(piece))}).encode(), JSON)
        for piece in ("a", "AB_", "a.b", "0", "AbCd-")
    },
    **{
        f"{kind}: {piece}": (400, (piece * (MIB // len(piece))).encode(), {"content-type": kind})
        for kind, pieces in {
            "text/html": ("<title", "<title>", " "),
            "text/plain": ("a", "aA1"),
            "application/xml": ("<a>", "<a b=''/>"),
            "application/x-www-form-urlencoded": ("a=b&", "&", "%"),
        }.items()
        for piece in pieces
    },
    "members": (400, json.dumps({f"{number}-{number}": "" for number in range(60_000)}).encode(), JSON),
    "numbers": (400, b"[" * 1000 + b"9" * (MIB - 2000) + b"]" * 1000, JSON),
    "lists": (400, b'{"errors":' + b"[" * 400 + b"]" * 400 + b"}", JSON),
    "expires_at": (200, json.dumps({"access_token": "abc", "ends": "x" + " " * MIB + "x"}).encode(), JSON),
    "a digit at the end": (200, json.dumps({"access_token": "abc", "expires_in": "1" * MIB, "ends": "1" * MIB}).encode(), JSON),
    "scope": (200, json.dumps({"access_token": "abc", "scope": "a, " * (MIB // 3)}).encode(), JSON),
    "a token": (200, json.dumps({"access_token": "ab." * (MIB // 3), "ends": "/Date("}).encode(), JSON),
    "token_type": (200, json.dumps({"access_token": "abc", "token_type": "aA" * (MIB // 2)}).encode(), JSON),
    "media type": (400, b"oops", {"content-type": "a/" * (MIB // 2)}),
    "Location": (302, b"", {"location": "https://" + "a:" * (MIB // 2)}),
    "Date and Retry-After": (429, b"", {"date": "Fri, " * (MIB // 5), "retry-after": "1 " * (MIB // 2)}),
}


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE)
def test_the_largest_answer_is_read_at_once(large: tuple[int, bytes, dict[str, str]]) -> None:
    """All else waits meanwhile: a second is ten times what any of them takes, and a tenth of what a pattern's square would."""
    status, body, headers = large
    names = names_of(crm(scope=Scope(("api",)), token_response=options(expires_at="ends")))
    began = time.thread_time()
    with contextlib.suppress(errors.TokenError):
        parse_token(TokenResponse(status, headers, body[:MIB]), names)
    assert time.thread_time() - began < 1.0
