"""Files to Settings: reads them, brings their parts together, has every part checked.

Whatever is wrong in any file is told at once; nothing is returned from a configuration with a fault.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from proxy.settings import checks, lint, words
from proxy.settings.convert import FAILED, Conversion, fields
from proxy.settings.credentials import read_credentials
from proxy.settings.listen import ListenAddress
from proxy.settings.model import Settings, SettingsFile
from proxy.settings.problems import Findings, Place, Problem, Warned, join
from proxy.settings.routes import check_routes, named, read_routes
from proxy.settings.source import Entry, Node, parse

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE = 4 << 20  # bytes
_ADDED_UP = frozenset({"routes", "credentials"})
_BESIDES = _ADDED_UP | {"defaults"}
_MATERIAL = frozenset({"credentials", "security_material"})
_OWN = frozenset({"version", "security_material"})
_NO_ROUTE = "no route: a route has `prefix`, `upstream` and `credential`"
_MATERIAL_ALONE = "no route: this file has credentials alone; name it under `security_material` of a proxy.yaml"
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def load(paths: Sequence[Path]) -> Settings:
    """The configuration that these files make together, with the security material they name.

    Raises:
        SettingsError: all that is wrong with it, in order of files, lines and columns.
    """
    findings = Findings()
    sources = _Sources(findings)
    for path in paths:
        sources.add(path)
    top, routes, credentials = sources.top(), sources.sections("routes"), sources.sections("credentials")
    settings = settle(top, routes, credentials, findings, files=tuple(sources.files), whole=sources.whole, material=sources.material)
    findings.raise_if_any()
    return settings


def settle(
    top: Node,
    routes: list[Node],
    credentials: list[Node],
    findings: Findings,
    *,
    files: tuple[str, ...] = (),
    whole: bool = True,
    material: bool = True,
) -> Settings:
    """Settings from the nodes of all files; to be used only when `findings` stays empty.

    Without `whole`, a file could not be read, without `material` one of the security material: nothing is said to be missing that may
    stand there, nor where an unknown key stands for it.
    """
    conversion = Conversion(findings)
    values = conversion.keys(top, fields(SettingsFile), besides=_BESIDES) or {}
    file = conversion.made(SettingsFile, values)
    materials = read_credentials(credentials, conversion, findings)
    drafts = read_routes(routes, top.get("defaults"), conversion)
    explained = words.explained("", top.entries, [*fields(SettingsFile), *_BESIDES])
    told = whole and material and not explained & _MATERIAL and all(section.kind in {"mapping", "nothing"} for section in credentials)
    check_routes(drafts, materials if told else None, findings)
    _check_top(top, file, findings)
    if whole and not drafts and "routes" not in explained and not findings.under(top.place.file, "routes"):
        findings.add(top.place, "routes", _MATERIAL_ALONE if set(top.entries) == {"credentials"} else _NO_ROUTE)
    return Settings(
        listeners=file.listeners,
        admin=file.admin,
        metrics=file.metrics,
        drain_timeout=file.drain_timeout,
        express=file.express,
        log=file.log,
        egress=file.egress,
        token_store=file.token_store,
        routes=named(drafts),
        credentials={alias: draft.credential for alias, draft in materials.items() if draft.credential is not None},
        files=files,
        warnings=tuple(_warnings(lint.Configuration(top, file.egress, tuple(drafts), materials))),
    )


class _Sources:
    """The files as nodes, in the order in which they are named."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._conversion = Conversion(findings)
        self._tops: list[Node] = []
        self._materials: list[Node] = []
        self._seen: set[Path] = set()
        self.files: list[str] = []
        self.whole = True  # every file of --config was read
        self.material = True  # and so was all security material

    def add(self, path: Path) -> None:
        """Reads one file of `--config` and the security material that it names."""
        top = self._read(path, None)
        self.whole &= top is not None
        if top is None:
            return
        self._tops.append(top)
        listed = top.get("security_material")
        self.material &= listed is None or listed.kind in {"list", "nothing"}
        for item in listed.items if listed is not None else ():
            name = self._conversion.value(item, str)
            if name is FAILED:
                self.material = False
            else:
                self._add_material(path.parent / name, item)

    def _add_material(self, path: Path, item: Node) -> None:
        node = self._read(path, item)
        self.material &= node is not None and ("credentials" in node.entries or not node.entries)
        if node is None:
            return
        for name, entry in node.entries.items():
            if name != "credentials":
                self._findings.add(entry.place, join(node.key, name), "a file of security material holds `credentials` alone")
        self._materials.append(node)

    def _read(self, path: Path, item: Node | None) -> Node | None:
        file = str(path)
        self._findings.reads(file)
        try:
            twice = path.resolve() in self._seen
            self._seen.add(path.resolve())
            data = b"" if twice else _content(path)
        except OSError as exc:
            self._refuse(file, item, f"cannot be read: {exc.strerror}")
            return None
        except ValueError:
            self._refuse(file, item, "not the name of a file")
            return None
        if twice or len(data) > MAX_FILE:
            self._refuse(file, item, "the file is named twice" if twice else f"the file is over {MAX_FILE} bytes")
            return None
        self.files.append(file)
        node = parse(data, file, self._findings)
        if node is not None and node.kind != "mapping":
            self._conversion.fail(node, "expected a mapping of keys, as in `routes: [...]`")
            return None
        return node

    def _refuse(self, file: str, item: Node | None, text: str) -> None:
        if item is None:
            self._findings.add(Place(file), "", text)
        else:
            self._findings.add(item.place, item.key, f"{file}: {text}")

    def sections(self, name: str) -> list[Node]:
        """What all files say under `name`."""
        nodes = (node.get(name) for node in (*self._tops, *self._materials))
        return [node for node in nodes if node is not None]

    def top(self) -> Node:
        """The top-level keys of all files as one mapping; only one file may say each, but for lists that add up."""
        entries: dict[str, Entry] = {}
        for top in self._tops:
            for name, entry in top.entries.items():
                first = entries.setdefault(name, entry)
                if first is not entry and name not in _ADDED_UP | _OWN:
                    self._findings.add(entry.place, name, f"the key is said twice; first in {first.place.short}")
        place = self._tops[0].place if self._tops else Place("")
        return Node("", place, "mapping", entries=entries)


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_FILE + 1)


def _check_top(top: Node, file: SettingsFile, findings: Findings) -> None:
    for place, key, text in _top_faults(top, file):
        if not findings.under(place.file, key):
            findings.add(place, key, text)


def _top_faults(top: Node, file: SettingsFile) -> Iterator[checks.Fault]:
    egress = top.nearest("egress")
    if egress.key:
        yield from checks.egress_faults(egress, file.egress)
        yield from checks.ca_fault(egress.nearest("ca"), file.egress.ca)
    yield from _listener_faults(top, file)
    yield from _limit_faults(top, file)


def _listener_faults(top: Node, file: SettingsFile) -> Iterator[checks.Fault]:
    heard: list[tuple[ListenAddress, str]] = []
    if not file.listeners:
        yield checks.fault(top.nearest("listeners"), "an empty list hears nobody; leave the key out for 127.0.0.1:6750")
    for node, text, refusal in _addresses(top, file):
        try:
            address = ListenAddress.parse(text)
        except ValueError as exc:
            yield checks.fault(node, str(exc))
            continue
        if refusal and not address.is_local:
            yield checks.fault(node, refusal)
        clash = next((key for other, key in heard if address.clashes(other)), None)
        if clash:
            yield checks.fault(node, f"the same address as {clash}")
        heard.append((address, node.key or "the default"))


def _limit_faults(top: Node, file: SettingsFile) -> Iterator[checks.Fault]:
    for index, listener in enumerate(file.listeners):
        items = top.nearest("listeners").items
        for name in ("head_timeout", "idle_timeout", "head_limit"):
            if index < len(items):
                yield from checks.not_zero(items[index], ("", name), {"": listener})


def _addresses(top: Node, file: SettingsFile) -> Iterator[tuple[Node, str, str]]:
    """Node, address, and what to say when it is not loopback ("": that is allowed)."""
    nodes = top.nearest("listeners").items
    for index, listener in enumerate(file.listeners):
        node = nodes[index].nearest("address") if index < len(nodes) else top
        open_to_all = "callers off this machine are not authenticated; listen on loopback, or say allow_anonymous: true"
        yield node, listener.address, "" if listener.allow_anonymous else open_to_all
    own = "the admin listener stays on loopback; `metrics: {address: ...}` serves /metrics, /healthz and /readyz elsewhere"
    yield top.nearest("admin", "address"), file.admin.address, own
    if file.metrics is not None:
        yield top.nearest("metrics", "address"), file.metrics.address, ""


def _warnings(configuration: lint.Configuration) -> Iterator[Warned]:
    yield from lint.warnings(configuration)
    for name in _PROXY_VARIABLES:
        if any(os.environ.get(spelling) for spelling in (name, name.lower())):
            text = f"{name} is set and ignored; a proxy for outgoing calls is `egress: {{proxy: ...}}`"
            yield Warned("", Problem(None, "", text))
