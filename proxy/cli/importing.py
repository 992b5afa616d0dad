"""`bearerd import`: security material from the exports of other systems.

Exit status: 0 all was translated, 5 a part stands as a comment, 2 a wrong file; no secret is printed.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.configuration import fail
from proxy.importing import cpi, destination, service_key
from proxy.importing.kinds import mistaken
from proxy.importing.reading import MAX_FILE, WrongFileError
from proxy.importing.writing import Places, write

if TYPE_CHECKING:
    from proxy.importing.entries import Entry
    from proxy.importing.writing import Written

PARTLY = 5  # something could not be translated
Translator = Callable[[bytes, str], "list[Entry]"]
_file = click.argument("file", metavar="FILE")
_output = click.option("--output", metavar="PATH", help="Write the security material there, not to standard output.")
_routes = click.option("--routes", metavar="PATH", help="Write the routes there, not as comments.")
_secrets = click.option("--secrets-dir", metavar="DIR", help="Write each secret to a file of its own there.  [default: name variables]")
_force = click.option("--force", is_flag=True, help="Replace files that are there.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where the export is, and where what it comes to is to go."""

    file: str
    output: str | None
    routes: str | None
    secrets_dir: str | None
    force: bool

    @property
    def places(self) -> Places:
        """How the files name one another: from the file that names them, where that is known."""
        beside = Path(self.output or ".").parent
        material = os.path.relpath(self.output, Path(self.routes).parent) if self.output and self.routes else None
        secrets = os.path.relpath(self.secrets_dir, beside) if self.secrets_dir and self.output else None
        whole = str(Path(self.secrets_dir).resolve()) if self.secrets_dir else None
        return Places(secrets=secrets or whole, material=material, routes_apart=self.routes is not None)


@click.group("import", short_help="make security material of another system's export")
def command() -> None:
    """Make security material of another system's export. FILE may be -, standard input."""


@command.command("cpi", short_help="security material of SAP Cloud Integration")
@_file
@_output
@_secrets
@_force
def from_cpi(file: str, output: str | None, secrets_dir: str | None, *, force: bool) -> None:
    """Security material of SAP Cloud Integration, as its OData API answers it in JSON or Atom."""
    _import("cpi", cpi.translate, Wanted(file, output, None, secrets_dir, force), notes=(cpi.GRANT_TYPE_NOTE,))


@command.command("destination", short_help="destinations of SAP BTP")
@_file
@_output
@_routes
@_secrets
@_force
def from_destination(file: str, output: str | None, routes: str | None, secrets_dir: str | None, *, force: bool) -> None:
    """Destinations of SAP BTP: JSON, an answer of the Find Destination API, or a properties file."""
    _import("destination", destination.translate, Wanted(file, output, routes, secrets_dir, force))


@command.command("service-key", short_help="service keys and bindings of SAP BTP")
@_file
@_output
@_routes
@_secrets
@_force
def from_service_key(file: str, output: str | None, routes: str | None, secrets_dir: str | None, *, force: bool) -> None:
    """A service key or a binding of SAP BTP: XSUAA's, IAS's, or of a service that they guard."""
    _import("service-key", service_key.translate, Wanted(file, output, routes, secrets_dir, force))


def _import(name: str, translate: Translator, wanted: Wanted, *, notes: tuple[str, ...] = ()) -> None:
    file, data = wanted.file, _content(wanted.file)
    if (other := mistaken(name, data)) is not None:
        fail([f"{_shown(file)}: {other[0]}: bearerd import {other[1]} {shlex.quote(file)}"])
    try:
        entries = translate(data, "imported" if file == "-" else Path(file).stem)
    except WrongFileError as exc:
        fail([f"{_shown(file)}{f':{exc.line}:{exc.column}' if exc.line else ''}: {exc}"])
    written = write(name, entries, notes, wanted.places)
    _keep(written, wanted)
    for line in (*written.summary, *_beside(written, wanted)):
        click.echo(line, err=True)
    if wanted.output is None:
        click.echo(written.material, nl=False)
    sys.exit(0 if written.whole else PARTLY)


def _beside(written: Written, wanted: Wanted) -> Iterator[str]:
    """What to do with it now, or that there is nothing."""
    if not written.summary:
        yield "nothing in it: the list is empty"
    elif wanted.routes and wanted.output:
        yield f"next: bearerd check --config {shlex.quote(wanted.routes)}"
    elif written.credentials and wanted.output:
        yield f"next: name the file in a proxy.yaml with routes: security_material: [{wanted.output}]"
    elif written.credentials:
        where = wanted.routes or "a proxy.yaml with routes"
        yield f"next: keep this in a file (--output PATH), and name it in {where}: security_material: [PATH]"


def _content(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_FILE + 1)
        with Path(file).open("rb") as stream:
            return stream.read(MAX_FILE + 1)
    except OSError as exc:
        fail([f"{_shown(file)}: cannot be read: {exc.strerror}"])
    except ValueError:
        fail([f"{_shown(file)}: not the name of a file"])


def _shown(file: str) -> str:
    return "standard input" if file == "-" else file


def _keep(written: Written, wanted: Wanted) -> None:
    """Writes every file, or none where one is there already."""
    folder = Path(wanted.secrets_dir or ".")
    files = {folder / secret.name: secret.value for secret in written.files}
    if wanted.routes is not None:
        files[Path(wanted.routes)] = written.routes
    if wanted.output is not None:
        files[Path(wanted.output)] = written.material
    homeless = [path for path in map(Path, filter(None, (wanted.routes, wanted.output))) if not path.parent.is_dir()]
    if homeless:
        fail([f"{path}: there is no folder {path.parent}" for path in homeless])
    there = [] if wanted.force else [path for path in files if path.exists() or path.is_symlink()]
    if there:
        fail([f"{path}: the file exists; --force replaces it" for path in there])
    try:
        if written.files:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in files.items():
            _write(path, text, force=wanted.force)
    except OSError as exc:
        fail([f"{exc.filename2 or exc.filename}: cannot be written: {exc.strerror}"])


def _write(path: Path, text: str, *, force: bool) -> None:
    """A file that its owner alone may read, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.")  # mode 0600
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        if force:
            draft.replace(path)
        else:
            path.hardlink_to(draft)  # fails where the file has come to be meanwhile
    finally:
        draft.unlink(missing_ok=True)
