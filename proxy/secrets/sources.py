"""Where a secret is kept, and how it is read, one member per kind of place; its fields are its YAML keys.

A secret never shows its value: not in repr, str, an error or a schema default.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from proxy.secrets import Secret, SecretUnreadableError
from proxy.secrets.files import content, member
from proxy.secrets.forms import Forms
from proxy.secrets.programs import Kept, Program, apart
from proxy.units import Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

TIMEOUT, EVERY = Seconds(10), Seconds(300)  # of a program


class Place(Secret):
    """What most places have in common: cheap to read, no file, nothing after it."""

    at_hand: ClassVar[bool] = True

    @property
    def path(self) -> Path | None:
        return None

    @property
    def after(self) -> Secret | None:
        return None

    def relative_to(self, _folder: Path) -> Self:
        return self

    async def obtain(self) -> str:
        return self.read()

    def known(self) -> str:
        try:
            return self.read()
        except SecretUnreadableError:
            return ""

    def doubt(self) -> None:
        return None


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
    """`{file: PATH}`: the content of a file, without its last line end; with `member: a.b`, a member of a JSON file."""

    kind = "file"
    file: str
    member: str | None = None

    @property
    def path(self) -> Path:
        return Path(self.file)

    def relative_to(self, folder: Path) -> File:
        return replace(self, file=str(folder / self.file))

    def read(self) -> str:
        return content(self.path) if self.member is None else member(self.path, self.member)


@dataclass(frozen=True, slots=True)
class Directory(Place):
    """`{directory: PATH, name: NAME}`: one file of a mounted directory, as Kubernetes and Docker mount secrets."""

    kind = "directory"
    directory: str
    name: str

    def __post_init__(self) -> None:
        _refuse_path(self.name)

    @property
    def path(self) -> Path:
        return Path(self.directory) / self.name

    def relative_to(self, folder: Path) -> Directory:
        return replace(self, directory=str(folder / self.directory))

    def read(self) -> str:
        return content(self.path)


@dataclass(frozen=True, slots=True)
class SystemdCredential(Place):
    """`{systemd_credential: NAME}`: what LoadCredential= and its like hand to the unit (systemd.exec(5))."""

    kind = "systemd_credential"
    systemd_credential: str

    def __post_init__(self) -> None:
        _refuse_path(self.systemd_credential)

    @property
    def path(self) -> Path | None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        return Path(folder) / self.systemd_credential if folder else None

    def read(self) -> str:
        path = self.path
        if path is None:
            told = f"systemd credential {self.systemd_credential}: CREDENTIALS_DIRECTORY is not set; the unit needs LoadCredential="
            raise SecretUnreadableError(told)
        return content(path)


@dataclass(frozen=True, slots=True)
class Command(Place):
    """`{command: [PROGRAM, ARGUMENT...]}`: what a program prints, within `timeout`, kept for `every`."""

    kind = "command"
    at_hand = False
    command: tuple[str, ...] = field(repr=False)  # an argument may be a secret
    timeout: Seconds = TIMEOUT
    every: Seconds = EVERY
    kept: Kept = field(default_factory=Kept, init=False, repr=False, compare=False)

    def relative_to(self, folder: Path) -> Command:
        """A program with a slash in its name is a path; others are looked for in PATH."""
        program, *rest = self.command
        return replace(self, command=(str(folder / program), *rest)) if "/" in program else self

    def read(self) -> str:
        return self._run().printed()

    async def obtain(self) -> str:
        return await self.kept.get(lambda: apart(self._run()), self.every)

    def known(self) -> str:
        return self.kept.last

    def doubt(self) -> None:
        self.kept.doubt()

    def _run(self) -> Program:
        return Program(self.command, self.timeout)


@dataclass(frozen=True, slots=True)
class Rotation(Place):
    """`{current: SECRET, next: SECRET}`: two secrets of which a server takes one or the other while they are exchanged."""

    current: Secret
    next: Secret

    @property
    def kind(self) -> str:  # type: ignore[override]  # that of the part which tells more of the risk
        return next((part.kind for part in (self.current, self.next) if part.kind == "text"), self.current.kind)

    @property
    def at_hand(self) -> bool:  # type: ignore[override]  # as its parts are
        return self.current.at_hand and self.next.at_hand

    @property
    def path(self) -> Path | None:
        return self.current.path

    @property
    def after(self) -> Secret:
        return self.next

    def relative_to(self, folder: Path) -> Rotation:
        return Rotation(self.current.relative_to(folder), self.next.relative_to(folder))

    def read(self) -> str:
        return self.current.read()

    async def obtain(self) -> str:
        return await self.current.obtain()

    def known(self) -> str:
        return self.current.known()

    def doubt(self) -> None:
        self.current.doubt()
        self.next.doubt()


def _refuse_path(name: str) -> None:
    if "/" in name or name in {".", ".."}:
        raise ValueError("expected the name of a file, without a path")


SOURCES: Mapping[str, type[Any]] = {  # by the key that tells a member from the others
    "env": Env,
    "file": File,
    "directory": Directory,
    "command": Command,
    "systemd_credential": SystemdCredential,
    "current": Rotation,
}
FORMS = Forms(SOURCES, Text)
parse = FORMS.parse
SCHEMA = FORMS.schema
