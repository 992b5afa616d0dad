"""What a comment may show of an export."""

from __future__ import annotations

import pytest

from proxy.importing.secrecy import KEPT_OUT, quoted, secret_form, secret_name, shown


@pytest.mark.parametrize(
    "name", ["clientSecret", "Password", "KeyStorePassword", "apiKey", "x-api-key", "Authorization", "refresh_token", "key"]
)
def test_names_of_secrets(name: str) -> None:
    """A secret is known by its name."""
    assert secret_name(name)


@pytest.mark.parametrize("name", ["tenant", "URL", "tokenServiceURL", "token_endpoint", "KeyStoreLocation", "resource", "language"])
def test_names_of_other_things(name: str) -> None:
    """What only names a place is none."""
    assert not secret_name(name)


@pytest.mark.parametrize(
    "value",
    ["-----BEGIN RSA PRIVATE KEY-----", "eyJhbGciOiJSUzI1NiJ9.e30.x", "Bearer abc", "Basic dTpw", "https://user:pass@host.example/"],
)
def test_forms_of_secrets(value: str) -> None:
    """A secret is known by its form, whatever its name."""
    assert secret_form(value)
    assert shown("Description", value, documented=True) == KEPT_OUT


SHOWN: dict[str, tuple[str, object, bool, str]] = {
    "a documented key": ("KeyStoreLocation", "some-long-name-12345.p12", True, '"some-long-name-12345.p12"'),
    "a documented password": ("KeyStorePassword", "x", True, KEPT_OUT),
    "a short unknown value": ("stage", "dev", False, '"dev"'),
    "an unknown address": ("docs", "https://example.com/very/long/address", False, '"https://example.com/very/long/address"'),
    "an unknown address with a query": ("docs", "https://example.com/?sig=1", False, KEPT_OUT),
    "an unknown long word": ("stage", "abcdefgh12345678", False, KEPT_OUT),
    "an unknown secret's name": ("my_token", "x", False, KEPT_OUT),
    "no text": ("stage", ["dev"], True, KEPT_OUT),
    "nothing": ("stage", "", True, ""),
    "lines": ("stage", "a\nb\u2028", True, '"a\\nb\\u2028"'),
}


@pytest.mark.parametrize(("key", "value", "documented", "text"), SHOWN.values(), ids=SHOWN)
def test_shown(key: str, value: object, documented: bool, text: str) -> None:  # noqa: FBT001  # a table's column
    """A value is one line of ASCII, or kept out where it could be a secret."""
    assert shown(key, value, documented=documented) == text


def test_quoted() -> None:
    """A name is one line of ASCII."""
    assert quoted("a\n\x1b[31mö") == '"a\\n\\u001b[31m\\u00f6"'
