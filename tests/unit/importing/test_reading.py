"""Exports as bytes: what is understood, and that what is broken is told with its place and never quoted."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.importing.reading import MAX_DEPTH, MAX_FILE, WrongFileError, read

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
      xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices">
  <entry>
    <category term="com.sap.hci.api.OAuth2ClientCredential" scheme="x"/>
    <link rel="related" title="CustomParameters">
      <m:inline><feed><entry><content><m:properties><d:Key>tenant</d:Key></m:properties></content></entry></feed></m:inline>
    </link>
    <content type="application/xml">
      <m:properties>
        <d:Name>crm</d:Name><d:ClientSecret m:null="true"/><d:Scope/>
        <d:SecurityArtifactDescriptor><d:Type>CREDENTIALS</d:Type></d:SecurityArtifactDescriptor>
      </m:properties>
    </content>
  </entry>
</feed>
"""
CRM = {
    "__metadata": {"type": "com.sap.hci.api.OAuth2ClientCredential"},
    "CustomParameters": [{"Key": "tenant"}],
    "Name": "crm",
    "ClientSecret": None,
    "Scope": "",
    "SecurityArtifactDescriptor": {"Type": "CREDENTIALS"},
}
PROPERTIES = rb"""#
#Mon Sep 21 08:00:00 UTC 2026
Name=crm
URL=https\://api.example\:8443/v1
User : j\u00f6rg
Description=a \
   long one
! end
"""


def test_json() -> None:
    """JSON is what it says, with a byte order mark too."""
    assert read(b'\xef\xbb\xbf {"a": [1, null, "x"]}') == {"a": [1, None, "x"]}


def test_atom() -> None:
    """An Atom feed is its entries: properties, nulls, complex values, what is expanded in links, and the category."""
    assert read(ATOM.encode(), xml=True) == [CRM]


def test_one_atom_entry() -> None:
    """A single entry is a feed of one."""
    start, end = ATOM.index("<entry>"), ATOM.rindex("</entry>") + len("</entry>")
    namespaces = ATOM[ATOM.index("xmlns=") : ATOM.index(">", ATOM.index("xmlns="))]
    assert read(ATOM[start:end].replace("<entry>", f"<entry {namespaces}>", 1).encode(), xml=True) == [CRM]


def test_properties() -> None:
    """A properties file is read as Java writes it: comments, escapes, continued lines."""
    assert read(PROPERTIES, properties=True) == {
        "Name": "crm",
        "URL": "https://api.example:8443/v1",
        "User": "jörg",
        "Description": "a long one",
    }


def test_latin_1_properties() -> None:
    """Java's own encoding is understood where the text is no UTF-8."""
    assert read("Name=jörg".encode("latin-1"), properties=True) == {"Name": "jörg"}


DOCTYPE = b'<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>'
DEEP = b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2)
BROKEN: dict[str, tuple[bytes, dict[str, bool], tuple[int, int], str]] = {
    "empty": (b" \n", {}, (0, 0), "the file is empty"),
    "too large": (b"1" * (MAX_FILE + 1), {}, (0, 0), f"the file is over {MAX_FILE} bytes"),
    "no JSON": (b"hello", {}, (1, 1), "expected JSON"),
    "no JSON, no XML": (b"hello", {"xml": True}, (1, 1), "expected JSON or Atom XML"),
    "XML where none is read": (b"<a/>", {}, (1, 1), "expected JSON"),
    "broken JSON": (b'{"a": 1,\n "b" hunter2}', {}, (2, 6), "not valid JSON: Expecting ':' delimiter"),
    "a key twice": (b'{"a": 1, "a": 2}', {}, (0, 0), "a key is said twice in one object, and one of the two would be lost"),
    "no UTF-8": (b'{"a":\n "\xff"}', {}, (2, 3), "the file is not UTF-8 text"),
    "no UTF-8 in JSON beside properties": (b'{"\xff"}', {"properties": True}, (1, 3), "the file is not UTF-8 text"),
    "half a character": (b'{"a": "\\ud800"}', {}, (0, 0), "half a surrogate pair is no text"),
    "half a character in a name": (b'{"\\ud800": 1}', {}, (0, 0), "half a surrogate pair is no text"),
    "too deep": (DEEP, {}, (0, 0), f"nested more than {MAX_DEPTH} levels deep"),
    "much too deep": (b"[" * 100_000, {}, (0, 0), f"nested more than {MAX_DEPTH} levels deep"),
    "a number too long": (b"[" + b"1" * 5000 + b"]", {}, (0, 0), "not valid JSON: a number is too long"),
    "broken XML": (b"<a>\n <b>hunter2</a>", {"xml": True}, (2, 14), "not valid XML"),
    "other XML": (b"<a/>", {"xml": True}, (1, 1), "expected an Atom feed or entry with OData properties"),
    "a document type": (DOCTYPE, {"xml": True}, (0, 0), "a document type is not read; an Atom export has none"),
    "no properties": (b"Name=a\nhunter2\n", {"properties": True}, (2, 1), "expected JSON, or lines of the form Key=value"),
    "a property twice": (b"Name=a\nName=b", {"properties": True}, (2, 1), "the key is said twice; one file holds one destination"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "also", "place", "text"), BROKEN.values(), ids=BROKEN)
def test_broken(data: bytes, also: dict[str, bool], place: tuple[int, int], text: str) -> None:
    """What cannot be read is told with its place, and nothing of it is quoted."""
    with pytest.raises(WrongFileError) as caught:
        read(data, **also)
    assert (caught.value.line, caught.value.column) == place
    assert str(caught.value) == text


def test_a_property_twice_in_an_entry() -> None:
    """An Atom property that is said twice is refused, for one of the two would be lost."""
    with pytest.raises(WrongFileError, match="said twice"):
        read(ATOM.replace("<d:Scope/>", "<d:Name>b</d:Name>").encode(), xml=True)


@settings(deadline=None)
@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes(data: bytes, xml: bool, properties: bool) -> None:  # noqa: FBT001  # Hypothesis draws them
    """Whatever the bytes, there is a value or a WrongFileError."""
    with contextlib.suppress(WrongFileError):
        read(data, xml=xml, properties=properties)


@settings(deadline=None)
@given(st.text(max_size=100))
def test_any_properties(text: str) -> None:
    """The same for text that looks like properties."""
    try:
        found = read(f"Name={text}".encode(), properties=True)
    except (WrongFileError, UnicodeEncodeError):
        return
    assert "Name" in found
