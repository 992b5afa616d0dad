"""proxy/dates.py: the three forms of an HTTP date, and what is none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dates import LONGEST, http_date

EPOCH = 1_800_000_000.0
FORMS = {
    "IMF-fixdate": "Fri, 15 Jan 2027 08:00:00 GMT",
    "RFC 850": "Friday, 15-Jan-27 08:00:00 GMT",
    "asctime": "Fri Jan 15 08:00:00 2027",
    "an unknown zone": "Fri, 15 Jan 2027 08:00:00 -0000",
    "another zone": "Fri, 15 Jan 2027 10:00:00 +0200",
    "blanks": " Fri, 15 Jan 2027 08:00:00 GMT\t",
}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form(text: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says the same moment, wherever this host stands."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert http_date(text) == EPOCH
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "soon", "1800000000", "Fri, 99 Jan 2027 08:00:00 GMT", "Fri, 15 Jan 99999999 08:00:00 GMT"])
def test_no_date(text: str) -> None:
    """What is none says nothing."""
    assert http_date(text) is None


def test_a_long_text_is_not_read() -> None:
    """A date with more around it than any date has."""
    assert http_date(FORMS["asctime"].ljust(LONGEST)) == EPOCH
    assert http_date(FORMS["asctime"].ljust(LONGEST + 1)) is None


@given(st.text(st.sampled_from("Fri, 15-Jan2027:8GMT+09\x00é"), max_size=70))
def test_no_text_raises(text: str) -> None:
    """Whatever it is."""
    assert isinstance(http_date(text), float | None)
