"""Listener addresses."""

from __future__ import annotations

import pytest

from proxy.settings.listen import ListenAddress

GOOD = {
    "127.0.0.1:6750": ListenAddress("127.0.0.1", 6750),
    "localhost:0": ListenAddress("localhost", 0),
    "[::1]:6750": ListenAddress("::1", 6750),
    "0.0.0.0:65535": ListenAddress("0.0.0.0", 65535),  # noqa: S104  # nothing is bound
    "unix:/run/bearerd/proxy.sock": ListenAddress(path="/run/bearerd/proxy.sock"),
}


@pytest.mark.parametrize(("text", "address"), GOOD.items())
def test_an_address_is_taken_apart(text: str, address: ListenAddress) -> None:
    """Host, port and socket path are what was written."""
    assert ListenAddress.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6750",
        ":6750",
        "a:",
        "a:b",
        "a:-1",
        "a:65536",
        "a:9999999999",
        "::1:6750",
        "[]:1",
        "a b:1",
        "http://a:1",
        "unix:x",
        "unix:",
        "ä:1",
        "a:²",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"host:port|brackets|from the root"):
        ListenAddress.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("0.0.0.0:1", "127.0.0.1:1", True),
        ("[::]:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.2:1", False),
        ("unix:/a", "unix:/a", True),
        ("unix:/a", "unix:/b", False),
        ("unix:/a", "127.0.0.1:1", False),
    ],
)
def test_two_listeners_clash_on_one_address(one: str, other: str, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    """A wildcard takes its port on every address; port 0 never clashes."""
    assert ListenAddress.parse(one).clashes(ListenAddress.parse(other)) is expected
