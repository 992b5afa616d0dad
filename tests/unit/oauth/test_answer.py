"""proxy/oauth/answer.py: what an answer holds, and paths into it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.answer import Path, decoded
from proxy.oauth.exchange import TokenResponse

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NAMES = st.text(st.sampled_from("ab0.$-é"), min_size=1, max_size=4)
VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


def answered(body: str | bytes, kind: str = JSON, *cookies: str, **headers: str) -> TokenResponse:
    content = body if isinstance(body, bytes) else body.encode()
    return TokenResponse(200, {"content-type": kind, **headers}, content, cookies)


def found(path: str, response: TokenResponse) -> object:
    return Path.parse(path).find(response, decoded(response))


@pytest.mark.parametrize(
    ("body", "kind", "holds"),
    [
        ('{"a": 1}', JSON, {"a": 1}),
        ('\ufeff{"a": 1}\n', JSON, {"a": 1}),
        ('{"a": 1}', "text/html; charset=utf-8", {"a": 1}),
        ('{"a": 1}', FORM, {"a": 1}),
        ("{}", JSON, {}),
        ('[{"a": 1}]', JSON, [{"a": 1}]),
        ('"abc"', JSON, "abc"),
        ('"abc"', "text/plain", "abc"),
        ("access_token=a%2Bb&scope=x+y&scope=z&empty=", FORM, {"access_token": "a+b", "scope": "x y", "empty": ""}),
        ("a=1", f"{FORM.upper()} ; charset=utf-8", {"a": "1"}),
        ("<r><t>x</t></r>", "application/xml", {"r": {"t": "x"}}),
        ("\ufeff\n<r/>", "application/soap+xml; charset=utf-8", {"r": ""}),
        (" abc.def\r\n", "text/plain", "abc.def"),
        ("12345", "Text/Plain;charset=us-ascii", "12345"),
        ("abc", "application/jwt", "abc"),
        ("abc", "", "abc"),
    ],
)
def test_decoded(body: str, kind: str, holds: object) -> None:
    """JSON is read whatever it is called; a form, XML and text where the Content-Type says so."""
    assert decoded(answered(body, kind)) == holds


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", JSON),
        ("", "text/plain"),
        ("", FORM),
        ('""', JSON),
        ("12345", JSON),
        ("null", JSON),
        ('{"a": ', JSON),
        ("[" * 100_000, JSON),
        ('{"a": ' + "9" * 5000 + "}", JSON),
        (b"\xff", "text/plain"),
        ("<html>Sign in</html>", "text/html"),
        ("<html>Sign in</html>", "text/plain"),
        ("<html>a=b</html>", FORM),
        ("<html/>", ""),
        ("<html/>", "application/xhtml+xml"),
        ('"abc"', "text/html"),
        ("Sign in", "text/html"),
        ("<a>", "text/xml"),
        ("<!DOCTYPE a><a/>", "text/xml"),
        ("abc", JSON),
        ("abc", "image/png"),
        ("&".join(["a=b"] * 1001), FORM),
        ("&", FORM),
    ],
)
def test_nothing(body: str | bytes, kind: str) -> None:
    """HTML, broken bytes and what no token endpoint says hold nothing."""
    assert decoded(answered(body, kind)) is None


@pytest.mark.parametrize(
    ("path", "body", "value"),
    [
        ("access_token", '{"access_token": "x"}', "x"),
        ("data.0.token", '{"data": [{"token": "x"}]}', "x"),
        ("1.token", '[{}, {"token": "x"}]', "x"),
        ("0", '["x"]', "x"),
        ("0", '{"0": "x"}', "x"),
        ("a.b", '{"a.b": "x", "a": {"b": "y"}}', "x"),
        ("a.b.c", '{"a.b": {"d": 1}, "a": {"b.c": "y"}}', "y"),
        ("https://x.test/claim", '{"https://x.test/claim": 5}', 5),
        ("two words", '{"two words": true}', True),
        ("$id", '{"$id": "x"}', "x"),
        ("a", '{"a": null}', None),
        ("a", '{"b": 1}', None),
        ("a.b", '{"a": "text"}', None),
        ("a.1", '{"a": [1]}', None),
        ("a.b", '{"a": [1]}', None),
        ("a.-1", '{"a": [1]}', None),
        ("a", '"text"', None),
        ("$", '"text"', "text"),
        ("$", '{"error": "no"}', None),
        ("$", "", None),
    ],
)
def test_find(path: str, body: str, value: object) -> None:
    """A path leads to the member, index or text that it names, in its type; a longer literal name comes first."""
    assert found(path, answered(body)) == value


def test_a_path_into_xml_and_forms() -> None:
    """Paths know no difference between the forms of an answer."""
    assert found("r.s.1", answered("<r><s>a</s><s>b</s></r>", "text/xml")) == "b"
    assert found("r.@i", answered("<r i='5'/>", "text/xml")) == "5"
    assert found("a", answered("a=1", FORM)) == "1"


def test_headers() -> None:
    """A header is found by its name, in any case and whatever the body is."""
    response = answered("<html/>", "text/html", **{"x-token": "x"})
    assert found("header:X-Token", response) == "x"
    assert found("header:x-other", response) is None


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ((), None),
        (("SID=a; Path=/; HttpOnly",), "SID=a"),
        (("SID=a", "B=c=d ; Secure"), "SID=a; B=c=d"),
        (("SID=a", "T=b", "SID=c; Max-Age=3600"), "T=b; SID=c"),
        (("SID=a", "SID=gone; max-age=0; Path=/"), None),
        (("SID=a", "SID=gone; Max-Age=-1"), None),
        (("SID=a", "SID=; Path=/"), None),
        (("SID=a; Max-Age=05",), "SID=a"),
        (("", "novalue", "=x", ";"), None),
    ],
)
def test_cookies(lines: tuple[str, ...], value: str | None) -> None:
    """Set-Cookie lines become what a Cookie header sends back: the last of each name, unless it was taken back."""
    assert found("cookies", answered("", "text/plain", *lines)) == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "expected a path"),
        (5, "expected a path"),
        ("", "expected a path"),
        ("a..b", "single dots"),
        (".a", "single dots"),
        ("a.", "single dots"),
        (" a", "single dots"),
        ("a ", "single dots"),
        ("a\nb", "single dots"),
        ("a" * 257, "single dots"),
        ("header:", "the name of a header"),
        ("header:a b", "the name of a header"),
        ("$.data.token", "write data.token"),
        ("$['data'][0].token", "write data.0.token"),
        ("data[0].token", "write data.0.token"),
        ("$.", "data.0.token"),
    ],
)
def test_no_path(value: object, said: str) -> None:
    """What is no path is refused; how other tools write one is translated."""
    with pytest.raises(ValueError, match=said):
        Path.parse(value)


@given(
    st.binary() | VALUES.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([JSON, FORM, "text/xml", "text/plain", "text/html", ""]),
    st.text(),
)
def test_never_raises(body: bytes, kind: str, path: str) -> None:
    """No body and no path that parses makes finding fail."""
    response = answered(body, kind)
    holds = decoded(response)
    assert holds is None or isinstance(holds, dict | list | str)
    try:
        parsed = Path.parse(path)
    except ValueError:
        return
    parsed.find(response, holds)


@given(VALUES.filter(lambda value: isinstance(value, dict | list)))
def test_every_member_has_a_path(value: object) -> None:
    """The names and indexes that lead to a member, joined, are a path that leads to something."""
    response = answered(json.dumps(value))
    for path in leaves(value):
        try:
            parsed = Path.parse(path)
        except ValueError:
            continue
        if path not in {"$", "cookies"}:
            assert parsed.find(response, value) is not None  # type: ignore[arg-type]  # a list or a mapping, as filtered


def leaves(value: object) -> list[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for name, item in items for path in ([f"{name}.{rest}" for rest in leaves(item)] or [str(name)])]


def test_a_path_as_text() -> None:
    """A path is written as the user wrote it."""
    assert str(Path.parse("data.0.token")) == "data.0.token"
