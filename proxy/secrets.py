"""Where a secret is kept, and how it is read: text, env, file.

A Secret never shows its value: not in repr, str, an error or a schema default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, Literal, Self

MAX_SECRET = 64 << 10  # bytes; a larger file is not a secret


class SecretUnreadableError(ValueError):
    """The secret cannot be read now; the message names the place, never the value."""


class Secret:
    """A secret's place: `text`, `{env: NAME}` or `{file: PATH}`; read when used."""

    SCHEMA: ClassVar[dict[str, object]] = {
        "anyOf": [
            {"type": "string", "minLength": 1},
            *(
                {
                    "type": "object",
                    "properties": {kind: {"type": "string", "minLength": 1}},
                    "required": [kind],
                    "additionalProperties": False,
                }
                for kind in ("env", "file")
            ),
        ],
        "description": "a secret: text, {env: NAME} or {file: PATH}",
    }
    __slots__ = ("_place", "kind")

    def __init__(self, kind: Literal["text", "env", "file"], place: str) -> None:
        self.kind = kind
        self._place = place

    @classmethod
    def parse(cls, value: object) -> Self:
        """The Secret that a YAML value says.

        Raises:
            ValueError: it is none of the three forms, or it is empty.
        """
        match value:
            case str():
                kind, place = "text", value
            case {"env": str(place), **rest} if not rest:
                kind = "env"
            case {"file": str(place), **rest} if not rest:
                kind = "file"
            case _:
                raise ValueError("expected text, {env: NAME} or {file: PATH}")
        if not place:
            raise ValueError("the secret is empty")
        return cls(kind, place)  # type: ignore[arg-type]  # mypy widens the literals above

    @property
    def path(self) -> Path | None:
        """The file that holds it, if a file does."""
        return Path(self._place) if self.kind == "file" else None

    def relative_to(self, folder: Path) -> Secret:
        """This secret with a relative file path taken from `folder`."""
        if self.kind != "file":
            return self
        return Secret("file", str(folder / self._place))

    def read(self) -> str:
        """The secret's value now; a trailing line end of a file is dropped.

        Raises:
            SecretUnreadableError: unset variable, missing, unreadable, oversized or empty file.
        """
        match self.kind:
            case "text":
                value = self._place
            case "env":
                value = os.environ.get(self._place, "")
                if not value:
                    raise SecretUnreadableError(f"environment variable {self._place} is not set")
            case "file":
                value = _read_file(Path(self._place))
        return value

    def __repr__(self) -> str:
        return "Secret(text)" if self.kind == "text" else f"Secret({self.kind}: {self._place})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.kind, self._place) == (other.kind, other._place)

    def __hash__(self) -> int:
        return hash((self.kind, self._place))


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SECRET + 1)
    except OSError as exc:
        raise SecretUnreadableError(f"secret file {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise SecretUnreadableError(f"secret file {str(path)!a} cannot be read") from exc
    if len(content) > MAX_SECRET:
        raise SecretUnreadableError(f"secret file {path} is over {MAX_SECRET} bytes")
    try:
        value = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretUnreadableError(f"secret file {path} is not UTF-8 text") from None  # the original holds the secret
    if not value:
        raise SecretUnreadableError(f"secret file {path} is empty")
    return value
