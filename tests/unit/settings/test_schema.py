"""Documentation, schemas and examples agree with the models."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from proxy.oauth.grants import GRANTS
from proxy.settings import SettingsError, load
from proxy.settings.keys import every_key
from proxy.settings.schema import DOCS, FOLDER, ROOT, main, meanings, schemas
from proxy.settings.single import FLAGS, variable
from tests.fakes.vendors import keys
from tests.unit.settings.conftest import self_signed

Write = Callable[[str, str | bytes], Path]

TEXT = DOCS.read_text(encoding="utf-8")
KEYS = {key.path: (key.type, key.default) for key in every_key()}
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
WARNED = {"bullhorn.yaml"}  # a refresh token that rotates: what this vendor asks for
PRESETS = ROOT / "config" / "providers"  # no examples
ALL_FILES = sorted(path for path in (ROOT / "config").rglob("*.yaml") if path.parent != PRESETS)
EXAMPLES = [path for path in ALL_FILES if path.name != "security-material.yaml"]
VARIABLES = (
    "CRM_CLIENT_SECRET",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "SALESFORCE_CLIENT_ID",
    "SALESFORCE_SECRET",
    "ENTRA_CLIENT_ID",
    "ENTRA_SECRET",
    "STRIPE_KEY",
    "REFRESH_TOKEN",
    "B1_PASSWORD",
    "TABLEAU_SECRET",
)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_documentation_has_every_key_as_the_models_have_it() -> None:
    """Each key is documented with its type and default, and nothing else is."""
    assert {key: (kind, default) for key, (kind, default, _) in meanings(TEXT).items()} == KEYS


def test_every_key_is_documented_once() -> None:
    """A key has one row."""
    rows = re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE)

    assert sorted(rows) == sorted(set(rows))


def test_every_flag_is_documented() -> None:
    """The variables of the single route are in the page."""
    assert [flag for flag in FLAGS if f"`{variable(flag)}`" not in TEXT] == []


def test_the_schemas_are_current() -> None:
    """What lies in config/schema is what the models and the documentation make."""
    assert main(["--check"]) == 0


def test_every_key_of_the_schema_has_a_description() -> None:
    """An editor can say of each key what it means."""
    assert [place for name, schema in schemas(TEXT).items() for place in _undescribed(name, schema)] == []


def _undescribed(place: str, schema: Any) -> list[str]:
    """The keys below `place` without a description; those of {env: NAME} and of secrets are told one level up, a type's by reference."""
    if not isinstance(schema, dict) or place.endswith("$defs.secret"):
        return []
    keys = {name: key for name, key in schema.get("properties", {}).items() if name not in {"env", "type"} and isinstance(key, dict)}
    here = [f"{place}.{name}" for name, key in keys.items() if "description" not in key and "#/$defs/key." not in key.get("$ref", "")]
    return here + [deeper for name, value in schema.items() for deeper in _undescribed(f"{place}.{name}", value)]


def _validator(file: Path) -> Any:
    modeline = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text(encoding="utf-8"))
    assert modeline
    return jsonschema.Draft202012Validator(json.loads((file.parent / modeline[1]).read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", ALL_FILES, ids=shown)
def test_an_example_is_valid_by_the_schema_it_names(file: Path) -> None:
    """The modeline leads to a schema, and the schema takes the example."""
    _validator(file).validate(yaml.safe_load(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", EXAMPLES, ids=shown)
def test_an_example_loads_without_a_warning_of_its_own(file: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example works as it stands, given its variables and secret files; what is warned of is its vendor's doing."""
    monkeypatch.setattr("os.environ", {**dict.fromkeys(VARIABLES, "x"), "ENTRA_TOKEN_URL": "https://login.example/token"})
    contents = {".pem": keys.private_key(), ".crt": keys.certificate()}
    for name in {"secrets/erp_client_secret", *re.findall(r"\{file: ([^}]+)\}", file.read_text(encoding="utf-8"))}:
        write(name, contents.get(Path(name).suffix, "x")).chmod(0o600)
    [write(near.name, near.read_bytes()) for near in file.parent.glob("*.yaml")]

    loaded = load([Path(file.name)])

    assert loaded.routes
    assert len(loaded.warnings) == (file.name in WARNED)


@pytest.mark.parametrize("file", EXAMPLES, ids=shown)
def test_the_command_that_an_example_shows_works(file: Path, folder: Path) -> None:
    """In a fresh clone with an empty environment, what stands behind "Try it:" ends well."""
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "bearerd").write_text(f'#!/bin/sh\nexec {sys.executable} -m proxy "$@"\n', encoding="utf-8")
    (folder / "bearerd").chmod(0o700)
    shell = re.search(r"^# Try it:((?: .*)?(?:\n#  +.*)*)\n", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert shell

    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        ["/bin/sh", "-ec", shell[1].replace("\n#", "\n")], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )

    assert (told.returncode, told.stderr) == (0, "")
    assert "bearerd check" in shell[1]
    assert (", 1 warning" if file.name in WARNED else ", 0 warnings") in told.stdout


CLIENT = {"type": "oauth2_client_credentials", "token_url": "https://login.example/token", "client_id": "a", "client_secret": "x"}
WRONG = {
    "unknown key": {"routs": []},
    "unknown key of a route": {"routes": [{"prefix": "/a", "backend": "x"}]},
    "duration": {"drain_timeout": "5 x"},
    "negative": {"drain_timeout": -1},
    "no such choice": {"log": {"level": "warn"}},
    "number as text": {"credentials": {"a": {"type": "oauth2_client_credentials", "token_url": "x", "client_id": 1, "client_secret": "x"}}},
    "credential without a type": {"credentials": {"a": {"token_url": "https://x", "client_id": "a", "client_secret": "x"}}},
    "a default for what tells routes apart": {"defaults": {"name": "x"}, "routes": []},
    "no such provider": {"credentials": {"a": {"provider": "acme"}}},
    "no such algorithm": {"credentials": {"a": {**CLIENT, "client_auth": "client_secret_jwt", "assertion": {"alg": "HS1"}}}},
    "two addresses of one endpoint": {"credentials": {"a": {**CLIENT, "issuer": "https://login.example"}}},
    "ratio": {"credentials": {"a": {"lifetime": {"refresh_before_ratio": 1}}}},
}


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG)
def test_the_schema_refuses_what_load_refuses(document: dict[str, Any], write: Write) -> None:
    """An editor marks what bearerd would not take."""
    schema = json.loads((FOLDER / "proxy.schema.json").read_text(encoding="utf-8"))

    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document)) != []
    with pytest.raises(SettingsError):
        load([write("proxy.yaml", json.dumps(document))])


@pytest.mark.parametrize("more", [{"issuer": None}, {"provider": None, "assertion": {"alg": None}}, {"assertion": {"alg": {"env": "ALG"}}}])
def test_the_schema_takes_what_says_nothing(more: dict[str, Any]) -> None:
    """A key that is null is left out, and a variable stands for any text."""
    schema = json.loads((FOLDER / "security-material.schema.json").read_text(encoding="utf-8"))

    assert list(jsonschema.Draft202012Validator(schema).iter_errors({"credentials": {"a": {**CLIENT, **more}}})) == []


def test_the_blocks_of_the_page_load(write: Write) -> None:
    """The first two blocks of docs/configuration.md are a whole configuration."""
    write("security-material.yaml", BLOCKS[1])
    write("secrets/crm", "x").chmod(0o600)

    assert load([write("proxy.yaml", BLOCKS[0])]).warnings == ()


def of_type(block: str) -> str:
    return str(yaml.safe_load(block)["credentials"]["crm"]["type"])


def test_every_type_has_a_block() -> None:
    """The page shows each type of credential, in the order in which it lists them."""
    assert [of_type(block) for block in BLOCKS[2:]] == list(GRANTS)


@pytest.mark.parametrize("block", BLOCKS[2:], ids=of_type)
def test_a_block_of_a_type_loads(block: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows can be copied: it loads, and the schema takes it."""
    key, certificate = self_signed()
    monkeypatch.setenv("CRM_API_KEY", "x")
    for name, content in {
        "crm": "x",
        "crm-user": "x",
        "crm-refresh": "x",
        "platform-token": "x",
        "crm.pem": key,
        "crm.crt": certificate,
    }.items():
        write(f"secrets/{name}", content).chmod(0o600)
    write("security-material.yaml", block)

    assert load([write("proxy.yaml", BLOCKS[0])]).credentials["crm"]
    schema = json.loads((FOLDER / "security-material.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(block))
