"""Forms of a preset's values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.settings.shapes import SHAPES, wrong

HOST = "expected a host without scheme, path or space; write "
BASE = "expected a host, and a path behind it where there is one; write "
URL = "expected a URL without a space, query or / at its end; write one such as https://login.example"
WRONG = {
    ("host", "https://acme.eu.auth0.com"): HOST + "acme.eu.auth0.com",
    ("host", "https://acme.eu.auth0.com/"): HOST + "acme.eu.auth0.com",
    ("host", " acme.example"): HOST + "acme.example",
    ("host", "acme.example/oauth"): HOST + "acme.example",
    ("host", "https://user:hunter2@acme.example"): HOST + "one such as login.example",
    ("host", "https://"): HOST + "one such as login.example",
    ("base", "https://sso.example/auth"): BASE + "sso.example/auth",
    ("base", "sso.example/auth/"): BASE + "sso.example/auth",
    ("base", "sso example"): HOST + "one such as login.example",
    ("url", "acme.example"): "expected a URL; write one such as https://acme.example",
    ("url", "https://acme.example/"): URL,
    ("url", "https://acme.example?x=hunter2"): URL,
    ("url", "https://user:hunter2@acme.example"): "expected a URL; write one such as https://login.example",
    ("name", "acme corp"): "expected a name without spaces or /",
    ("name", "acme "): "expected a name without spaces or /; write acme",
    ("name", "/acme"): "expected a name without spaces or /; write acme",
    ("name", "a/b"): "expected a name without spaces or /",
}


@pytest.mark.parametrize(("shape", "value", "text"), [(*case, text) for case, text in WRONG.items()])
def test_a_value_of_another_form_is_told(shape: str, value: str, text: str) -> None:
    """With what to write, and nothing that a URL may hide."""
    assert wrong(shape, value, ()) == text


RIGHT = [
    *(("host", value) for value in ("acme.eu.auth0.com", "b1.example:50000", "127.0.0.1:8080", "[::1]:8080")),
    *(("base", value) for value in ("sso.example", "sso.example:8443/auth", "ghe.example/api/v3")),
    *(("url", value) for value in ("https://acme.authentication.eu10.hana.ondemand.com", "http://127.0.0.1:8080/uaa")),
    *(
        ("name", value)
        for value in ("acme", "acme--uat.sandbox", "3f1c-aa", "123-ABC-456", "contoso.onmicrosoft.com", "my%20realm", "3.19")
    ),
]


@pytest.mark.parametrize(("shape", "value"), RIGHT)
def test_a_value_of_its_form_is_right(shape: str, value: str) -> None:
    """What stands in real tenants passes."""
    assert wrong(shape, value, ()) is None


ADDED = {
    ("name", "acme.my.salesforce.com", ".my.salesforce.com"): "the provider adds .my.salesforce.com itself; write acme",
    ("name", "https://acme.my.salesforce.com/", ".my.salesforce.com"): "the provider adds .my.salesforce.com itself; write acme",
    ("host", "https://acme.example/oauth/token", "/oauth/token"): "the provider adds /oauth/token itself; write acme.example",
    ("url", "https://acme.example/oauth/token", "/oauth/token"): "the provider adds /oauth/token itself; write what stands before it",
    ("name", ".my.salesforce.com", ".my.salesforce.com"): "the provider adds .my.salesforce.com itself; write what stands before it",
}


@pytest.mark.parametrize(("shape", "value", "around", "text"), [(*case, text) for case, text in ADDED.items()])
def test_what_the_preset_adds_is_not_written_twice(shape: str, value: str, around: str, text: str) -> None:
    """A whole host where a part of one belongs is told with the part."""
    assert wrong(shape, value, [around]) == text


@given(shape=st.sampled_from(sorted(SHAPES)), value=st.text(max_size=20))
def test_any_value_is_judged(shape: str, value: str) -> None:
    """What is right as a name, a host or a URL holds no space and no line end."""
    if wrong(shape, value, ()) is None:
        assert value
        assert value.split() == [value]
