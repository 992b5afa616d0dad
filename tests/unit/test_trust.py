"""proxy/trust.py: who shares a TLS context, and what is in it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from proxy.http.routing import RouteTLS
from proxy.oauth.options import TokenTLS
from proxy.trust import Trust, system_trust_unread
from proxy.units import FilePath

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(authority: trustme.CA, tmp_path: Path) -> Path:
    """A CA, and a certificate with its key."""
    client = authority.issue_cert("client.test")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    client.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return tmp_path


def test_who_says_the_same_shares_a_context() -> None:
    """Routes and token requests, whatever name they look for in a certificate."""
    trust = Trust()
    said: list[RouteTLS | TokenTLS] = [RouteTLS(), TokenTLS(), RouteTLS(server_name="a.test")]
    assert len({id(trust.context(one, None)) for one in said}) == 1


def test_who_says_another_thing_has_its_own(folder: Path) -> None:
    """A CA of all or of one's own and a certificate make other contexts."""
    trust, ca = Trust(), str(folder / "ca.pem")
    shown = RouteTLS(cert=FilePath(str(folder / "cert.pem")), key=FilePath(str(folder / "key.pem")))
    contexts = [
        trust.context(RouteTLS(), None),
        trust.context(RouteTLS(), ca),
        trust.context(RouteTLS(ca=FilePath(ca)), None),
        trust.context(shown, None),
    ]
    assert len(set(map(id, contexts))) == len(contexts)
    assert [len(context.get_ca_certs()) - len(contexts[0].get_ca_certs()) for context in contexts] == [0, 1, 1, 0]


def test_certificates_are_verified() -> None:
    """Name and chain, always."""
    context = Trust().context(RouteTLS(), None)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_file_that_is_no_key_is_told(folder: Path) -> None:
    """When the context is made, not at the first call."""
    wrong = RouteTLS(cert=FilePath(str(folder / "cert.pem")), key=FilePath(str(folder / "ca.pem")))
    with pytest.raises(ssl.SSLError):
        Trust().context(wrong, None)


@pytest.mark.parametrize("own", [None, "ca.pem"])
def test_the_systems_trust_can_be_left_unread(folder: Path, own: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A context that is made meanwhile verifies, and trusts nobody; one that is made later trusts as it did, or the operator's file."""
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if own:
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / own))
    known = len(ssl.create_default_context().get_ca_certs())
    with system_trust_unread():
        meanwhile = ssl.create_default_context()
    assert (meanwhile.get_ca_certs(), meanwhile.verify_mode) == ([], ssl.CERT_REQUIRED)
    assert len(ssl.create_default_context().get_ca_certs()) == known
