"""proxy/oauth/vocabulary.py: the names in templates, and moments."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.vocabulary import known, moment, unknown

EPOCH = 1_800_000_000.123  # Fri, 15 Jan 2027 08:00:00.123 UTC


@pytest.mark.parametrize(
    "name",
    [
        *("client_id", "client_secret", "username", "password", "refresh_token", "token", "subject", "assertion", "random"),
        *("request.method", "request.path", "values.tenant", "values.api-key", "env:ACME_KEY"),
        *("step1.session", "step12.data.0.sid", "step1.header:X-Token", "step2.$", "response.instance_url", "response.d"),
        *("now:epoch", "now:epoch_ms", "now:iso", "now:%Y-%m-%dT%H:%M:%S.%fZ", "now+7d:%Y", "now-5m:iso", "now:100%%"),
    ],
)
def test_a_known_name(name: str) -> None:
    """Every name of the vocabulary may stand in a template."""
    assert known(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "client", "client_id ", "Client_id", "values", "values.", "values.a.b", "env:", "env:1A", "env.A"),
        *("step0.a", "step1", "step1.", "step1..a", "step100.a", "step1.a.", "step1. a", "response.", "request.body"),
        *("now", "now:", "now:%", "now:%s", "now:%Q", "now:Y", "now+7:iso", "now+7w:iso", "now:%Y\n", "now:é%Y", "now:epochs"),
    ],
)
def test_an_unknown_name(name: str) -> None:
    """What is not quite a name of the vocabulary is none."""
    assert not known(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clientid", "${clientid} is no name; did you mean ${client_id}?"),
        ("value.tenant", "${value.tenant} is no name; did you mean ${values.NAME}?"),
        ("env.ACME", "${env.ACME} is no name; did you mean ${env:NAME}?"),
        ("step.session", "${step.session} is no name; did you mean ${step1.PATH}?"),
        ("respones.x", "${respones.x} is no name; did you mean ${response.PATH}?"),
        ("now", "${now} is no name; did you mean ${now:FORMAT}?"),
        ("request.query", "${request.query} is no name; did you mean ${request.path}?"),
        ("step1.data[0].sid", "${step1.data[0].sid}: expected names and numbers with dots between: write data.0.sid"),
        ("", "a ${...} holds no name; a literal ${ is written $${"),
        ("two words", "a ${...} holds no name; a literal ${ is written $${"),
        ("x" * 65, "a ${...} holds no name; a literal ${ is written $${"),
    ],
)
def test_the_sentence(name: str, said: str) -> None:
    """A name that is not known is answered with the nearest; what is no name is not shown."""
    assert unknown(name) == said


def test_nothing_is_near() -> None:
    """Where no name is near, all are said."""
    said = unknown("xyzzy")
    assert said.startswith("${xyzzy} is no name; known are assertion, client_id, ")
    assert said.endswith("values.NAME, env:NAME, now:FORMAT, response.PATH, step1.PATH")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("now:epoch", "1800000000"),
        ("now:epoch_ms", "1800000000123"),
        ("now:iso", "2027-01-15T08:00:00Z"),
        ("now+7d:iso", "2027-01-22T08:00:00Z"),
        ("now-5m:iso", "2027-01-15T07:55:00Z"),
        ("now+30s:epoch", "1800000030"),
        ("now+2h:%H:%M", "10:00"),
        ("now:%a, %d %b %Y %H:%M:%S GMT", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ("now:%f%%", "123000%"),
    ],
)
def test_moments(name: str, text: str) -> None:
    """`now` is the given time in UTC, moved and written as its name says."""
    assert moment(name, EPOCH) == text


@pytest.mark.parametrize("name", ["now", "token", "now:%s", "now+100000d:iso", "now-100000h:iso", "now+100000000s:iso"])
def test_no_moment(name: str) -> None:
    """Another name, or one that leads out of this age, is an error that says what is expected."""
    with pytest.raises(ValueError, match="expected now:FORMAT"):
        moment(name, EPOCH)


@pytest.mark.parametrize("epoch", [1e12, -1e12, math.inf])
def test_no_time(epoch: float) -> None:
    """A clock beyond the calendar is an error that says so."""
    with pytest.raises(ValueError, match="outside the years"):
        moment("now:iso", epoch)


@pytest.mark.parametrize(("name", "year"), [("now+99999d:%Y", "2300"), ("now-99999999m:%Y", "1836")])
def test_far_moments(name: str, year: str) -> None:
    """The furthest move that may be written stays inside the calendar."""
    assert moment(name, EPOCH) == year


@given(st.text())
def test_anything_is_answered(name: str) -> None:
    """Every text is a known name or has its sentence, and a known moment renders or says that it is out of range."""
    assert known(name) or unknown(name)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20), st.floats(0, 4e9))
def test_a_known_format_renders(form: str, epoch: float) -> None:
    """A format that the vocabulary lets pass never fails at run time."""
    assert not known(f"now:{form}") or isinstance(moment(f"now:{form}", epoch), str)
