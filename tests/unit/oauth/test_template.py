"""proxy/oauth/template.py: text with `${...}` in it."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.template import MAX_DEPTH, Template

KNOWN = {"client_id": "id", "client_secret": "s/cret &", "token": "t", "values.tenant": "eu1", "now:%Y(%m)": "2027(01)"}
NAMES = st.sampled_from(sorted(KNOWN))
LITERALS = st.text(st.sampled_from("ab${}()$$\\né"), max_size=12)


def rendered(text: str) -> str:
    return Template.parse(text).render(KNOWN.__getitem__)


def escaped(literal: str) -> str:
    """Literal text as a template of its own: every run of dollars before a brace doubled."""
    if "${" not in literal:
        return literal
    before, _, after = literal.partition("{")
    bare = before.rstrip("$")
    return bare + 2 * before[len(bare) :] + "{" + escaped(after)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", ""),
        ("plain $ {text} )}", "plain $ {text} )}"),
        ("${client_id}", "id"),
        ("https://${values.tenant}.acme.com/login?v=2", "https://eu1.acme.com/login?v=2"),
        ("${client_id}${token}", "idt"),
        ("$${client_id}", "${client_id}"),
        ("$$${client_id}", "$id"),
        ("$$$${client_id}", "$${client_id}"),
        ("a$$b $", "a$$b $"),
        ("${urlencode(${client_secret})}", "s%2Fcret%20%26"),
        ("${base64(${client_id}:${token})}!", base64.b64encode(b"id:t").decode() + "!"),
        ("${sha256_hex(é)}", hashlib.sha256("é".encode()).hexdigest()),
        ("${urlencode(${base64(${token}>>>)})}", "dD4%2BPg%3D%3D"),
        ("${urlencode()}", ""),
        ("${urlencode(f(x))}", "f%28x%29"),
        ("${urlencode({$${})}", "%7B%24%7B%7D"),
        ("${now:%Y(%m)}", "2027(01)"),
    ],
)
def test_render(text: str, result: str) -> None:
    """References and functions are replaced; all else stays as it is."""
    assert rendered(text) == result


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "expected text"),
        (5, "expected text"),
        (["a"], "expected text"),
        ("s3cret${client_id", "no } after its name"),
        ("s3cret${", "no } after its name"),
        ("s3cret${client_${x}}", "no } after its name"),
        ("s3cret${}", "holds no name"),
        ("s3cret${ client_id }", "holds no name"),
        ("s3cret${clientid}", r"\$\{clientid\} is no name; did you mean \$\{client_id\}\?"),
        ("s3cret${md5(${token})}", r"\$\{md5\(\.\.\.\)\} is no function; known are base64, sha256_hex, urlencode"),
        ("s3cret${base64(s3cret", "does not end with"),
        ("s3cret${base64(s3cret)", "does not end with"),
        ("s3cret${base64(s3cret${token})", "does not end with"),
        ("s3cret" + "${base64(" * (MAX_DEPTH + 1) + ")}" * (MAX_DEPTH + 1), "more than 8 deep"),
        ("s3cret" + "${base64(" * 100_000, "more than 8 deep"),
    ],
)
def test_refused(value: object, said: str) -> None:
    """What is no template says what is wrong, and never what stands outside the braces."""
    with pytest.raises(ValueError, match=said) as caught:
        Template.parse(value)
    assert "s3cret" not in str(caught.value)


def test_the_deepest() -> None:
    """Functions nest as deep as the bound says."""
    text = "${urlencode(" * MAX_DEPTH + "a" + ")}" * MAX_DEPTH
    assert rendered(text) == "a"


def test_names() -> None:
    """Names are those inside functions too; a template without any is constant."""
    template = Template.parse("${base64(${client_id}:${urlencode(${step1.data.sid})})}-${now+7d:%Y}")
    assert template.names == {"client_id", "step1.data.sid", "now+7d:%Y"}
    assert not template.constant
    assert Template.parse("a $${b} ${base64(c)}").constant


def test_repr_shows_no_text() -> None:
    """Literal text may be a secret: repr has the names alone."""
    assert repr(Template.parse("s3cret${token}${base64(s3cret${client_id})}")) == "Template(client_id, token)"


def test_equality() -> None:
    """Templates with the same source are the same, and may be keys."""
    assert {Template.parse("a${token}")} == {Template.parse("a${token}")}
    assert Template.parse("a${token}") != Template.parse("a$${token}")


def test_fold() -> None:
    """What is known early becomes literal text, dollars and braces included; the rest waits."""
    template = Template.parse("${values.tenant}${base64(${values.tenant}${token})}").fold({"values.tenant": "x${token}$"})
    assert template.names == {"token"}
    assert template.render({"token": "T"}.__getitem__) == "x${token}$" + base64.b64encode(b"x${token}$T").decode()
    assert template.source == "x$${token}$$${base64(x$${token}$$${token})}"
    assert Template.parse(template.source) == template


def test_what_look_up_raises() -> None:
    """A name that nobody knows at run time is the caller's error, as it was raised."""
    with pytest.raises(KeyError, match="token"):
        Template.parse("${token}").render(dict[str, str]().__getitem__)


@pytest.mark.parametrize("function", ["base64", "sha256_hex", "urlencode"])
def test_half_a_character(function: str) -> None:
    """A lone surrogate, which JSON can hold, breaks no function."""
    assert Template.parse(f"${{{function}(${{token}})}}").render(lambda _: "\ud800").isascii()


@given(st.lists(st.one_of(LITERALS.map(lambda text: ("text", text)), NAMES.map(lambda name: ("name", name))), max_size=8))
def test_round_trip(parts: list[tuple[str, str]]) -> None:
    """Literal text and references, written with the escape, come back as they were, whatever stands between."""
    template = Template(())
    for kind, what in parts:
        added = (what,) if kind == "text" else Template.parse(f"${{{what}}}").parts
        template = Template((*template.parts, *added)).fold({})
    again = Template.parse(template.source)
    assert again == template
    assert again.render(KNOWN.__getitem__) == "".join(what if kind == "text" else KNOWN[what] for kind, what in parts)


@given(LITERALS)
def test_escaped_literal(literal: str) -> None:
    """Any text can be said literally, by doubling the dollars before a brace."""
    template = Template.parse(escaped(literal))
    assert template.constant
    assert rendered(escaped(literal)) == literal


@given(st.lists(st.sampled_from(["${", "}", ")}", "base64(", "token", "$", "a"]), max_size=20).map("".join))
def test_source_is_what_was_read(text: str) -> None:
    """Whatever parses has the text itself as its source; whatever does not says so."""
    try:
        template = Template.parse(text)
    except ValueError:
        return
    assert template.source == text
