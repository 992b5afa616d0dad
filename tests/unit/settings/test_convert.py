"""The typed walk, on a model of its own."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from proxy.http.routing import Options
from proxy.secrets import Secret
from proxy.secrets.sources import Env
from proxy.settings.convert import FAILED, Conversion, fields
from proxy.settings.problems import Findings, SettingsError
from proxy.settings.source import parse
from proxy.units import Bytes, FilePath, Seconds


class Inner(Options, frozen=True, kw_only=True):
    """A section with a required key."""

    must: str
    wait: Seconds = Seconds(1)


class Model(Options, frozen=True, kw_only=True):
    """A key of every kind."""

    text: str = "t"
    maybe: str | None = "m"
    count: int = 1
    ratio: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    flag: bool = False
    mode: Literal["a", "b"] = "a"
    wait: Seconds = Seconds(1)
    size: Bytes | None = None
    file: FilePath | None = None
    secret: Secret | None = None
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    words: tuple[str, ...] = ("w",)
    table: dict[str, int] = msgspec.field(default_factory=dict)


def convert(text: str) -> Model:
    findings = Findings()
    node = parse(text.encode(), "d/f.yaml", findings)
    assert node is not None
    model = Conversion(findings).build(node, Model)
    findings.raise_if_any()
    assert isinstance(model, Model)
    return model


GOOD = {
    "nothing": ("{}", Model()),
    "text": ("text: x", Model(text="x")),
    "text from a variable": ("text: {env: CRM_SECRET}", Model(text="s3cret")),
    "null where it may be": ("maybe: null", Model(maybe=None)),
    "a section left empty": ("words:\ntable:\nmany:\n", Model()),
    "an integer for a number": ("wait: 2", Model(wait=Seconds(2))),
    "number": ("ratio: 0.25", Model(ratio=0.25)),
    "YAML 1.1's yes for a boolean": ("flag: yes", Model(flag=True)),
    "choice": ("mode: b", Model(mode="b")),
    "choice from a variable": ("mode: {env: LETTER}", Model(mode="b")),
    "duration from a variable": ("wait: {env: DURATION}", Model(wait=Seconds(300))),
    "size": ("size: 1KiB", Model(size=Bytes(1024))),
    "file": ("file: x/y", Model(file="d/x/y")),
    "absolute file": ("file: /x", Model(file="/x")),
    "secret": ("secret: {env: CRM_SECRET}", Model(secret=Env("CRM_SECRET"))),
    "section": ("inner: {must: x}", Model(inner=Inner(must="x"))),
    "list of sections": ("many: [{must: x}, {must: y, wait: 2s}]", Model(many=(Inner(must="x"), Inner(must="y", wait=Seconds(2))))),
    "list": ("words: [a, {env: CRM_SECRET}]", Model(words=("a", "s3cret"))),
    "table": ("table: {env: 1}", Model(table={"env": 1})),
}


@pytest.mark.parametrize(("text", "model"), GOOD.values(), ids=GOOD)
def test_a_value_has_the_type_of_its_key(text: str, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out has its default, and {env: NAME} stands for any text."""
    monkeypatch.setenv("LETTER", "b")
    monkeypatch.setenv("DURATION", "5m")

    assert convert(text) == model


BAD = {
    "number for text": ("text: 1", "1:7: text: expected text, got an integer; put it in quotes"),
    "nothing for text": ("text:", "1:6: text: expected text, got nothing"),
    "on for text": ("text: on", "1:7: text: expected text, got a boolean; YAML reads on as the boolean true: put it in quotes"),
    "true for text": ("text: true", "1:7: text: expected text, got a boolean; put it in quotes"),
    "text for a number": ("count: '1'", "1:8: count: expected an integer, got text; leave out the quotes"),
    "fraction for an integer": ("count: 1.0", "1:8: count: expected an integer, got a number"),
    "boolean for an integer": ("count: true", "1:8: count: expected an integer, got a boolean"),
    "variable for an integer": ("count: {env: A}", "1:8: count: expected an integer, got a mapping"),
    "out of bounds": ("ratio: 1", "1:8: ratio: expected a number over 0 and under 1"),
    "not a number": ("ratio: .nan", "1:8: ratio: expected a number over 0 and under 1"),
    "number for a boolean": ("flag: 1", "1:7: flag: expected true or false, got an integer"),
    "choice": ("mode: c", "1:7: mode: expected a or b"),
    "number for a choice": ("mode: 1", "1:7: mode: expected a or b"),
    "date for a duration": ("wait: 2024-10-01", "1:7: wait: expected a duration such as 250ms, 10s, 5m or 1h"),
    "list for a duration": ("wait: [1]", "1:7: wait: expected a duration such as 250ms, 10s, 5m or 1h"),
    "unset variable": ("wait: {env: UNSET}", "1:7: wait: environment variable UNSET is not set"),
    "variable with a bad value": ("wait: {env: CRM_SECRET}", "1:7: wait: expected a duration such as 250ms, 10s, 5m or 1h"),
    "variable that is no text": ("text: {env: NOT_TEXT}", "1:7: text: environment variable NOT_TEXT is not UTF-8 text"),
    "variable without a name": ("text: {env: 1}", "1:7: text: expected the name of an environment variable"),
    "text for a section": ("inner: x", "1:8: inner: expected a mapping of keys, got text"),
    "required key": ("inner: {wait: 1}", "1:8: inner.must: this key is missing"),
    "empty required key": ("inner: {must: ''}", "1:15: inner.must: expected text, got an empty one"),
    "unknown key deep inside": ("many: [{must: x, wat: 1}]", "1:18: many[0].wat: unknown key; did you mean `wait`?"),
    "text for a list": ("words: a", "1:8: words: expected a list: write [a]"),
    "number for a list": ("words: 7", "1:8: words: expected a list: write [7]"),
    "words for a list": ("words: a b", "1:8: words: expected a list such as [a, b], got text"),
    "mapping for a list": ("words: {a: b}", "1:8: words: expected a list such as [a, b], got a mapping"),
    "text for a list of sections": ("many: a", "1:7: many: expected a list such as [a, b], got text"),
    "word for a number": ("count: one", "1:8: count: expected an integer, got text"),
    "quoted boolean": ("flag: 'true'", "1:7: flag: expected true or false, got text; leave out the quotes"),
    "required key without a value": ("inner: {must: }", "1:15: inner.must: expected a value, got nothing"),
    "item of a list": ("words: [a, 1]", "1:12: words[1]: expected text, got an integer; put it in quotes"),
    "value of a table": ("table: {a: x}", "1:12: table.a: expected an integer, got text"),
    "list for a table": ("table: []", "1:8: table: expected a mapping of names to values, got a list"),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_another_type_is_refused_at_its_place(text: str, expected: str) -> None:
    """Nothing is turned into what it is not, and what stood there is not quoted."""
    with pytest.raises(SettingsError) as caught:
        convert(text)

    assert str(caught.value) == f"d/f.yaml:{expected}"


def test_the_walk_goes_on_after_a_mistake() -> None:
    """All mistakes are found, and what is right is still there for further checks."""
    findings = Findings()
    node = parse(b"text: 1\ncount: x\nflag: true\n", "f", findings)
    assert node is not None

    values = Conversion(findings).keys(node, fields(Model))

    assert values == {"flag": True}
    with pytest.raises(SettingsError) as caught:
        findings.raise_if_any()
    assert len(caught.value.problems) == 2


def test_a_struct_without_a_required_key_is_none() -> None:
    """What cannot be built is FAILED, not half a value."""
    assert Conversion(Findings()).made(Inner, {"wait": Seconds(1)}) is FAILED
