"""Secrets in files: the whole of one, or one member of a JSON file.

Whatever is wrong is told by the file's name and the member's, never by what is in it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from proxy.secrets import SecretUnreadableError

if TYPE_CHECKING:
    from pathlib import Path

MAX_SECRET = 64 << 10  # bytes; a larger file is not a secret


def content(path: Path) -> str:
    """A file's text without its last line ends.

    Raises:
        SecretUnreadableError: missing, unreadable, too large, not UTF-8, or empty.
    """
    try:
        with path.open("rb") as stream:
            held = stream.read(MAX_SECRET + 1)
    except OSError as exc:
        raise SecretUnreadableError(f"secret file {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise SecretUnreadableError(f"secret file {str(path)!a} cannot be read") from exc
    return text(held, f"secret file {path}")


def text(held: bytes, source: str) -> str:
    """What a source holds as text without its last line ends; `source` is its name for the errors.

    Raises:
        SecretUnreadableError: over MAX_SECRET bytes, not UTF-8, or empty.
    """
    if len(held) > MAX_SECRET:
        raise SecretUnreadableError(f"{source} is over {MAX_SECRET} bytes")
    try:
        value = held.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretUnreadableError(f"{source} is not UTF-8 text") from None  # the original holds the secret
    if not value:
        raise SecretUnreadableError(f"{source} is empty")
    return value


def member(path: Path, name: str) -> str:
    """A text or whole number of a JSON file; `name` is made of members and list indexes with dots between.

    Raises:
        SecretUnreadableError: the file cannot be read, is no JSON, or has no such member.
    """
    try:
        found: object = json.loads(content(path))
    except (ValueError, RecursionError) as exc:
        if isinstance(exc, SecretUnreadableError):
            raise
        raise SecretUnreadableError(f"secret file {path} is not JSON") from None  # the original holds the secret
    for part in name.split("."):
        match found:
            case dict() if part in found:
                found = found[part]
            case list() if part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            case _:
                raise SecretUnreadableError(f"secret file {path} has no {name}")
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise SecretUnreadableError(f"secret file {path}: {name} is no text")
    if found == "":
        raise SecretUnreadableError(f"secret file {path}: {name} is empty")
    return str(found)
