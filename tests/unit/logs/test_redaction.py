"""What may not stand in a log line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.logs.redaction import REDACTED, is_secret_key, redact, redact_text, well_formed

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing to hide", "nothing to hide"),
        ("Bearer abc!|def", "Bearer [redacted]"),
        ("sent bearer   abc then", "sent bearer   [redacted] then"),
        ("Bearer%20abc", "Bearer%20[redacted]"),
        ("Authorization: Basic dXNlcjpwYXNz==", "Authorization: Basic [redacted]"),
        ("DPoP abc", "DPoP [redacted]"),
        ("access_token=abc&scope=api", "access_token=[redacted]&scope=api"),
        ("grant_type=x&client_secret=s%2F1&client_id=a", "grant_type=x&client_secret=[redacted]&client_id=a"),
        ('{"access_token": "abc", "expires_in": 5}', '{"access_token": "[redacted]", "expires_in": 5}'),
        ('{\\"refresh_token\\":\\"abc\\"}', '{\\"refresh_token\\":\\"[redacted]"}'),
        ("my_access_token=abc", "my_access_token=[redacted]"),
        ("crm.client_secret=abc", "crm.client_secret=[redacted]"),
        ("{'client_secret': 'abc'}", "{'client_secret': '[redacted]'}"),
        ("https://login.example.com/token: connection refused", "https://login.example.com/token: connection refused"),
        ("    client_secret: abc", "    client_secret: [redacted]"),
        (
            "credentials.crm.client_secret: environment variable X is not set",
            "credentials.crm.client_secret: environment variable X is not set",
        ),
        ("credentials.crm.token_url: expected a URL", "credentials.crm.token_url: expected a URL"),
        ("password: hunter2", "password: [redacted]"),
        (f"got {JWT}.", "got [redacted]"),
        ("token_invalid_client; change credentials.crm.client_secret", "token_invalid_client; change credentials.crm.client_secret"),
        ("https://login.example.com/token", "https://login.example.com/token"),
    ],
)
def test_redact_text(text: str, shown: str) -> None:
    """Credentials inside of a text are masked; codes, keys and addresses stay."""
    assert redact_text(text) == shown


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("authorization", True),
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("Set-Cookie", True),
        ("client_secret", True),
        ("access_token", True),
        ("token", True),
        ("X-Api-Key", True),
        ("client_assertion", True),
        ("salesforce_password", True),
        ("key", False),
        ("code", False),
        ("token_url", False),
        ("token_state", False),
        ("tokens", False),
        ("secret_path", False),
    ],
)
def test_is_secret_key(key: str, secret: bool) -> None:  # noqa: FBT001  # a table's column
    """Names of credentials are known in any spelling; names of places and states are not among them."""
    assert is_secret_key(key) is secret


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"client_secret": "x"}, {"client_secret": REDACTED}),
        ({"token": None}, {"token": None}),
        ({"headers": {"Authorization": "x", "Accept": "*/*"}}, {"headers": {"Authorization": REDACTED, "Accept": "*/*"}}),
        ({"headers": [("a", "Bearer xyz")]}, {"headers": [["a", "Bearer [redacted]"]]}),
        ({"raw": b"Bearer xyz\xff"}, {"raw": "Bearer [redacted]"}),
        ({"error": ValueError("Basic eHl6")}, {"error": "Basic [redacted]"}),
        ({"n": 1, "f": 0.5, "b": True, "inf": float("inf")}, {"n": 1, "f": 0.5, "b": True, "inf": "inf"}),
        ({"deep": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}, {"deep": {"a": {"b": {"c": {"d": {"e": REDACTED}}}}}}),
    ],
)
def test_redact(facts: dict[str, object], shown: dict[str, object]) -> None:
    """A value under a telling key is masked at any depth, and any other object is shown by its masked text."""
    assert redact(facts) == shown


@given(
    token=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=11), scheme=st.sampled_from(["Bearer", "basic", "DPOP"])
)
def test_no_token_behind_a_scheme(token: str, scheme: str) -> None:
    """Whatever bytes a token has (%x21-7E), it does not stand behind its scheme."""
    assert token not in redact_text(f"sent {scheme} {token} upstream")


@pytest.mark.parametrize(
    ("text", "whole"),
    [("plain", "plain"), ("\u00fcber \U0001f600", "\u00fcber \U0001f600"), ("a\ud800b", "a\ufffdb"), ("\udcff", "\ufffd"), ("", "")],
)
def test_well_formed(text: str, whole: str) -> None:
    """Only lone surrogates are replaced."""
    assert well_formed(text) == whole
