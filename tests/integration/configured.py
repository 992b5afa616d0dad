"""The secrets in a configuration: read as bearerd reads them, wherever they are said or lie.

What names a secret's key is taken at its word; certificates, addresses and names are none.
"""

from __future__ import annotations

import json
import os
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KEYS = {"client_secret", "password", "refresh_token", "private_key", "client_assertion", "dpop_key", "current", "next"}
TELLING = re.compile(r"secret|passw|token|api.?key", re.IGNORECASE)  # a name in `values` or `params` of what is secret
OPEN = {"certificate", "ca", "cert", "client_id", "username", "token_url", "issuer", "scope", "audience", "upstream"}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "private_key"}  # members of a JWK, and of a service account's file
LINE = 20  # characters of a line of PEM that say something


def secrets_of(config: Path, env: Mapping[str, str]) -> set[str]:
    """Every secret of a configuration, and of the security material that it names."""
    try:
        told = yaml.safe_load(config.read_text())
    except (yaml.YAMLError, OSError):
        return set()
    if not isinstance(told, dict):
        return set()
    found = set(_walk(told, "", config.parent, env))
    for name in told.get("security_material") or []:
        found |= secrets_of(config.parent / name, env)
    return found


def secrets_in(arguments: Sequence[str], env: Mapping[str, str]) -> set[str]:
    """Those that flags and variables of the command line name."""
    files = [value for name, value in pairwise(arguments) if name.endswith("-secret-file")]
    said = {value for name, value in env.items() if TELLING.search(name) and not name.endswith("_URL")}
    return said.union(*(_parts(_text(name)) for name in files))


def _walk(node: Any, key: str, folder: Path, env: Mapping[str, str]) -> Iterator[str]:
    match node:
        case {"env": str(name), **more} if not more:
            yield from () if key in OPEN else _parts({**os.environ, **env}.get(name, ""))
        case {"file": str(name), **more} if not more:
            yield from () if key in OPEN else _parts(_text(folder / name))
        case {"type": "secure_parameter", "value": str(value)}:
            yield value
        case {"key": str(name), "value": str(value)}:
            yield from [value] if TELLING.search(name) else []
        case dict():
            for name, member in node.items():
                private = key == "tls" and name == "key"
                yield from _parts(_text(folder / str(member))) if private else _walk(member, str(name), folder, env)
        case list():
            for member in node:
                yield from _walk(member, key, folder, env)
        case str() if key in KEYS or (TELLING.search(key) and key not in {"token_url", "token_request", "token_response"}):
            yield from _parts(node)


def _text(path: Path | str) -> str:
    try:
        return Path(path).read_text(errors="surrogateescape")
    except OSError:
        return ""  # a test that takes it away is about that


def _parts(secret: str) -> Iterator[str]:
    """The secret, and of a key each part that is one by itself."""
    text = secret.strip("\r\n")
    if "-----BEGIN" in text:
        yield from (line for line in text.replace("\\n", "\n").splitlines() if len(line) > LINE and "-----" not in line)
    elif text.startswith("{"):
        members = json.loads(text)
        for name in PRIVATE & set(members):
            yield from _parts(str(members[name]))
    elif text:
        yield text
