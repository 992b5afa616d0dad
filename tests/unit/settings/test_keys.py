"""Types and defaults in words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from proxy.settings.keys import default_words, every_key, type_words
from proxy.units import Bytes, Seconds

TYPES: dict[str, Any] = {
    "text": str,
    "true or false": bool,
    "duration": Seconds,
    "size": Bytes,
    "list of text": tuple[str, ...],
    "mapping of integer": dict[str, int],
    "a, b or 1": Literal["a", "b", 1],
    "integer >= 1": Annotated[int, msgspec.Meta(ge=1)],
    "number > 0, < 1": Annotated[float, msgspec.Meta(gt=0, lt=1)],
}


@pytest.mark.parametrize(("words", "kind"), TYPES.items())
def test_a_type_has_words(words: str, kind: Any) -> None:
    """The documentation says a type as users know it."""
    assert type_words(kind) == words


def test_a_type_without_words_is_a_mistake() -> None:
    """A new type of a key needs words before it is documented."""
    with pytest.raises(TypeError, match="no words"):
        type_words(set[str])


DEFAULTS: list[tuple[object, str]] = [
    (None, "null"), (True, "true"), ("", '""'), ("x", "x"), (3, "3"), (0.2, "0.2"), ((), "[]"), ((1, 2), "[1, 2]"), ({}, "{}"),
    (Seconds(0.25), "250ms"), (Seconds(0), "0s"), (Seconds(60), "60s"), (Seconds(120), "2m"), (Seconds(75), "75s"),
    (Bytes(0), "0"), (Bytes(1000), "1000"), (Bytes(4096), "4KiB"), (Bytes(1 << 20), "1MiB"), (Bytes(1 << 30), "1GiB"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "words"), DEFAULTS, ids=repr)
def test_a_default_is_written_as_in_yaml(value: object, words: str) -> None:
    """A reader can copy it."""
    assert default_words(value) == words


def test_keys_are_told_once() -> None:
    """No key has two types."""
    paths = [key.path for key in every_key()]

    assert sorted(set(paths)) == sorted(paths)
