"""Durations and sizes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.units import MAX_AMOUNT, Bytes, Seconds

SECONDS = {"250ms": 0.25, "10s": 10, "5m": 300, "1h": 3600, "2d": 172_800, "1.5 s": 1.5, "7": 7, " 3s ": 3}
BYTES = {"64KiB": 65_536, "1MiB": 1_048_576, "2GiB": 2_147_483_648, "10B": 10, "10": 10, "1.5KiB": 1536}
WRONG = ["", "s", "-1s", "5 x", "5S", "1e3s", "1_000s", "٣s", "5s5s", "inf", "nan", "9" * 400 + "s", "5s\x00"]
WRONG_TYPES: list[object] = [None, True, False, [], {}, -1, -0.1, float("nan"), float("inf"), 10**400, MAX_AMOUNT * 2, b"5s"]


@pytest.mark.parametrize(("text", "seconds"), SECONDS.items())
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    """Without a unit it is seconds."""
    assert Seconds.parse(text) == Seconds(seconds)


@pytest.mark.parametrize(("text", "size"), BYTES.items())
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    """Without a unit it is bytes."""
    assert Bytes.parse(text) == Bytes(size)


@pytest.mark.parametrize("value", [*WRONG, *WRONG_TYPES, "5KiB"], ids=repr)
def test_what_is_no_duration_is_refused(value: object) -> None:
    """Nothing is guessed, and the value is not quoted: it may be a secret in the wrong place."""
    with pytest.raises(ValueError, match=r"^expected a duration such as 250ms, 10s, 5m or 1h$"):
        Seconds.parse(value)


@pytest.mark.parametrize("value", [*WRONG, *WRONG_TYPES, "5s", "5kb", "5KB"], ids=repr)
def test_what_is_no_size_is_refused(value: object) -> None:
    """Nothing is guessed: KB could be 1000 or 1024."""
    with pytest.raises(ValueError, match=r"^expected a size such as 64KiB, 1MiB or a number of bytes$"):
        Bytes.parse(value)


@given(st.floats(min_value=0, max_value=MAX_AMOUNT))
def test_a_number_is_its_own_duration(number: float) -> None:
    """Plain numbers are seconds, to the last digit."""
    assert Seconds.parse(number) == Seconds(number)


@given(st.integers(min_value=0, max_value=999_999), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_longer_unit_is_a_longer_duration(number: int, unit: str) -> None:
    """Every unit scales: a number with it is that number of ones of it."""
    assert Seconds.parse(f"{number}{unit}") == Seconds(number * Seconds.parse(f"1{unit}"))


@given(st.one_of(st.text(), st.from_regex(r"\A[0-9.]+ ?[a-zA-Z]*\Z")))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """A parsed duration matches the schema that editors use, blanks aside."""
    try:
        seconds: float | None = Seconds.parse(text)
    except ValueError:
        seconds = None

    assert seconds is None or re.fullmatch(r"\d+(\.\d+)?(ms|s|m|h|d)?", text.replace(" ", "").strip(), re.ASCII)
