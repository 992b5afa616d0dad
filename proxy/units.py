"""Durations and sizes as users write them.

A value carries its unit in its type: Seconds are seconds, Bytes are bytes.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

import msgspec

FilePath = Annotated[str, msgspec.Meta(extra={"relative_to": "the file that names it"})]
MAX_AMOUNT = 1e12  # seconds or bytes; more is a slip of the pen
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Seconds(float):
    """A duration: `250ms`, `10s`, `5m`, `1h`, or a number of seconds."""

    SCHEMA: ClassVar[dict[str, object]] = {
        "anyOf": [
            {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)?$"},
            {"type": "number", "minimum": 0},
        ],
        "description": "a duration: 250ms, 10s, 5m, 1h, or a number of seconds",
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """The duration that `value` says.

        Raises:
            ValueError: it is neither a number of seconds >= 0 nor a number with a unit.
        """
        seconds = _amount(value, _SECONDS, "a duration such as 250ms, 10s, 5m or 1h")
        return cls(seconds)


class Bytes(int):
    """A size: `64KiB`, `1MiB`, or a number of bytes."""

    SCHEMA: ClassVar[dict[str, object]] = {
        "anyOf": [
            {"type": "string", "pattern": r"^\d+(\.\d+)?(B|KiB|MiB|GiB)?$"},
            {"type": "integer", "minimum": 0},
        ],
        "description": "a size: 64KiB, 1MiB, or a number of bytes",
    }

    @classmethod
    def parse(cls, value: object) -> Self:
        """The size that `value` says.

        Raises:
            ValueError: it is neither a number of bytes >= 0 nor a number with a unit.
        """
        return cls(_amount(value, _BYTES, "a size such as 64KiB, 1MiB or a number of bytes"))


def _amount(value: object, units: dict[str, float] | dict[str, int], what: str) -> float:
    amount = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        amount = value
    elif isinstance(value, str) and (found := _NUMBER.fullmatch(value.strip())) and found[2] in units:
        amount = float(found[1]) * units[found[2]]
    if 0 <= amount <= MAX_AMOUNT:
        return amount
    raise ValueError(f"expected {what}")  # what was got may be a secret in the wrong place
