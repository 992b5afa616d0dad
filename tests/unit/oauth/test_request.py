"""proxy/oauth/request.py: a token request as a credential declares it, each option in its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import SecretUnavailableError
from proxy.oauth import xml
from proxy.oauth.exchange import Resource, Scope, TokenRequest
from proxy.oauth.jwt import jwt_part
from proxy.oauth.options import Param, RequestOptions, TokenRequestOptions
from proxy.oauth.request import standard, token_request
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Env, Text
from tests.fakes.credentials import SECRET, URL, crm, names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

GRANT = {"grant_type": "client_credentials", "scope": "api read"}
FORM = "grant_type=client_credentials&scope=api+read"
BASIC = "Basic aWQ6czNjcjN0JTJGJTJCK3ZhbHVl"
KEY = Text("k3y")
WORDS = st.text(st.characters(exclude_characters="$", exclude_categories=["Cs"]), max_size=8)  # `$` begins a template
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def params(*said: tuple[str, object, str]) -> dict[str, Any]:
    return {"params": tuple(Param(key=key, value=Tree.parse(value), in_=place) for key, value, place in said)}  # type: ignore[arg-type]  # places as YAML has them


def requested(
    said: Mapping[str, object] = GRANT, *, url: str = URL, credential: Mapping[str, Any] | None = None, **options: Any
) -> TokenRequest:
    if "body" in options:
        options["body"] = Tree.parse(options["body"])
    grant = crm(url, token_request=TokenRequestOptions(**options), values={"key": KEY}, **(credential or {}))
    return token_request(names_of(grant, token_url=url), said)


def body_of(request: TokenRequest) -> Any:
    """What the body says, in the form in which it is written."""
    match request.headers["Content-Type"]:
        case "application/json":
            return json.loads(request.body)
        case "application/xml":
            return xml.decoded(request.body)
        case _:
            return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def test_plain() -> None:
    """The default: a POST of a form, HTTP Basic, a JSON answer asked for."""
    request = requested()
    assert (request.method, request.url, request.body) == ("POST", URL, FORM.encode())
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": BASIC,
    }


def test_the_body_is_never_missing() -> None:
    """A JSON body without parameters is an object, since a server answered 415 to none."""
    assert requested({}, content_type="json").body == b"{}"


@pytest.mark.parametrize(
    ("options", "url", "body"),
    [
        ({"grant_type_in": "query"}, f"{URL}?grant_type=client_credentials", "scope=api+read"),
        ({"method": "GET"}, f"{URL}?{FORM}", ""),
        ({"method": "GET", "grant_type_in": "query"}, f"{URL}?{FORM}", ""),
        ({"method": "PUT"}, URL, FORM),
        (params(("v", "2", "query")), f"{URL}?v=2", FORM),
        (params(("a", "x&y", "body")), URL, f"{FORM}&a=x%26y"),
        (params(("scope", "other", "body")), URL, "grant_type=client_credentials&scope=other"),
        (params(("grant_type", "own", "query")), f"{URL}?grant_type=own", FORM),
        (params(("grant_type", None, "body")), URL, "scope=api+read"),
        ({"method": "GET", **params(("a", 1, "body"), ("b", 2, "query"))}, f"{URL}?b=2&{FORM}&a=1", ""),
        ({"body": {"grant_type": "${client_id}", "n": 1}}, URL, "grant_type=id&n=1"),
        ({"method": "GET", "body": {"n": 1}}, f"{URL}?n=1", ""),
        ({"body": {"n": 1}, **params(("v", "2", "query"))}, f"{URL}?v=2", "n=1"),
    ],
)
def test_places(options: dict[str, Any], url: str, body: str) -> None:
    """Each parameter goes where it is said; what is added takes the place of one of ours; a GET has all in its query."""
    request = requested(**options)
    assert (request.method, request.url, request.body) == (options.get("method", "POST"), url, body.encode())
    assert ("Content-Type" in request.headers) is (request.method != "GET")


@pytest.mark.parametrize(
    ("own", "added"),
    [(f"{URL}?v=2", f"{URL}?v=2&q=1"), (f"{URL}?a=%2F&a=%20", f"{URL}?a=%2F&a=%20&q=1"), (URL, f"{URL}?q=1")],
)
def test_the_address_s_own_query_is_kept(own: str, added: str) -> None:
    """A query that token_url has stays as it is, and stands first (RFC 6749 §3.2)."""
    assert requested(url=own).url == own
    assert requested(url=own, **params(("q", "1", "query"))).url == added


TYPES: Mapping[str, tuple[object, str, object, object]] = {  # said -> in a form, in JSON, in XML
    "text": ("1", "1", "1", "1"),
    "number": (1, "1", 1, "1"),
    "fraction": (1.5, "1.5", 1.5, "1.5"),
    "true": (True, "true", True, "true"),
    "false": (False, "false", False, "false"),
    "empty": ("", "", "", ""),
    "mapping": ({"a": [1, "x"]}, '{"a":[1,"x"]}', {"a": [1, "x"]}, {"a": ["1", "x"]}),
    "template": ("${client_id}/${values.key}", "id/k3y", "id/k3y", "id/k3y"),
    "secret": (SECRET, SECRET.value, SECRET.value, SECRET.value),
    "secret within": ({"key": KEY}, '{"key":"k3y"}', {"key": "k3y"}, {"key": "k3y"}),
}


@pytest.mark.parametrize(("value", "form", "in_json", "in_xml"), TYPES.values(), ids=TYPES)
def test_types(value: object, form: str, in_json: object, in_xml: object) -> None:
    """A parameter keeps its type where the form of the body has types; a secret may stand anywhere in it."""
    said = params(("p", value, "body"))
    assert body_of(requested({}, **said)) == {"p": form}
    assert body_of(requested({}, content_type="json", **said)) == {"p": in_json}
    assert dict(parse_qsl(requested({}, **params(("p", value, "query"))).url.partition("?")[2], keep_blank_values=True)) == {"p": form}
    assert requested({}, **params(("P", value, "header"))).headers["P"] == form
    body = requested({}, content_type="xml", body={"login": {"p": value}})
    assert body_of(body) == {"login": {"p": in_xml}}


def test_lists_and_null() -> None:
    """A list is there several times in a form, an array in JSON; null is left out of a form, a query, the headers."""
    said = params(
        ("l", ["a", None, 2], "body"), ("n", None, "body"), ("q", None, "query"), ("Accept", None, "header"), ("X", None, "header")
    )
    request = requested({}, **said)
    assert (request.url, request.body) == (URL, b"l=a&l=2")
    assert {"Accept", "X"}.isdisjoint(request.headers)
    assert body_of(requested({}, content_type="json", **said)) == {"l": ["a", None, 2], "n": None}


@pytest.mark.parametrize("spelled", ["Authorization", "authorization", "AUTHORIZATION"])
def test_a_header_of_one_s_own(spelled: str) -> None:
    """What the user puts into a header takes the place of ours, however it is spelled: never two of a name (RFC 9110 §5.1)."""
    request = requested(
        **params((spelled, "Key ${client_id}", "header"), ("content-type", "text/x", "header"), ("ACCEPT", "*/*", "header"))
    )
    assert request.headers == {spelled: "Key id", "content-type": "text/x", "ACCEPT": "*/*"}


@pytest.mark.parametrize(
    ("content_type", "media", "accepted"),
    [
        ("form", "application/x-www-form-urlencoded", "application/json"),
        ("json", "application/json", "application/json"),
        ("xml", "application/xml", "application/xml"),
    ],
)
def test_media_types(content_type: str, media: str, accepted: str) -> None:
    """The body's form is said, and an answer in the form that such a server speaks is asked for."""
    headers = requested(content_type=content_type, body={"login": {"a": "1"}}).headers
    assert (headers["Content-Type"], headers["Accept"]) == (media, accepted)


def test_a_body_stands_in_place_of_parameters() -> None:
    """Neither the grant's parameters nor the client's proof are added to a body; its header is."""
    body = {"auth": {"@method": "x", "user": "${client_id}", "pass": SECRET, "n": [1, {"deep": True}]}}
    request = requested(content_type="json", body=body)
    assert body_of(request) == {"auth": {"@method": "x", "user": "id", "pass": SECRET.value, "n": [1, {"deep": True}]}}
    assert request.headers["Authorization"] == BASIC
    posted = requested(content_type="json", body={"a": 1}, credential={"client_auth": "client_secret_post"})
    assert body_of(posted) == {"a": 1}


def test_an_xml_body() -> None:
    """`@name` is an attribute, and text is escaped."""
    request = requested(content_type="xml", body={"login": {"@v": "1", "user": "<${client_id}>"}})
    assert request.body.endswith(b'<login v="1"><user>&lt;id&gt;</user></login>')


def test_the_client_s_proof_in_the_body() -> None:
    """client_secret_post puts id and secret into the body in its form, and no header beside it."""
    form = requested(credential={"client_auth": "client_secret_post"})
    assert form.body.decode() == f"{FORM}&client_id=id&client_secret=s3cr3t%2F%2B+value"
    assert "Authorization" not in form.headers
    in_json = requested(content_type="json", credential={"client_auth": "client_secret_post"})
    assert body_of(in_json) == {**GRANT, "client_id": "id", "client_secret": SECRET.value}


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        ({}, {}),
        ({"scope": Scope(("a", "b"))}, {"scope": "a b"}),
        ({"scope": Scope(("a", "b")), "scope_separator": ","}, {"scope": "a,b"}),
        ({"audience": ""}, {}),
        ({"audience": "x"}, {"audience": "x"}),
        ({"resource": Resource(("urn:a", "urn:b"))}, {"resource": ("urn:a", "urn:b")}),
    ],
)
def test_standard(credential: dict[str, Any], said: dict[str, object]) -> None:
    """Scope, audience and resource are said only if they are given, a scope with the credential's separator."""
    assert standard(crm(**credential)) == said


@pytest.mark.parametrize(
    ("resource", "form", "in_json"),
    [(("urn:a",), b"resource=urn%3Aa", "urn:a"), (("a:b", "c:d"), b"resource=a%3Ab&resource=c%3Ad", ["a:b", "c:d"])],
)
def test_resources(resource: tuple[str, ...], form: bytes, in_json: object) -> None:
    """Several resources are the parameter several times (RFC 8707 §2), in JSON an array; one is a text."""
    assert requested({"resource": Resource(resource)}).body == form
    assert body_of(requested({"resource": Resource(resource)}, content_type="json")) == {"resource": in_json}


def test_other_options_and_another_address() -> None:
    """A refresh may have its own options and address, under the same client's proof."""
    grant = crm(token_request=TokenRequestOptions(content_type="xml"))
    url = Template.parse("https://login.test/refresh")
    request = token_request(names_of(grant), GRANT, options=RequestOptions(content_type="json"), url=url)
    assert (request.url, body_of(request), request.headers["Authorization"]) == ("https://login.test/refresh", GRANT, BASIC)


def test_a_client_s_assertion_is_for_the_url_it_is_sent_to() -> None:
    """RFC 7523 §3: the audience is the endpoint of this very request, wherever the facts were gathered for."""
    names, other = names_of(crm(client_auth="client_secret_jwt"), token_url=""), Template.parse("https://login.test/refresh")
    for url, expected in ((None, URL), (other, "https://login.test/refresh")):
        sent = dict(parse_qsl(token_request(names, GRANT, url=url).body.decode()))
        assert (jwt_part(sent["client_assertion"], "claims") or {})["aud"] == expected


def test_a_name_that_stands_for_nothing() -> None:
    """A template whose name has no value sends nothing."""
    with pytest.raises(LookupError, match="assertion"):
        requested(**params(("a", "${assertion}", "body")))


@pytest.mark.parametrize(
    ("secret", "options"),
    [
        ("s3cr3t\r\nX: y", params(("K", "${values.key}", "header"))),
        ("s3cr3t\x00", params(("K", "${values.key}", "header"))),
        ("s3cr3t\x00", {"content_type": "xml", "body": {"login": "${values.key}"}}),
        ("s3cr3t\ud800", {"body": {"login": "${values.key}"}}),
        ("s3cr3t\ud800", params(("K", "${values.key}", "query"))),
        ("s3cr3t\ud800", params(("K", "${values.key}", "header"))),
    ],
)
def test_what_cannot_be_sent(secret: str, options: dict[str, Any]) -> None:
    """What a secret puts where it cannot stand is the credential's fault, not the network's, and is not shown."""
    said = {"body": Tree.parse(options["body"])} if "body" in options else {}
    grant = crm(token_request=TokenRequestOptions(**{**options, **said}), values={"key": Text(secret)})
    with pytest.raises(SecretUnavailableError) as caught:
        token_request(names_of(grant), {})
    assert caught.value.key == "credentials.crm.token_request"
    assert "s3cr3t" not in caught.value.detail + caught.value.log_detail
    assert caught.value.__context__ is None or "s3cr3t" not in str(caught.value.__context__)


def test_nothing_is_shown() -> None:
    """Secrets in parameters, in the query and in headers are in no repr."""
    request = requested(**params(("a", KEY, "body"), ("b", KEY, "query"), ("C", KEY, "header")))
    assert "k3y" in request.url
    assert "k3y" not in repr(request)
    assert "k3y" not in repr(crm(token_request=TokenRequestOptions(**params(("a", KEY, "body"), ("b", Env("K"), "query")))))


@given(tree=st.dictionaries(WORDS, TREES, max_size=4))
def test_any_body(tree: dict[str, object]) -> None:
    """Any JSON body arrives as it was written, and as a form it is ASCII in which no value becomes another name."""
    names, body = names_of(crm()), Tree.parse(tree)
    assert json.loads(token_request(names, {}, options=RequestOptions(content_type="json", body=body)).body) == tree
    form = token_request(names, {}, options=RequestOptions(body=body)).body.decode("ascii")
    assert {name for name, _ in parse_qsl(form, keep_blank_values=True)} <= tree.keys()
