"""proxy/secrets/files.py: a secret is the whole of a file, or one member of a JSON file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.secrets import SecretUnreadableError
from proxy.secrets.files import MAX_SECRET, content, member, text

if TYPE_CHECKING:
    from pathlib import Path

AGENT = {"data": {"data": {"secret": "hunter2", "pin": 7, "": "x"}, "keys": ["a", "b"], "on": True, "none": None, "empty": ""}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.mark.parametrize("held", [b"hunter2", b"hunter2\n", b"hunter2\r\n"])
def test_a_file_is_read_without_its_line_end(file: Path, held: bytes) -> None:
    """Editors and `echo` put a line end that is no part of the secret."""
    file.write_bytes(held)

    assert content(file) == "hunter2"


def test_blanks_belong_to_a_secret(file: Path) -> None:
    """Only line ends are dropped."""
    file.write_bytes(b" hunter2 \n")

    assert content(file) == " hunter2 "


FILES = {
    "empty": (b"", "is empty"),
    "only a line end": (b"\n", "is empty"),
    "not text": (b"hunter2\xff", "is not UTF-8 text"),
    "too large": (b"x" * (MAX_SECRET + 1), f"is over {MAX_SECRET} bytes"),
}


@pytest.mark.parametrize(("held", "reason"), FILES.values(), ids=FILES)
def test_a_file_that_holds_no_secret_is_refused(file: Path, held: bytes, reason: str) -> None:
    """The reason names the file, never what is in it."""
    file.write_bytes(held)

    with pytest.raises(SecretUnreadableError) as caught:
        content(file)

    assert str(caught.value) == f"secret file {file} {reason}"


def test_a_missing_file_is_refused(file: Path) -> None:
    """The system's reason is told."""
    with pytest.raises(SecretUnreadableError, match=r"No such file or directory$"):
        content(file)


@pytest.mark.parametrize(
    ("name", "value"), [("data.data.secret", "hunter2"), ("data.data.pin", "7"), ("data.keys.1", "b"), ("data.data.", "x")]
)
def test_a_member_of_a_json_file(file: Path, name: str, value: str) -> None:
    """Members and indexes lead to it, as Vault's agent writes a whole answer into one file."""
    file.write_text(json.dumps(AGENT))

    assert member(file, name) == value


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("data.none", ": data.none is no text"),
        ("data.on", ": data.on is no text"),
        ("data.data", ": data.data is no text"),
        ("data.empty", ": data.empty is empty"),
        ("data.keys.2", " has no data.keys.2"),
        ("data.keys.x", " has no data.keys.x"),
        ("data.other", " has no data.other"),
        ("data.data.secret.x", " has no data.data.secret.x"),
    ],
)
def test_a_member_that_is_no_secret_is_refused(file: Path, name: str, reason: str) -> None:
    """The reason names file and member, never what is in it."""
    file.write_text(json.dumps(AGENT))

    with pytest.raises(SecretUnreadableError) as caught:
        member(file, name)

    assert str(caught.value) == f"secret file {file}{reason}"


@pytest.mark.parametrize("held", [b"hunter2", b"{", b"[" * 5000])
def test_a_file_without_json_has_no_members(file: Path, held: bytes) -> None:
    """The reason shows nothing of the file."""
    file.write_bytes(held)

    with pytest.raises(SecretUnreadableError) as caught:
        member(file, "a")

    assert str(caught.value) == f"secret file {file} is not JSON"
    assert caught.value.__cause__ is None


@given(st.binary(max_size=40))
def test_any_bytes_are_a_text_or_refused(held: bytes) -> None:
    """What is given out has no line end at its end and is never empty."""
    try:
        got = text(held, "it")
    except SecretUnreadableError as exc:
        got = str(exc)
    assert got
    assert not got.endswith(("\r", "\n"))
