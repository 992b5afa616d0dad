"""Rules beyond one key; test_routes and test_reading hold the lines they end in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from proxy.http.address import UpstreamURL
from proxy.settings import load
from proxy.settings.checks import path_fault, url_fault

Lines = Callable[..., list[str]]
Write = Callable[[str, str | bytes], Path]

ROUTE = "routes: [{prefix: /, upstream: 'https://a.example', credential: none, tls: {%s}}]\n"


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/a.b/..c/.d", "/%20/a%2Fb", "/~a;b=c,d/(e)@f:g!$&'*+"])
def test_a_path_of_a_request_line_is_taken(path: str) -> None:
    """RFC 3986 §3.3, and dots that are no dot segment."""
    assert path_fault(path) is None


@pytest.mark.parametrize(
    ("url", "plain", "local", "refused"),
    [
        ("https://a.example", False, False, False),
        ("http://a.example", False, False, True),
        ("http://a.example", True, False, False),
        ("http://127.0.0.1", False, False, False),
        ("http://169.254.169.254", False, True, True),
        ("http://169.254.169.254", True, False, True),
        ("http://169.254.169.254", True, True, False),
        ("https://2852039166", False, False, True),
    ],
)
def test_each_permission_lifts_its_own_refusal(url: str, plain: bool, local: bool, refused: bool) -> None:  # noqa: FBT001  # columns of the table
    """Plain text and link-local addresses are allowed apart."""
    assert (url_fault(UpstreamURL.parse(url), allow_plaintext=plain, allow_link_local=local) is not None) is refused


@pytest.fixture
def authority(folder: Path) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    one, other = ca.issue_cert("a.example"), ca.issue_cert("b.example")
    one.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    one.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    one.private_key_pem.write_to_path(folder / "key.pem")
    other.private_key_pem.write_to_path(folder / "other.pem")
    return ca


@pytest.mark.parametrize("tls", ["ca: ca.pem", "cert: cert.pem, key: key.pem", "cert: both.pem, key: both.pem"])
def test_tls_files_that_work_are_taken(lines: Lines, authority: trustme.CA, tls: str) -> None:
    """What OpenSSL loads at start, it loads at the first call."""
    assert lines(ROUTE % tls) == []


TOGETHER = "; give the two that were made together, the client's own first"


@pytest.mark.parametrize(
    ("tls", "line"),
    [
        ("ca: key.pem", "proxy.yaml:1:81: routes[0].tls.ca: key.pem: no PEM certificate in it"),
        (
            "cert: cert.pem, key: other.pem",
            "proxy.yaml:1:83: routes[0].tls.cert: cert.pem is over another key than other.pem" + TOGETHER,
        ),
    ],
)
def test_tls_files_that_do_not_fit_are_told(lines: Lines, authority: trustme.CA, tls: str, line: str) -> None:
    """A wrong key is found at load, not at the first call."""
    assert lines(ROUTE % tls) == [line]


def test_a_loaded_route_has_its_files(write: Write, authority: trustme.CA, folder: Path) -> None:
    """Paths are those that a process in this directory can open."""
    (folder / "conf").mkdir()
    (folder / "ca.pem").rename(folder / "conf" / "ca.pem")

    assert load([write("conf/proxy.yaml", ROUTE % "ca: ca.pem")]).routes[0].tls.ca == "conf/ca.pem"
