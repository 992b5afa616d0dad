"""proxy/importing/kinds.py: what a file is, where it was taken for another export."""

from __future__ import annotations

import json

import pytest

from proxy.importing.kinds import KINDS, mistaken

EXPORTS = {
    "CPI, wrapped": ("cpi", {"d": {"results": [{"Name": "CRM", "TokenServiceUrl": "https://a.example"}]}}),
    "CPI's users": ("cpi", [{"Name": "HR", "Kind": "default", "User": "anna"}]),
    "a destination": ("destination", {"Name": "crm", "URL": "https://a.example"}),
    "a user's destination": ("destination", {"Name": "crm", "Type": "HTTP", "Authentication": "BasicAuthentication", "User": "anna"}),
    "another protocol's": ("destination", {"Name": "erp", "Type": "RFC", "jco.client.ashost": "erp"}),
    "a found destination": ("destination", {"owner": {}, "destinationConfiguration": {"Name": "crm", "ProxyType": "Internet"}}),
    "a properties file": ("destination", b"Name=crm\nType=HTTP\nURL=https\\://a.example\n"),
    "a service key": ("service-key", {"uaa": {"clientid": "a", "url": "https://a.example"}}),
}


@pytest.mark.parametrize("asked", KINDS)
@pytest.mark.parametrize(("kind", "export"), EXPORTS.values(), ids=EXPORTS)
def test_each_is_known(asked: str, kind: str, export: object) -> None:
    """An export is no other than the one it is."""
    found = mistaken(asked, export if isinstance(export, bytes) else json.dumps(export).encode())
    assert (found and found[1]) == (None if asked == kind else kind)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"[1]", b"{}", b'{"a": 1}', b"a=b", b"<a/>", b'"x"'])
@pytest.mark.parametrize("asked", KINDS)
def test_what_is_none_is_left_to_its_reader(asked: str, data: bytes) -> None:
    """Of what is no export at all the translator says what is wrong."""
    assert mistaken(asked, data) is None
