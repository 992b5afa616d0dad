"""proxy/secrets/forms.py: how a secret's place is written, and what is said of one that is written otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.secrets.forms import Forms
from proxy.secrets.sources import FORMS, SCHEMA, SOURCES, Place, Text, parse

WRITTEN: list[object] = [
    "hunter2",
    {"env": "NAME"},
    {"file": "a/b"},
    {"file": "a/b", "member": "data.secret"},
    {"directory": "/run/secrets", "name": "crm"},
    {"command": ["vault", "read", ""], "timeout": "2s", "every": 0},
    {"systemd_credential": "crm"},
    {"current": "a", "next": {"env": "B"}},
]
PLAIN = "text, {env: NAME}, {file: PATH}, {directory: PATH, name: NAME}, {command: [PROGRAM, ...]}, {systemd_credential: NAME}"
ALL = f"expected {PLAIN} or {{current: SECRET, next: SECRET}}"
WRONG: dict[str, tuple[object, str]] = {
    "nothing": (None, ALL),
    "a number": (90210, ALL),
    "a list": (["hunter2"], ALL),
    "no key": ({}, ALL),
    "an unknown key": ({"hunter2": "x"}, ALL),
    "the literal's name": ({"text": "hunter2"}, ALL),
    "empty text": ("", "the secret is empty"),
    "an empty name": ({"env": ""}, "the secret is empty"),
    "an empty path": ({"file": ""}, "the secret is empty"),
    "an empty part": ({"current": "a", "next": ""}, "the secret is empty"),
    "no text": ({"env": 1}, "env: expected text"),
    "two places": ({"env": "A", "file": "b"}, "env and file are said together; say one of them"),
    "a slip in an option": ({"file": "a", "membre": "hunter2"}, "expected {file: PATH}, and beside it member at most"),
    "half of a directory": ({"directory": "a"}, "expected {directory: PATH, name: NAME}"),
    "a path in a directory": ({"directory": "a", "name": "../b"}, "expected the name of a file, without a path"),
    "a path to systemd": ({"systemd_credential": "a/b"}, "expected the name of a file, without a path"),
    "a shell's line": ({"command": "vault read"}, "command: expected a list of texts: [PROGRAM, ARGUMENT, ...]"),
    "no program": ({"command": []}, "command: expected a list of texts: [PROGRAM, ARGUMENT, ...]"),
    "a program without a name": ({"command": ["", "x"]}, "command: expected a list of texts: [PROGRAM, ARGUMENT, ...]"),
    "no duration": ({"command": ["a"], "every": "soon"}, "every: expected a duration such as 250ms, 10s, 5m or 1h"),
    "half of a rotation": ({"current": "hunter2"}, "expected {current: SECRET, next: SECRET}"),
    "next alone": ({"next": "hunter2"}, ALL),
    "a rotation in a rotation": (
        {"current": {"current": "a", "next": "b"}, "next": "c"},
        "current: one rotation does not stand in another",
    ),
}


@pytest.mark.parametrize("value", WRITTEN, ids=repr)
def test_every_form_is_read(value: object) -> None:
    """Each member of the registry is found by its key, and its schema takes what it takes."""
    kinds = {"text": Text, **SOURCES}
    key = next(iter(value)) if isinstance(value, dict) else "text"

    assert type(parse(value)) is kinds[key]
    jsonschema.validate(value, SCHEMA)


@pytest.mark.parametrize(("value", "told"), WRONG.values(), ids=WRONG)
def test_another_form_is_refused_without_its_value(value: object, told: str) -> None:
    """The sentence says what may stand there; what was said may be a secret and is not quoted."""
    with pytest.raises(ValueError, match=r"expected|empty|one rotation|together") as caught:
        parse(value)

    assert str(caught.value) == told


def test_the_forms_are_told() -> None:
    """Every member is among them."""
    assert f"expected {FORMS}" == ALL


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SOURCES, "next", "name", "member", "x"]), inner),
    )
)
def test_whatever_is_said_the_schema_agrees(value: object) -> None:
    """What is taken is valid for editors too."""
    try:
        parse(value)
    except ValueError:
        return
    jsonschema.validate(value, SCHEMA)


def test_a_new_member_needs_its_fields_alone() -> None:
    """Forms, reading and schema come from the dataclass."""

    @dataclass(frozen=True)
    class Keyring(Place):
        kind = "keyring"
        keyring: str
        user: str | None = None

        def read(self) -> str:
            return self.keyring

    made: Any = Forms({"keyring": Keyring}, Text)

    assert str(made) == "text or {keyring: NAME}"
    assert made.parse({"keyring": "k", "user": "u"}) == Keyring("k", "u")
    assert made.schema["anyOf"][1]["required"] == ["keyring"]
