"""Secrets: three places, read when used, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.secrets import SecretUnreadableError
from proxy.secrets.sources import MAX_SECRET, Env, File, Text, parse

FORMS = {"text": ("hunter2", "text"), "env": ({"env": "NAME"}, "env"), "file": ({"file": "a/b"}, "file")}


@pytest.mark.parametrize(("value", "kind"), FORMS.values(), ids=FORMS)
def test_a_secret_has_one_of_three_places(value: object, kind: str) -> None:
    """Text, a variable or a file."""
    assert parse(value).kind == kind


@pytest.mark.parametrize(
    "value",
    ["", {"env": ""}, {"file": ""}, None, 90210, ["hunter2"], {}, {"env": 1}, {"env": "A", "file": "b"}, {"text": "hunter2"}],
    ids=repr,
)
def test_another_form_is_refused_without_its_value(value: object) -> None:
    """What may be a secret is not quoted."""
    with pytest.raises(ValueError, match=r"^(expected text, \{env: NAME\} or \{file: PATH\}|the secret is empty)$"):
        parse(value)


def test_a_secret_never_shows_its_text() -> None:
    """Neither repr nor str has it."""
    assert "hunter2" not in f"{parse('hunter2')!r} {parse('hunter2')}"


def test_a_place_is_shown() -> None:
    """Where a secret is kept is no secret."""
    assert repr(parse({"env": "NAME"})) == "Env(env='NAME')"


def test_a_variable_is_read_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotated secret needs no restart."""
    secret = parse({"env": "NAME"})
    monkeypatch.setenv("NAME", "one")
    first = secret.read()
    monkeypatch.setenv("NAME", "two")

    assert (first, secret.read()) == ("one", "two")


@pytest.mark.parametrize("content", [b"hunter2", b"hunter2\n", b"hunter2\r\n"])
def test_a_file_is_read_without_its_line_end(tmp_path: Path, content: bytes) -> None:
    """Editors and `echo` put a line end that is no part of the secret."""
    (tmp_path / "s").write_bytes(content)

    assert parse({"file": "s"}).relative_to(tmp_path).read() == "hunter2"


def test_blanks_belong_to_a_secret(tmp_path: Path) -> None:
    """Only line ends are dropped."""
    (tmp_path / "s").write_bytes(b" hunter2 \n")

    assert File(str(tmp_path / "s")).read() == " hunter2 "


FILES = {
    "empty": (b"", "is empty"),
    "only a line end": (b"\n", "is empty"),
    "not text": (b"hunter2\xff", "is not UTF-8 text"),
    "too large": (b"x" * (MAX_SECRET + 1), f"is over {MAX_SECRET} bytes"),
}


@pytest.mark.parametrize(("content", "reason"), FILES.values(), ids=FILES)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """The reason names the file, never what is in it."""
    file = tmp_path / "s"
    file.write_bytes(content)

    with pytest.raises(SecretUnreadableError) as caught:
        File(str(file)).read()

    assert str(caught.value) == f"secret file {file} {reason}"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The system's reason is told."""
    with pytest.raises(SecretUnreadableError, match=r"No such file or directory$"):
        File(str(tmp_path / "s")).read()


def test_a_file_name_that_cannot_be_one_is_refused() -> None:
    """A zero byte is no part of a path."""
    with pytest.raises(SecretUnreadableError, match=r"cannot be read$"):
        File("a\0b").read()


def test_an_unset_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named."""
    monkeypatch.delenv("NAME", raising=False)

    with pytest.raises(SecretUnreadableError, match=r"^environment variable NAME is not set$"):
        Env("NAME").read()


def test_secrets_are_equal_by_place() -> None:
    """A reload can see whether a credential changed."""
    places: list[object] = [Env("A"), Env("A"), File("A"), "A"]

    assert [place == places[0] for place in places] == [True, True, False, False]
    assert len({Env("A"), Env("A")}) == 1


def test_only_a_file_has_a_path() -> None:
    """The path of a secret in a file, relative to the file that names it."""
    assert File("s").relative_to(Path("/etc")).path == Path("/etc/s")
    assert Text("s").relative_to(Path("/etc")).path is None
