"""Secrets: their places, read when used, never shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from proxy.secrets import Secret, SecretUnreadableError
from proxy.secrets.sources import SOURCES, Command, Env, File, Rotation, Text, parse
from proxy.units import Seconds

DOCS = Path(__file__).parents[3] / "docs" / "configuration.md"
PRINT = [sys.executable, "-S", "-c", "import os; print(os.environ['NAME'])"]


def test_a_secret_never_shows_its_text() -> None:
    """Neither repr nor str has it, nor has a rotation's; a program's arguments may be secret too."""
    shown = [parse("hunter2"), parse({"current": "hunter2", "next": "hunter2"}), parse({"command": ["vault", "hunter2"]})]

    assert "hunter2" not in f"{shown!r} {shown}"


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


def test_an_unset_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named."""
    monkeypatch.delenv("NAME", raising=False)

    with pytest.raises(SecretUnreadableError, match=r"^environment variable NAME is not set$"):
        Env("NAME").read()


@pytest.mark.parametrize(
    "value",
    [
        {"file": "dir/s"},
        {"directory": "dir", "name": "s"},
        {"file": "dir/json", "member": "data.s"},
        {"current": {"file": "dir/s"}, "next": "x"},
    ],
    ids=repr,
)
def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path, value: object) -> None:
    """And what stands there is read."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "s").write_text("hunter2\n")
    (tmp_path / "dir" / "json").write_text('{"data": {"s": "hunter2"}}')
    secret = parse(value).relative_to(tmp_path)

    assert secret.read() == "hunter2"
    assert secret.path is not None
    assert secret.path.parent == tmp_path / "dir"


def test_a_file_is_read_anew(tmp_path: Path) -> None:
    """Whoever mounts secrets exchanges the file."""
    secret = parse({"directory": str(tmp_path), "name": "s"})
    (tmp_path / "s").write_text("one")
    first = secret.read()
    (tmp_path / "s").write_text("two")

    assert (first, secret.read()) == ("one", "two")


def test_a_file_name_that_cannot_be_one_is_refused() -> None:
    """A zero byte is no part of a path."""
    with pytest.raises(SecretUnreadableError, match=r"cannot be read$"):
        File("a\0b").read()


def test_systemd_says_where_its_credentials_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The unit's directory is looked up when the secret is read."""
    (tmp_path / "crm").write_text("hunter2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret = parse({"systemd_credential": "crm"})

    assert (secret.read(), secret.path) == ("hunter2", tmp_path / "crm")


def test_without_systemd_there_is_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what the unit lacks."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    secret = parse({"systemd_credential": "crm"})

    with pytest.raises(SecretUnreadableError, match=r"^systemd credential crm: CREDENTIALS_DIRECTORY is not set; .*LoadCredential="):
        secret.read()
    assert secret.path is None


async def test_a_program_is_not_run_for_each_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it printed is kept for `every`."""
    secret = parse({"command": PRINT})
    monkeypatch.setenv("NAME", "one")
    first = await secret.obtain()
    monkeypatch.setenv("NAME", "two")

    assert (first, await secret.obtain()) == ("one", "one")


async def test_what_is_known_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """To hide a value nothing is run: a program's is known once it was obtained, also when its time is over."""
    monkeypatch.setenv("NAME", "one")
    secret = parse({"current": {"command": PRINT, "every": 0}, "next": {"env": "NAME"}})
    before = secret.known()
    await secret.obtain()

    assert (before, secret.known()) == ("", "one")
    assert secret.after is not None
    assert secret.after.known() == "one"
    monkeypatch.delenv("NAME")
    assert secret.after.known() == ""


async def test_a_program_may_be_run_for_each_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`every: 0` keeps nothing."""
    secret = parse({"command": PRINT, "every": 0})
    monkeypatch.setenv("NAME", "one")
    first = await secret.obtain()
    monkeypatch.setenv("NAME", "two")

    assert (first, await secret.obtain()) == ("one", "two")


@pytest.mark.parametrize(
    ("program", "found"), [("vault", "vault"), ("./vault", "/etc/vault"), ("/bin/vault", "/bin/vault"), ("a/v", "/etc/a/v")]
)
def test_a_program_with_a_slash_is_a_path(program: str, found: str) -> None:
    """Others are looked for in PATH."""
    secret = Command((program, "./x"), timeout=Seconds(3)).relative_to(Path("/etc"))

    assert secret == Command((found, "./x"), timeout=Seconds(3))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"env": "A"}, True),
        ({"command": ["a"]}, False),
        ({"current": "a", "next": "b"}, True),
        ({"current": "a", "next": {"command": ["a"]}}, False),
    ],
    ids=repr,
)
def test_a_program_is_not_at_hand(value: object, expected: bool) -> None:  # noqa: FBT001  # a table's cell
    """It is run when a token is fetched, and not when the configuration is read."""
    assert parse(value).at_hand is expected


def test_a_rotation_has_a_next_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The current one is read; the next one is there for a refusal."""
    monkeypatch.setenv("NAME", "new")
    secret = parse({"current": "old", "next": {"env": "NAME"}})
    after = secret.after

    assert (secret.read(), after and after.read()) == ("old", "new")


async def test_every_place_can_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a loop to care for obtains the value that a read finds; a rotation's is that of its current secret."""
    monkeypatch.setenv("NAME", "one")
    secrets = [parse("one"), parse({"env": "NAME"}), parse({"command": PRINT}), parse({"current": {"command": PRINT}, "next": "x"})]

    assert [(await secret.obtain(), secret.read()) for secret in secrets] == [("one", "one")] * 4


async def test_a_doubted_program_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a server refuses what a program printed, and the program is a part of a rotation, too; other places keep nothing."""
    monkeypatch.setattr("proxy.secrets.programs.DOUBTED_AFTER", 0.0)
    monkeypatch.setenv("NAME", "one")
    parts = [parse({"command": PRINT}), parse({"command": PRINT})]
    rotation = Rotation(*parts)
    first = [await part.obtain() for part in parts]
    monkeypatch.setenv("NAME", "two")
    for secret in (rotation, Env("NAME")):
        secret.doubt()

    assert first + [await part.obtain() for part in parts] == ["one", "one", "two", "two"]


@pytest.mark.parametrize(
    ("current", "following", "kind"), [("a", {"env": "A"}, "text"), ({"env": "A"}, "a", "text"), ({"file": "A"}, {"env": "A"}, "file")]
)
def test_a_rotation_tells_its_greater_risk(current: object, following: object, kind: str) -> None:
    """One secret in clear is one too many."""
    assert parse({"current": current, "next": following}).kind == kind


async def test_secrets_are_equal_by_place() -> None:
    """A reload can see whether a credential changed; what a program has printed makes no difference."""
    used = parse({"command": [sys.executable, "-S", "-c", "print(1)"]})
    await used.obtain()
    places: list[object] = [Env("A"), Env("A"), File("A"), "A"]

    assert [place == places[0] for place in places] == [True, True, False, False]
    assert len({Env("A"), Env("A")}) == 1
    assert used == parse({"command": [sys.executable, "-S", "-c", "print(1)"]})


@pytest.mark.parametrize("value", ["s", {"env": "A"}, {"command": ["s"]}], ids=repr)
def test_other_places_have_no_path(value: object) -> None:
    """Only what is in a file has one; nothing comes after it, and no folder changes it."""
    secret = parse(value)

    assert (secret.path, secret.after, secret.relative_to(Path("/etc"))) == (None, None, secret)


def test_every_member_is_a_secret() -> None:
    """The registry's members keep the protocol."""
    made = [Text("a"), Env("A"), File("f"), Command(("c",)), Rotation(Text("a"), Text("b"))]

    assert all(isinstance(secret, Secret) for secret in made)


def test_every_member_has_its_row() -> None:
    """docs/configuration.md has each form under Secrets, and no other."""
    section = DOCS.read_text(encoding="utf-8").partition("\n## Secrets\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `\{(\w+): ", section, re.MULTILINE)

    assert set(rows) == set(SOURCES)
