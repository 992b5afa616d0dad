"""What is a URL of an upstream, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.address import UpstreamURL

GOOD = {
    "https://api.example": ("https", "api.example", 443, "", "api.example"),
    "http://api.example/": ("http", "api.example", 80, "/", "api.example"),
    "https://API.example:8443/v1/x": ("https", "api.example", 8443, "/v1/x", "api.example:8443"),
    "http://[::1]:80/a%2Fb": ("http", "::1", 80, "/a%2Fb", "[::1]"),
    "https://127.0.0.1:80": ("https", "127.0.0.1", 80, "", "127.0.0.1:80"),
    "https://a_b.example": ("https", "a_b.example", 443, "", "a_b.example"),
}


@pytest.mark.parametrize(("text", "parts"), GOOD.items())
def test_a_url_is_taken_apart(text: str, parts: tuple[str, str, int, str, str]) -> None:
    """Scheme, host, port, path and Host header; the path stays as it was written."""
    url = UpstreamURL.parse(text)

    assert (url.scheme, url.host, url.port, url.path, url.authority) == parts


BAD = [
    "", "api.example", "//api.example", "ftp://api.example", "https://", "https:///a", "https://:1", "https://a:0", "https://a:65536", "https://a:b",
    "https://me:hunter2",
    "https://me@a", "https://me:hunter2@a", "https://@a", "https://a?", "https://a?b=c", "https://a#",
    "https://a/#b", "https://[::1", "https://[x]",
    "https://a b",
    "https://a/b c", "https://a\\b", "https://ä.example", "https://a/ä", "https://a\n", "https://a/\r\nb", "https://a,b",
    "https://a%2fb/", None, 1, ["https://a"],
]  # fmt: skip


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_what_is_no_such_url_is_refused(value: object) -> None:
    """Neither a user nor a query nor a byte that a request line cannot carry, and none of it is quoted."""
    with pytest.raises(ValueError, match=r"\S") as caught:
        UpstreamURL.parse(value)

    assert "hunter2" not in str(caught.value)


def test_urls_are_equal_by_what_they_mean() -> None:
    """A port that is the scheme's own makes no difference."""
    assert UpstreamURL.parse("https://a:443/b") == UpstreamURL.parse("https://A/b")
    assert len({UpstreamURL.parse("https://a:443"), UpstreamURL.parse("https://a")}) == 1
    assert UpstreamURL.parse("https://a") != "https://a"


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("https://b.test", "https://b.test/base"),
        ("https://b.test/", "https://b.test/base"),
        ("http://b.test:81", "http://b.test:81/base"),
        ("https://b.test/own", "https://b.test/own"),
    ],
)
def test_an_address_moves_with_its_path(url: str, there: str) -> None:
    """Which stays where the new one says none."""
    assert str(UpstreamURL.parse("https://a.test:8443/base").moved_to(url)) == there


@given(st.one_of(st.text(), st.text().map("https://".__add__), st.from_regex(r"\Ahttps?://[a-z0-9.:\[\]@%?#/-]*\Z")))
def test_a_parsed_url_parses_again(text: str) -> None:
    """Any text is refused as a ValueError, or is a URL whose text form means the same."""
    try:
        url = UpstreamURL.parse(text)
    except ValueError:
        url = UpstreamURL.parse("https://refused.example")

    assert UpstreamURL.parse(str(url)) == url
