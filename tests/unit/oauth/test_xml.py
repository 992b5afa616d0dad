"""proxy/oauth/xml.py: XML written and read."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.xml import MAX_DEPTH, decoded, encoded

HEAD = b"<?xml version='1.0' encoding='UTF-8'?>"
NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")).map(lambda text: text.strip(" "))
LEAVES = TEXTS | st.sampled_from(["<a>&amp;]]>", "a\r\nb\tc", "\u00a0x\u2003"])


def members(value: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    attributes = st.dictionaries(NAMES.map("@{}".format), LEAVES, max_size=2)
    text = st.dictionaries(st.just("#text"), LEAVES.filter(bool), max_size=1)
    children = st.dictionaries(NAMES, value | st.lists(value, min_size=2, max_size=3), min_size=1, max_size=3)
    return st.builds(lambda *parts: {key: item for part in parts for key, item in part.items()}, attributes, text, children)


ELEMENTS = st.recursive(LEAVES, members, max_leaves=8)


@pytest.mark.parametrize(
    ("tree", "document"),
    [
        ({"a": "x"}, b"<a>x</a>"),
        ({"a": None}, b"<a></a>"),
        ({"a": {}}, b"<a></a>"),
        ({"a": {"b": 1, "c": 1.5, "d": True}}, b"<a><b>1</b><c>1.5</c><d>true</d></a>"),
        ({"a": {"b": ["x", {"@i": 2}]}}, b'<a><b>x</b><b i="2"></b></a>'),
        ({"a": {"b": []}}, b"<a></a>"),
        ({"a": {"b": ("x", "y")}}, b"<a><b>x</b><b>y</b></a>"),
        ({"a": {"@n": '<"&\n', "#text": "<&>\r"}}, b'<a n="&lt;&quot;&amp;&#10;">&lt;&amp;&gt;&#13;</a>'),
        ({"s:E": {"@xmlns:s": "urn:x", "s:B": "é"}}, '<s:E xmlns:s="urn:x"><s:B>é</s:B></s:E>'.encode()),
    ],
)
def test_encoded(tree: object, document: bytes) -> None:
    """A mapping becomes the document that it says."""
    assert encoded(tree) == HEAD + document


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ("s3cret", "a mapping with one name"),
        ({}, "a mapping with one name"),
        ({"a": "s3cret", "b": "s3cret"}, "a mapping with one name"),
        ({"a": ["s3cret"]}, "one root element"),
        ({"@a": "s3cret"}, "no name"),
        ({"#text": "s3cret"}, "one root element"),
        ({"a b": "s3cret"}, "'a b' is no name"),
        ({"a": {"<b>": "s3cret"}}, "no name"),
        ({"a": {"@b c": "s3cret"}}, "no name"),
        ({"a": {5: "s3cret"}}, "no name"),
        ({"a": {"b": [["s3cret"]]}}, "a list in a list"),
        ({"a": {"@b": ["s3cret"]}}, "hold text"),
        ({"a": {"#text": {"b": "s3cret"}}}, "hold text"),
        ({"a": "s3cret\0"}, "a character that XML cannot hold"),
        ({"a": {"@b": "s3cret\ud800"}}, "a character that XML cannot hold"),
    ],
)
def test_not_encoded(tree: object, said: str) -> None:
    """What has no form in XML is refused, without showing its text."""
    with pytest.raises(ValueError, match=said) as caught:
        encoded(tree)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "tree"),
    [
        (b"<a>x</a>", {"a": "x"}),
        (b"\xef\xbb\xbf<a/>", {"a": ""}),
        (b"<a>\n  x\n</a>", {"a": "x"}),
        (b"<a><![CDATA[<x>]]>&lt;&#65;</a>", {"a": "<x><A"}),
        (b"<a><b>1</b><b/><b>3</b></a>", {"a": {"b": ["1", "", "3"]}}),
        (b"<a i='1'>x<!-- y --></a>", {"a": {"@i": "1", "#text": "x"}}),
        (b"<s:a xmlns:s='urn:x' s:i='1'><s:b>x</s:b></s:a>", {"a": {"@i": "1", "b": "x"}}),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xa9</a>", {"a": "é"}),
    ],
)
def test_decoded(document: bytes, tree: object) -> None:
    """A document becomes nested mappings, without prefixes and the white space of its layout."""
    assert decoded(document) == tree


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"x",
        b"<a>",
        b"<a/><b/>",
        b"<a>\xe9</a>",
        "<a/>".encode("utf-16"),
        b"<a>&b;</a>",
        b"<!DOCTYPE html><html/>",
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
        b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
        b"<a>" * 100_000,
    ],
)
def test_not_decoded(document: bytes) -> None:
    """What is no XML, or more than a token endpoint has to say in it, is nothing."""
    assert decoded(document) is None


def test_the_deepest() -> None:
    """Both directions go as deep as the bound says, and no deeper."""
    tree: object = "x"
    for _ in range(MAX_DEPTH):
        tree = {"a": tree}
    assert decoded(encoded(tree)) == tree
    with pytest.raises(ValueError, match="more than 32 deep"):
        encoded({"a": tree})


@given(NAMES, ELEMENTS)
def test_round_trip(name: str, element: object) -> None:
    """What is written is read as it was."""
    assert decoded(encoded({name: element})) == {name: element}


@given(
    st.binary()
    | st.lists(st.sampled_from(["<", ">", "/", "a", "<a>", "</a>", "<!", "&", ";", "'", "=", " ", "<?", "]]>"]))
    .map("".join)
    .map(str.encode)
)
def test_anything_is_read(body: bytes) -> None:
    """No body makes the reader fail."""
    assert isinstance(decoded(body), dict | None)
