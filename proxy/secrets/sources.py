"""Where a secret is kept, and how it is read, one member per kind of place.

A secret never shows its value: not in repr, str, an error or a schema default.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from proxy.secrets import Secret, SecretUnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

MAX_SECRET = 64 << 10  # bytes; a larger file is not a secret
FORMS = "text, {env: NAME} or {file: PATH}"


class Place:
    """What most places have in common: cheap to read, no file, nothing after it."""

    kind: ClassVar[str]
    at_hand: ClassVar[bool] = True

    @property
    def path(self) -> Path | None:
        return None

    @property
    def after(self) -> Secret | None:
        return None

    def relative_to(self, _folder: Path) -> Self:
        return self


@dataclass(frozen=True, slots=True)
class Text(Place):
    """The secret itself, in clear."""

    kind = "text"
    value: str = field(repr=False)

    def read(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Env(Place):
    """`{env: NAME}`: a variable of the environment."""

    kind = "env"
    env: str

    def read(self) -> str:
        value = os.environ.get(self.env, "")
        if not value:
            raise SecretUnreadableError(f"environment variable {self.env} is not set")
        return value


@dataclass(frozen=True, slots=True)
class File(Place):
    """`{file: PATH}`: the content of a file, without its last line end."""

    kind = "file"
    file: str

    @property
    def path(self) -> Path:
        return Path(self.file)

    def relative_to(self, folder: Path) -> File:
        return File(str(folder / self.file))

    def read(self) -> str:
        return _read_file(Path(self.file))


def parse(value: object) -> Secret:
    """The secret that a YAML value says.

    Raises:
        ValueError: it is none of the forms, or it is empty.
    """
    found: Secret | None = None
    match value:
        case str():
            found = Text(value)
        case dict() if len(value) == 1:
            name, place = next(iter(value.items()))
            found = SOURCES[name](place) if name in SOURCES and isinstance(place, str) else None
        case _:
            pass
    if found is None:
        raise ValueError(f"expected {FORMS}")
    if value == "" or (isinstance(value, dict) and "" in value.values()):
        raise ValueError("the secret is empty")
    return found


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


SOURCES: Mapping[str, type[Env | File]] = {
    "env": Env,
    "file": File,
}

SCHEMA: dict[str, object] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        *(
            {"type": "object", "properties": {kind: {"type": "string", "minLength": 1}}, "required": [kind], "additionalProperties": False}
            for kind in SOURCES
        ),
    ],
    "description": f"a secret: {FORMS}",
}
