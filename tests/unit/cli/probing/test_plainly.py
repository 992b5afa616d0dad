"""What people read of a library's words."""

from __future__ import annotations

import pytest

from proxy.cli.probing.plainly import plainly, with_place

CERTIFICATE = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed:"
AIOHTTP = "ClientConnectorCertificateError: Cannot connect to host"
CASES = {  # what a library says, and what is told
    "a self-signed certificate, by aiohttp": (
        (
            f"https://localhost:33565/token: {AIOHTTP} localhost:33565 ssl:True "
            f"[SSLCertVerificationError: (1, '{CERTIFICATE} self-signed certificate (_ssl.c:1006)')]"
        ),
        "https://localhost:33565/token: self-signed certificate",
    ),
    "another name": (
        (
            f"https://login.example/token: {AIOHTTP} login.example:443 ssl:True "
            f"[SSLCertVerificationError: (1, \"{CERTIFICATE} Hostname mismatch, certificate is not valid for 'a.example'. (_ssl.c:1006)\")]"
        ),
        "https://login.example/token: Hostname mismatch, certificate is not valid for 'a.example'",
    ),
    "our own connection": (f"{CERTIFICATE} unable to get local issuer certificate (_ssl.c:1006)", "unable to get local issuer certificate"),
    "no TLS there": (
        (
            "https://a.example:80/t: ClientConnectorSSLError: Cannot connect to host a.example:80 ssl:<ssl.SSLContext object at 0x7f> "
            "[[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)]"
        ),
        "https://a.example:80/t: wrong version number",
    ),
    "refused": (
        "http://127.0.0.1:1/t: ClientConnectorError: Cannot connect to host 127.0.0.1:1 ssl:default [Connect call failed ('127.0.0.1', 1)]",
        "http://127.0.0.1:1/t: 127.0.0.1:1 takes no connection",
    ),
    "refused, our own": (
        "127.0.0.1:1: [Errno 111] Connect call failed ('127.0.0.1', 1)",
        "127.0.0.1:1: 127.0.0.1:1 takes no connection",
    ),
    "no such name": ("a.invalid: [Errno -2] Name or service not known", "a.invalid: Name or service not known"),
    "too late": ("https://a.example/t: TimeoutError: ", "https://a.example/t"),
    "plain words": ("secret file /run/x: No such file or directory", "secret file /run/x: No such file or directory"),
}


@pytest.mark.parametrize(("said", "told"), CASES.values(), ids=CASES)
def test_plainly(said: str, told: str) -> None:
    """Host and reason are left, and nothing of the program that found them."""
    assert plainly(said) == told


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("", "some_code"),
        ("https://a.example/t", "some_code at https://a.example/t"),
        ("a.example:443: reset", "some_code at a.example:443: reset"),
        ("[::1]:443: reset", "some_code at [::1]:443: reset"),
        ("a.invalid: no such name", "some_code at a.invalid: no such name"),
        ("self-signed certificate", "some_code: self-signed certificate"),
        ("environment variable X is not set", "some_code: environment variable X is not set"),
    ],
)
def test_with_place(detail: str, told: str) -> None:
    """A place is told as one, a reason alone as a reason."""
    assert with_place("some_code", detail) == told
