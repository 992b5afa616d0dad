"""The house keeps its floors: who may import whom, what the pure rooms never touch, how long a room may get.

A module that FLOORS does not know fails, so that every new room gets a floor on purpose.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "proxy"
MAX_LINES = 300
DATA_TABLES = {"proxy.errors"}  # the tree of every answer of our own: length is its content

# A name with `.*` stands for a package and everything in it.
FLOORS = (
    {
        "proxy",
        "proxy.http",
        "proxy.oauth",
        "proxy.errors",
        "proxy.units",
        "proxy.dates",
        "proxy.addresses",
        "proxy.secrets",
        "proxy.egress",
        "proxy.oauth.token",
    },
    {
        "proxy.secrets.forms",
        "proxy.http.address",
        "proxy.http.routing",
        "proxy.http.headers",
        "proxy.http.plain",
        "proxy.http.inject",
        "proxy.http.wire",
        "proxy.http.retry",
        "proxy.http.told",
        "proxy.http.response",
        "proxy.oauth.assertions",
        "proxy.oauth.exchange",
        "proxy.oauth.discovery",
        "proxy.oauth.clock",
        "proxy.oauth.declared",
        "proxy.oauth.destination",
        "proxy.oauth.repair",
        "proxy.oauth.grants",
        "proxy.oauth.client_auth.*",
        "proxy.oauth.asserting",
        "proxy.oauth.names",
        "proxy.oauth.options",
        "proxy.oauth.placement",
        "proxy.oauth.proving",
        "proxy.oauth.refreshing",
        "proxy.oauth.request",
        "proxy.oauth.walk",
        "proxy.oauth.credential",
        "proxy.oauth.template",
        "proxy.oauth.tree",
        "proxy.oauth.xml",
        "proxy.oauth.answer",
        "proxy.oauth.vocabulary",
        "proxy.oauth.response",
        "proxy.oauth.lifetime",
        "proxy.oauth.expiry",
        "proxy.oauth.jwt",
        "proxy.oauth.quoting",
        "proxy.oauth.refusal",
        "proxy.oauth.recovery",
        "proxy.oauth.rotation",
        "proxy.oauth.events",
        "proxy.importing.*",
    },
    {
        "proxy.secrets.*",
        "proxy.trust",
        "proxy.oauth.signing.*",
        "proxy.oauth.allowance",
        "proxy.oauth.store",
        "proxy.oauth.progress",
        "proxy.callers.*",
        "proxy.http.body",
        "proxy.metrics.*",
        "proxy.logs.*",
    },
    {
        "proxy.http.upstream.*",
        "proxy.oauth.endpoint",
        "proxy.oauth.holdings",
        "proxy.oauth.transport",
        "proxy.oauth.faults",
        "proxy.oauth.source",
    },
    {
        "proxy.http.cutter",
        "proxy.http.express.*",
        "proxy.http.listener",
        "proxy.http.presence",
        "proxy.http.obtain",
        "proxy.http.handler",
        "proxy.http.active",
        "proxy.http.call",
        "proxy.http.attempt",
        "proxy.http.sending",
        "proxy.http.opening",
        "proxy.http.relay",
        "proxy.admin.*",
        "proxy.settings.*",
    },
    {"proxy.parts", "proxy.app", "proxy.server", "proxy.sockets", "proxy.watch"},
    {"proxy.cli.*", "proxy.__main__"},
)
PURE = 1  # floors up to here do no I/O and read no clock
IMPURE_MODULES = frozenset(
    {
        *("asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "select", "selectors", "shutil", "signal"),
        *("socket", "ssl", "subprocess", "tempfile", "threading", "time", "uuid"),
        *("aiohappyeyeballs", "aiohttp", "click", "prometheus_client", "rich", "uvloop", "watchfiles"),
        *("cryptography", "joserfc", "signxml"),  # keys and signatures draw lots
    }
)
IMPURE_CALLS = frozenset({"open", "print", "input", "now", "utcnow", "today"})  # builtins, and the clock that datetime carries
OAUTH_MAY_IMPORT = {
    "proxy.errors",
    "proxy.egress",
    "proxy.units",
    "proxy.dates",
    "proxy.addresses",
    "proxy.secrets",
    "proxy.secrets.sources",
    "proxy.secrets.introduction",
}


@dataclass(frozen=True)
class Module:
    """What one file imports; `erased` holds for types alone and is gone when it runs."""

    name: str
    lines: int
    imports: frozenset[str]
    erased: frozenset[str]
    calls: frozenset[str]


def read_house(package: Path) -> dict[str, Module]:
    """Every module below `package`, by its dotted name."""
    files = {_name(package, file): file for file in sorted(package.rglob("*.py"))}
    return {name: _read(name, file, frozenset(files)) for name, file in files.items()}


def _name(package: Path, file: Path) -> str:
    parts = (package.name, *file.relative_to(package).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read(name: str, file: Path, known: frozenset[str]) -> Module:
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    here = name if file.stem == "__init__" else name.rpartition(".")[0]
    guarded = [node for branch in ast.walk(tree) for part in _for_types_alone(branch) for node in ast.walk(part)]
    erased = {target for node in guarded for target in _targets(node, here, known)}
    seen = set(map(id, guarded))
    imports = {target for node in ast.walk(tree) if id(node) not in seen for target in _targets(node, here, known)}
    calls = {_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return Module(name, len(text.splitlines()), frozenset(imports), frozenset(erased - imports), frozenset(calls))


def _for_types_alone(node: ast.AST) -> list[ast.stmt]:
    if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
        return node.body
    return []


def _targets(node: ast.AST, here: str, known: frozenset[str]) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            up = here.split(".")[: len(here.split(".")) - level + 1] if level else []
            source = ".".join([*up, *([module] if module else [])])
            return [f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source for alias in names]
        case _:
            return []


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def floor_of(name: str) -> int | None:
    """The floor of a module, None where FLOORS has no room for it."""
    packages = [name, *(name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1))]
    rooms = {name, *(f"{package}.*" for package in packages)}
    return next((floor for floor, here in enumerate(FLOORS) if rooms & here), None)


def homeless(house: dict[str, Module]) -> list[str]:
    return [name for name in house if floor_of(name) is None]


def climbing(house: dict[str, Module]) -> list[str]:
    """Imports of a higher floor, those for types alone too."""
    return [
        f"{module.name} (floor {own}) imports {target} (floor {theirs})"
        for module in house.values()
        for target in sorted((module.imports | module.erased) & house.keys())
        if (own := floor_of(module.name)) is not None and (theirs := floor_of(target)) is not None and theirs > own
    ]


def circles(house: dict[str, Module]) -> list[str]:
    """One circle of run-time imports, inside functions too; a type-only import closes none."""
    try:
        TopologicalSorter({module.name: module.imports & house.keys() - {module.name} for module in house.values()}).prepare()
    except CycleError as exc:
        return list(exc.args[1])
    return []


def impure(house: dict[str, Module]) -> list[str]:
    """What the pure floors import or call that does I/O, reads a clock or draws lots."""
    pure = [module for module in house.values() if floor_of(module.name) in range(PURE + 1)]
    found = [(module.name, target) for module in pure for target in module.imports if target.partition(".")[0] in IMPURE_MODULES]
    called = [(module.name, f"{call}()") for module in pure for call in module.calls & IMPURE_CALLS]
    return [f"{name}: {what}" for name, what in sorted(found + called)]


def leaving_oauth(house: dict[str, Module]) -> list[str]:
    """Imports by which the token engine would depend on its surroundings."""
    return [
        f"{module.name} imports {target}"
        for module in house.values()
        if module.name.startswith("proxy.oauth")
        for target in sorted((module.imports | module.erased) & house.keys() - OAUTH_MAY_IMPORT)
        if not target.startswith("proxy.oauth")
    ]


def overlong(house: dict[str, Module]) -> list[str]:
    return [f"{module.name}: {module.lines}" for module in house.values() if module.lines >= MAX_LINES and module.name not in DATA_TABLES]


RULES = {rule.__name__: rule for rule in (homeless, climbing, circles, impure, leaving_oauth, overlong)}
FAULTS = {
    "a room without a floor": ("homeless", {"kitchen.py": ""}),
    "a room below a plain package": ("homeless", {"http/cellar.py": ""}),
    "an import of a higher floor": ("climbing", {"units.py": "from proxy.http.wire import Head", "http/wire.py": ""}),
    "a higher floor by its package": ("climbing", {"units.py": "from proxy.http import wire", "http/wire.py": ""}),
    "a higher floor by dots": ("climbing", {"http/wire.py": "from ..admin import pages", "admin/pages.py": ""}),
    "a higher floor for types alone": (
        "climbing",
        {"http/wire.py": "if TYPE_CHECKING:\n    import proxy.http.handler", "http/handler.py": ""},
    ),
    "a circle on one floor": ("circles", {"http/wire.py": "import proxy.http.retry", "http/retry.py": "import proxy.http.wire"}),
    "a circle inside a function": ("circles", {"app.py": "def f():\n    from proxy import server", "server.py": "import proxy.app"}),
    "a clock on a pure floor": ("impure", {"http/retry.py": "from time import monotonic"}),
    "datetime's clock on a pure floor": ("impure", {"http/retry.py": "import datetime\nx = datetime.datetime.now()"}),
    "a file on a pure floor": ("impure", {"http/wire.py": "x = open('f')"}),
    "asyncio's parts on a pure floor": ("impure", {"oauth/grants.py": "import asyncio.streams"}),
    "oauth knows a wing": ("leaving_oauth", {"oauth/source.py": "from proxy.metrics import Metrics", "metrics.py": ""}),
    "300 lines": ("overlong", {"app.py": "\n" * 300}),
}
SOUND = {
    "an import of a lower floor": {"http/handler.py": "from proxy.http.wire import Head", "http/wire.py": ""},
    "a circle for types alone": {
        "http/wire.py": "import proxy.http.retry",
        "http/retry.py": "if TYPE_CHECKING:\n    import proxy.http.wire",
    },
    "a clock on a higher floor": {"metrics.py": "import time"},
    "oauth knows errors and its own": {"oauth/source.py": "from proxy import errors\nfrom proxy.oauth import token", "errors.py": ""},
    "a long data table": {"errors.py": "\n" * 400},
    "299 lines": {"app.py": "\n" * 299},
}


@pytest.fixture(scope="module")
def house() -> dict[str, Module]:
    return read_house(PACKAGE)


def build(folder: Path, files: dict[str, str]) -> dict[str, Module]:
    for path, text in {"__init__.py": "", **files}.items():
        file = folder / "proxy" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return read_house(folder / "proxy")


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_its_floors(house: dict[str, Module], rule: str) -> None:
    """No module breaks this rule."""
    assert RULES[rule](house) == []


def test_the_whole_package_is_read(house: dict[str, Module]) -> None:
    """The rules see the package itself: its entry, an import of it, an import for types alone."""
    assert {"proxy", "proxy.__main__", "proxy.errors"} <= house.keys()
    assert any(module.imports & house.keys() for module in house.values())
    assert any(module.erased & house.keys() for module in house.values())


@pytest.mark.parametrize(("rule", "files"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_seen(tmp_path: Path, rule: str, files: dict[str, str]) -> None:
    """A house with this one fault fails the rule that forbids it."""
    assert RULES[rule](build(tmp_path, files))


@pytest.mark.parametrize("files", SOUND.values(), ids=SOUND)
def test_sound_houses_pass(tmp_path: Path, files: dict[str, str]) -> None:
    """What the rules allow breaks none of them."""
    assert {name: rule(build(tmp_path, files)) for name, rule in RULES.items()} == {name: [] for name in RULES}
