"""proxy/addresses.py: what is never called, and what is called past the egress proxy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.addresses import bypasses_proxy, forbidden_address, is_loopback


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
        "fe80::1%eth0",
        "[fe80::1]",
        "febf::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2852039166",
        "0xa9fea9fe",
        "0xA9.0xFE.0xA9.0xFE",
        "169.254.43518",
        "169.254.169.254.",
        "0251.0376.0251.0376",
        "1:2",
    ],
)
def test_forbidden(host: str) -> None:
    """A link-local or metadata address is refused however it is spelled."""
    assert forbidden_address(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "10.1.2.3",
        "192.168.1.1",
        "8.8.8.8",
        "2001:db8::1",
        "login.example",
        "localhost",
        "a1.b2",
        "metadata",
    ],
)
def test_allowed(host: str) -> None:
    """Loopback, private and public addresses pass, and a name waits for its resolution."""
    assert not forbidden_address(host)


@given(st.text(max_size=40))
def test_any_text_is_decided(host: str) -> None:
    """No text makes the decision fail."""
    assert forbidden_address(host) in {True, False}


@pytest.mark.parametrize(
    ("host", "no_proxy", "expected"),
    [
        ("login.example", [], False),
        ("login.example", ["*"], True),
        ("login.example", ["example"], True),
        ("login.example", [".example"], True),
        ("LOGIN.example.", ["login.Example"], True),
        ("badexample", ["example"], False),
        ("login.example", ["ogin.example"], False),
        ("login.example", [""], False),
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("::1", ["[::1]"], True),
        ("[::1]", ["127.0.0.0/8", "::1"], True),
        ("login.example", ["10.0.0.0/8"], False),
    ],
)
def test_bypasses_proxy(host: str, no_proxy: list[str], expected: bool) -> None:  # noqa: FBT001  # a table's column
    """no_proxy names hosts, what is below them, addresses and networks."""
    assert bypasses_proxy(host, no_proxy) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104  # nothing is bound
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    """Only what cannot be reached from elsewhere is loopback."""
    assert is_loopback(host) is expected
